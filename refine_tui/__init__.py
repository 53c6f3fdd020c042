"""refine_tui: a pair programmer in the terminal that proves its patches."""

__version__ = "0.1.0"
