"""A GPU where there is none: this machine's CPU through llama.cpp's RPC backend, whose devices call themselves GPUs.

`rpc_device.py HOST:PORT FOLDER` serves it, the folder being that of llama.cpp's libraries; `join` makes it known to a process.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

CPU = 0


def serve(endpoint: str, folder: str) -> None:
    """Serve until killed."""
    os.chdir(folder)  # ggml looks for backends in the working folder too
    registry, rpc = library(folder, "ggml"), library(folder, "ggml-rpc")
    registry.ggml_backend_dev_by_type.restype = ctypes.c_void_p
    devices = (ctypes.c_void_p * 1)(registry.ggml_backend_dev_by_type(CPU))
    size = ctypes.c_size_t
    rpc.ggml_backend_rpc_start_server.argtypes = [ctypes.c_char_p, ctypes.c_char_p, size, size, ctypes.c_void_p * 1]
    rpc.ggml_backend_rpc_start_server(endpoint.encode(), None, 1, 1, devices)


def join(endpoint: str, folder: str) -> None:
    """Make the served device known to this process, before llama.cpp is used in it."""
    registry, rpc = library(folder, "ggml"), library(folder, "ggml-rpc")
    rpc.ggml_backend_rpc_add_server.restype = ctypes.c_void_p
    registry.ggml_backend_register(ctypes.c_void_p(rpc.ggml_backend_rpc_add_server(endpoint.encode())))


def library(folder: str, name: str) -> Any:
    """Return one of llama.cpp's libraries."""
    (path,) = (path for path in Path(folder).iterdir() if path.name in (f"lib{name}.so", f"lib{name}.dylib"))
    return ctypes.CDLL(str(path))


if __name__ == "__main__":
    serve(*sys.argv[1:])
