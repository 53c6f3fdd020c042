"""The books of a neighbourhood tool library."""
