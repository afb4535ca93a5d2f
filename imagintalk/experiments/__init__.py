"""Experiments: each asks one question of a model and answers with a table, a plot and what every clip gave."""
