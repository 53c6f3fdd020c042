"""What a function may be called with: what its source tells of its parameters, and values varied by hypothesis. Everything is a literal."""
