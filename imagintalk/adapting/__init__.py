"""A model fitted to one talker from a few clips with sound: reading, tuning, and the small file that comes of it."""
