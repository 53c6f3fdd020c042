"""Numbered SQL files, each run once, in order; their number is the database's `user_version`."""
