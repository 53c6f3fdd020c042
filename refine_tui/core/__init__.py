"""Values and pure functions: standard library only, no I/O, no clock, no threads, no randomness of its own."""
