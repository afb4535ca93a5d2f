"""A talking head drawn by code: the sample clip that is ours, and one more talker to train on."""
