"""`refine-tui bench`: rows, ratios and shares, measured on the spot and printed as they are."""
