"""The parts screens are built of. No widget knows the app."""
