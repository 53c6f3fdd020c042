"""The rows of one decode, as llama.cpp takes them."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from refine_tui.llama.binding import lib


class Batch:
    """A `llama_batch` over numpy arrays, so that no token passes through ctypes one by one."""

    def __init__(self, rows: int, sequences: int) -> None:
        """Make room.

        Args:
            rows: most rows of one decode.
            sequences: how many sequence ids there are.
        """
        self._tokens: Any = np.zeros(rows, np.int32)
        self._positions: Any = np.zeros(rows, np.int32)
        self._counts: Any = np.zeros(rows, np.int32)
        self._pointers: Any = np.zeros(rows, np.uintp)
        self._outputs: Any = np.zeros(rows, np.int8)
        # A row's sequences are adjacent ids, so every row's list is a window of this one array.
        self._ids: Any = np.arange(sequences, dtype=np.int32)
        self._struct = lib.llama_batch()
        for field, values in (("token", self._tokens), ("pos", self._positions), ("n_seq_id", self._counts), ("logits", self._outputs)):
            kind = dict(lib.llama_batch._fields_)[field]
            setattr(self._struct, field, values.ctypes.data_as(kind))
        self._struct.seq_id = ctypes.cast(self._pointers.ctypes.data, dict(lib.llama_batch._fields_)["seq_id"])

    def fill(self, tokens: Any, positions: Any, first: Any, count: Any, outputs: Any) -> Any:
        """Set the rows and return the structure, valid until the next call."""
        rows = len(tokens)
        self._tokens[:rows] = tokens
        self._positions[:rows] = positions
        self._counts[:rows] = count
        self._pointers[:rows] = self._ids.ctypes.data + 4 * np.asarray(first, np.uintp)
        self._outputs[:rows] = outputs
        self._struct.n_tokens = rows
        return self._struct
