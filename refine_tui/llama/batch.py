"""The rows of one decode, as llama.cpp takes them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refine_tui.llama.binding import lib


@dataclass(frozen=True, slots=True)
class Rows:
    """What one decode computes. A number stands for an array of equal ones."""

    tokens: Sequence[int]
    places: Any
    """0-based, in their sequences, shape (rows,)."""
    first: Any
    """The first of the adjacent sequences a row belongs to, shape (rows,)."""
    count: Any = 1
    """How many sequences that is, shape (rows,)."""
    wanted: Any = 1
    """Whether a row's logits are, shape (rows,)."""

    def like(self, other: Rows) -> bool:
        """Say whether both go to the same sequences and want the same: as the steps of a generation do."""
        plain = (self.count, self.wanted, other.count, other.wanted)
        return all(isinstance(value, int) and value == 1 for value in plain) and isinstance(self.first, list) and self.first == other.first

    @property
    def outputs(self) -> int:
        """How many rows' logits are wanted."""
        return len(self.tokens) * self.wanted if isinstance(self.wanted, int) else int(np.count_nonzero(self.wanted))


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
        self._first_id: int = self._ids.ctypes.data
        self._last = Rows((), (), ())
        self._struct = lib.llama_batch()
        for field, values in (("token", self._tokens), ("pos", self._positions), ("n_seq_id", self._counts), ("logits", self._outputs)):
            kind = dict(lib.llama_batch._fields_)[field]
            setattr(self._struct, field, values.ctypes.data_as(kind))
        self._struct.seq_id = ctypes.cast(self._pointers.ctypes.data, dict(lib.llama_batch._fields_)["seq_id"])

    def fill(self, rows: Rows) -> Any:
        """Set the rows and return the structure, valid until the next call."""
        size = len(rows.tokens)
        self._tokens[:size] = rows.tokens
        self._positions[:size] = rows.places
        if size != self._struct.n_tokens or not rows.like(self._last):
            self._counts[:size] = rows.count
            self._pointers[:size] = np.multiply(rows.first, 4) + self._first_id
            self._outputs[:size] = rows.wanted
        self._struct.n_tokens, self._last = size, rows
        return self._struct
