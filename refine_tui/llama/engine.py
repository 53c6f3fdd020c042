"""One model and one context: text to tokens, tokens to logits, and prompts that start from what was computed before.

All sequences share one pool of cells. The first few ids are trunks (prompts that are kept), the others branches (continuations
under way); a branch starts as a copy of a trunk, which copies no numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from refine_tui.core.errors import ModelError
from refine_tui.llama.binding import lib
from refine_tui.llama.shared import AbortedError
from refine_tui.llama.trunks import Trunk, Trunks

TRUNKS = 8
"""Prompts kept. Every kept cell makes each later row a little dearer, so few are better than many."""
SEQUENCES = 64
"""Trunks and branches together; llama.cpp allows 256."""
BRANCHES = range(TRUNKS, SEQUENCES)
BRANCH_CELLS = 4096
"""Cells of the pool beyond one full context, for branches and further trunks."""
ROWS = 512
"""Most tokens in one decode."""
OUTPUT_BYTES = 64 * 1024 * 1024
"""Most memory for one decode's logits; it bounds the rows that may ask for them."""


class NoRoomError(Exception):
    """Raised when the pool cannot hold a batch even with every other trunk given up."""


@dataclass
class Counters:
    """Tokens, exactly counted."""

    prompt: int = 0
    reused: int = 0
    generated: int = 0


