"""Self-Refine, grounded in execution: the loop, the ports it works through, and the session that holds its results."""
