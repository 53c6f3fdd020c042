"""GGUF files: which ones there are, what their headers and cards say, and whether they fit into memory. Nothing is loaded here."""