class Engine:
    """What the worker computes with. Not safe for two threads."""

    def __init__(self, model: Any, context: Any, *, context_tokens: int, step: Callable[[], None]) -> None:
        """Take over a loaded model and its context.

        Args:
            model: llama.cpp's model.
            context: llama.cpp's context, made from it with a unified cache.
            context_tokens: the most tokens one sequence may have.
            step: called before each decode; raises `AbortedError` when the request is cancelled.
        """
        self._model, self._context = model, context
        self._memory = lib.llama_get_memory(context)
        self.vocab = lib.llama_model_get_vocab(model)
        self.vocabulary_size: int = lib.llama_vocab_n_tokens(self.vocab)
        self.context_tokens = context_tokens
        self.output_rows = output_rows(self.vocabulary_size)
        self.counters = Counters()
        self._step = step
        self._trunks = Trunks(range(TRUNKS))
        self._batch = Batch()
        self._pieces: dict[int, bytes] = {}
        self._pinned: Trunk | None = None

    def tokenize(self, text: str, *, whole: bool) -> list[int]:
        """Return the tokens of a text, special ones recognised; a whole prompt begins as the model wants it."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = lib.llama_tokenize(self.vocab, data, len(data), tokens, room, whole, True)
        if count < 0:
            raise ModelError(f"llama.cpp could not tokenize a text of {len(data):,} bytes")
        found = list(tokens[:count])
        if whole and lib.llama_vocab_get_add_eos(self.vocab) and found and found[-1] == lib.llama_vocab_eos(self.vocab):
            found.pop()
        return found

    def piece(self, token: int) -> bytes:
        """Return a token's bytes, special tokens as they are written."""
        if token not in self._pieces:
            buffer = ctypes.create_string_buffer(256)
            size = lib.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, True)
            if size < 0:
                buffer = ctypes.create_string_buffer(-size)
                size = lib.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, True)
            self._pieces[token] = buffer.raw[: max(size, 0)]
        return self._pieces[token]

    def ends(self, token: int) -> bool:
        """Say whether the model means by this token that it is done."""
        return bool(lib.llama_vocab_is_eog(self.vocab, token))

    @contextmanager
    def prompt(self, tokens: Sequence[int]) -> Iterator[Trunk]:
        """Compute what is new of a prompt and give its trunk, with the logits after its last token, for use in the block."""
        trunk = self._begin(tokens)
        self._pinned = trunk
        try:
            self._extend(trunk, tokens)
            yield trunk
        finally:
            self._pinned = None

    def branch(self, trunk: Trunk, sequence: int) -> None:
        """Let a branch begin where a trunk ends."""
        self.drop(sequence)
        lib.llama_memory_seq_cp(self._memory, trunk.sequence, sequence, 0, -1)

    def drop(self, sequence: int, start: int = 0) -> None:
        """Forget a sequence's tokens from a position on."""
        lib.llama_memory_seq_rm(self._memory, sequence, start, -1)

    def decode(self, tokens: Any, positions: Any, first: Any, count: Any, outputs: Any) -> Any:
        """Compute up to `ROWS` tokens and return the logits asked for.

        Args:
            tokens: shape (rows,).
            positions: 0-based places in their sequences, shape (rows,).
            first: the first of the adjacent sequences a row belongs to, shape (rows,).
            count: how many sequences that is, shape (rows,).
            outputs: which rows' logits are wanted, shape (rows,), at most `output_rows` of them.

        Returns:
            Logits in the rows' order, shape (wanted, vocabulary), valid until the next decode.

        Raises:
            AbortedError: the client's flag was set; rows of this call are not in the cache, or must be dropped.
            NoRoomError: the pool is full.
            ModelError: llama.cpp refused.
        """
        self._step()
        batch = self._batch.fill(tokens, positions, first, count, outputs)
        while (status := lib.llama_decode(self._context, batch)) == 1:
            self._give_up_a_trunk()
        if status == 2:
            raise AbortedError
        if status:
            raise ModelError(f"llama.cpp could not compute a batch of {len(tokens)} tokens (status {status})")
        wanted = int(np.count_nonzero(outputs))
        if not wanted:
            return None
        return np.ctypeslib.as_array(lib.llama_get_logits(self._context), shape=(wanted, self.vocabulary_size))

    def _begin(self, tokens: Sequence[int]) -> Trunk:
        """Choose the prompt's trunk and bring cache and bookkeeping to the common part."""
        start = self._trunks.start(tokens)
        trunk, shared = start.trunk, start.shared
        if start.source is not None:
            self.drop(trunk.sequence)
            lib.llama_memory_seq_cp(self._memory, start.source.sequence, trunk.sequence, 0, shared)
            trunk.cut(0)
            trunk.tokens.extend(tokens[:shared])
        elif shared < len(trunk.tokens):
            self._cut(trunk, shared)
        if shared == len(tokens) and trunk.last_row is None:
            # The logits after the last token are gone, so this one token is computed again.
            self._cut(trunk, shared - 1)
        self.counters.prompt += len(tokens)
        self.counters.reused += len(trunk.tokens)
        return trunk

    def _extend(self, trunk: Trunk, tokens: Sequence[int]) -> None:
        """Compute the rest of a prompt; what is done when the client aborts stays."""
        while (at := len(trunk.tokens)) < len(tokens):
            piece = tokens[at : at + ROWS]
            outputs: Any = np.zeros(len(piece), np.int8)
            outputs[-1] = at + len(piece) == len(tokens)
            places = np.arange(at, at + len(piece))
            trunk.last_row = None
            try:
                rows = self.decode(piece, places, np.full(len(piece), trunk.sequence), np.ones(len(piece)), outputs)
            except (AbortedError, NoRoomError, ModelError):
                self._cut(trunk, at)
                raise
            trunk.tokens.extend(piece)
            if rows is not None:
                trunk.last_row = rows[-1].copy()

    def _cut(self, trunk: Trunk, length: int) -> None:
        trunk.cut(length)
        self.drop(trunk.sequence, length)

    def _give_up_a_trunk(self) -> None:
        victim = self._trunks.oldest_except(self._pinned)
        if victim is None:
            raise NoRoomError
        self._cut(victim, 0)


def output_rows(vocabulary_size: int) -> int:
    """Return how many rows of one decode may ask for logits: between `SEQUENCES` and `ROWS`."""
    return max(SEQUENCES, min(ROWS, OUTPUT_BYTES // (4 * vocabulary_size)))


class Batch:
    """A `llama_batch` over numpy arrays, so that no token passes through ctypes one by one."""

    def __init__(self) -> None:
        self._tokens: Any = np.zeros(ROWS, np.int32)
        self._positions: Any = np.zeros(ROWS, np.int32)
        self._counts: Any = np.zeros(ROWS, np.int32)
        self._pointers: Any = np.zeros(ROWS, np.uintp)
        self._outputs: Any = np.zeros(ROWS, np.int8)
        # A row's sequences are adjacent ids, so every row's list is a window of this one array.
        self._ids: Any = np.arange(SEQUENCES, dtype=np.int32)
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
