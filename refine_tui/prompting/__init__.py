"""From values to prompt text and from a model's answer to edits: one module for each way a model wants to be asked."""
