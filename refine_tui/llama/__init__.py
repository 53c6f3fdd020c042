"""The model in its own process: llama.cpp through its low-level interface, and the client that the rest of the program uses.

`client.LlamaGenerator` implements the `Generator` port. Everything else runs in the worker, and only `binding`, and the bench's `plain`,
import `llama_cpp`, so that the program starts without it.
"""
