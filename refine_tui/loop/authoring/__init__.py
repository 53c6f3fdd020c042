"""Tests that the loop writes: one that fails first for a goal in words, and some that hold what code does as it is."""
