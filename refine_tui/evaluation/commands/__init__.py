"""Projects that run their tests by a command of their own: found, run, and its output read."""
