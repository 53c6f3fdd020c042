"""One model and one context: text to tokens, tokens to logits, and prompts that start from what was computed before.

All sequences share one pool of cells. The first ids are for what is kept, the others for branches (continuations under way); a
branch starts as a copy of a kept sequence, which copies no numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from refine_tui.core.errors import ModelError
from refine_tui.llama.adapters import LoadedAdapters
from refine_tui.llama.batch import Batch, Rows
from refine_tui.llama.binding import lib, logits_address
from refine_tui.llama.counting import Counters, Holding
from refine_tui.llama.pacing import ON_CPU, Costs
from refine_tui.llama.prefixes import Entry, Prefixes
from refine_tui.llama.remembered import Piece
from refine_tui.llama.shared import AbortedError
from refine_tui.loop.ports.thinking import Adapter

KEPT = 24
"""Sequences kept in the context, one of them for what is brought back."""
SEQUENCES = 80
"""Kept ones and branches together; llama.cpp allows 256."""
BRANCHES = range(KEPT, SEQUENCES)
BRANCH_CELLS = 4096
"""Cells of the pool beyond one full context, for branches and what is kept."""
SENTENCE_PIECES = 1
"""llama.cpp's number for this kind of vocabulary."""
ROWS = 512
"""Most tokens in one decode; fewer where each takes long, see `loading.rows_of`."""
SAVED_BYTES = 512 * 1024 * 1024
OUTPUT_BYTES = 64 * 1024 * 1024
"""Most memory for one decode's logits; it bounds the rows that may ask for them."""


class NoRoomError(Exception):
    """Raised when the pool cannot hold a batch even with everything else saved or forgotten."""


@dataclass(frozen=True, slots=True)
class Memory:
    """How an engine keeps what it computed."""

    compact: bool = True
    """Whether only what the prompt in use shares stays in the context: where every used cell makes every row dearer."""
    saved_bytes: int = SAVED_BYTES
    """Most memory for what is kept outside the context."""
    costs: Costs | None = ON_CPU
    """What guessed tokens cost; `None`: none are guessed."""


class Engine:
    """What the worker computes with. Not safe for two threads."""

    def __init__(
        self, model: Any, context: Any, *, context_tokens: int, step: Callable[[], None], memory: Memory, adapters: LoadedAdapters
    ) -> None:
        """Take over a loaded model and its context.

        Args:
            model: llama.cpp's model.
            context: llama.cpp's context, made from it with a unified cache.
            context_tokens: the most tokens one sequence may have.
            step: called before each decode; raises `AbortedError` when the request is cancelled.
            memory: how to keep what was computed.
            adapters: those of this model.
        """
        self._model, self._context = model, context
        self._cells = ContextCells(context)
        self.vocab = lib.llama_model_get_vocab(model)
        self._adds_spaces = lib.llama_vocab_type(self.vocab) == SENTENCE_PIECES
        self.vocabulary_size: int = lib.llama_vocab_n_tokens(self.vocab)
        self.context_tokens = context_tokens
        self.rows: int = lib.llama_n_ubatch(context)
        self.output_rows: int = min(self.rows, output_rows(self.vocabulary_size))
        self.counters = Counters()
        self.prefixes = Prefixes(self._cells, range(KEPT), budget_bytes=memory.saved_bytes, compact=memory.compact, counters=self.counters)
        self.costs, self._adapters = memory.costs, adapters
        self._step = step
        self._batch = Batch(ROWS, SEQUENCES)
        self._pieces: dict[int, bytes] = {}
        self._logits_at = 0
        self._logits_seen: Any = np.zeros((0, 0), np.float32)

    def tokenize(self, text: str, *, whole: bool) -> list[int]:
        """Return the tokens of a text, special ones recognised; a whole prompt begins as the model wants it."""
        data = text.encode("utf-8", "replace")
        if whole or not self._adds_spaces:
            return self._tokens(data, whole=whole)
        # Such a vocabulary puts a space before every text; behind a line end it does not.
        line_end = self._tokens(b"\n", whole=False)
        found = self._tokens(b"\n" + data, whole=False)
        return found[len(line_end) :] if found[: len(line_end)] == line_end else self._tokens(data, whole=False)

    def _tokens(self, data: bytes, *, whole: bool) -> list[int]:
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

    def free(self) -> None:
        """Give model and context back; nothing of this engine may be used afterwards."""
        lib.llama_free(self._context)
        lib.llama_model_free(self._model)

    def holding(self) -> Holding:
        """Return what is kept now."""
        return Holding(self.prefixes.cells_used(), self.prefixes.saved_bytes())

    def prompt_tokens(self, pieces: Sequence[Piece]) -> list[int]:
        """Return the tokens of a prompt given in parts."""
        tokens: list[int] = []
        for piece in pieces:
            tokens += piece if isinstance(piece, list) else self.tokenize(piece, whole=not tokens)
        return tokens

    @contextmanager
    def prompt(self, tokens: Sequence[int], adapters: Sequence[Adapter] = ()) -> Iterator[Entry]:
        """Compute what is new of a prompt and give its sequence, with the logits after its last token, for use in the block.

        Raises:
            AbortedError, NoRoomError, ModelError: as `decode`, or an adapter cannot be used.
        """
        self._adapters.use(adapters)
        trunk = self._begin(list(tokens))
        try:
            self._extend(trunk, tokens)
            yield trunk
        finally:
            self.prefixes.release()

    def branch(self, trunk: Entry, sequence: int) -> None:
        """Let a branch begin where a kept sequence ends."""
        self.drop(sequence)
        self._cells.copy(trunk.sequence, sequence, 0, -1)

    def keep(self, sequence: int, tokens: list[int]) -> None:
        """Keep a branch of the prompt in use for prompts that go on from it; its id may be used again."""
        self.drop(sequence, len(tokens))
        self.prefixes.keep(sequence, tokens, self._adapters.in_force)

    def drop(self, sequence: int, start: int = 0) -> None:
        """Forget a sequence's tokens from a position on."""
        self._cells.drop(sequence, start)

    def decode(self, rows: Rows) -> Any:
        """Compute up to `rows` tokens, at most `output_rows` of them with logits.

        Returns:
            Logits in the rows' order, shape (wanted, vocabulary), valid until the next decode.

        Raises:
            AbortedError: the client's flag was set; rows of this call are not in the cache, or must be dropped.
            NoRoomError: the pool is full.
            ModelError: llama.cpp refused.
        """
        self._step()
        batch = self._batch.fill(rows)
        while (status := lib.llama_decode(self._context, batch)) == 1:
            if not self.prefixes.make_room():
                raise NoRoomError
        if status == 2:
            raise AbortedError
        if status:
            raise ModelError(f"llama.cpp could not compute a batch of {len(rows.tokens)} tokens (status {status})")
        self.counters.decodes += 1
        self.counters.rows += len(rows.tokens)
        return self._logits(rows.outputs)

    def _logits(self, count: int) -> Any:
        """Return the rows of logits that the last decode left, shape (count, vocabulary)."""
        if not count:
            return None
        address = logits_address(self._context)
        if address != self._logits_at or count > len(self._logits_seen):
            kind = ctypes.c_float * (count * self.vocabulary_size)
            self._logits_seen = np.frombuffer(kind.from_address(address), np.float32).reshape(count, self.vocabulary_size)
            self._logits_at = address
        return self._logits_seen[:count]

    def _begin(self, tokens: list[int]) -> Entry:
        """Choose the prompt's sequence, holding what is known of it."""
        trunk = self.prefixes.begin(tokens, self._adapters.in_force)
        if len(trunk.tokens) == len(tokens) and trunk.last_row is None:
            # The logits after the last token are gone, so this one token is computed again.
            self.prefixes.cut(trunk, len(tokens) - 1)
        self.counters.prompt += len(tokens)
        self.counters.reused += len(trunk.tokens)
        return trunk

    def _extend(self, trunk: Entry, tokens: Sequence[int]) -> None:
        """Compute the rest of a prompt; what is done when the client aborts stays."""
        try:
            while (at := len(trunk.tokens)) < len(tokens):
                piece = tokens[at : at + self.rows]
                wanted: Any = np.zeros(len(piece), np.int8)
                wanted[-1] = at + len(piece) == len(tokens)
                try:
                    rows = self.decode(Rows(piece, np.arange(at, at + len(piece)), trunk.sequence, wanted=wanted))
                except (AbortedError, NoRoomError, ModelError):
                    self.prefixes.cut(trunk, at)
                    raise
                self.prefixes.grow(trunk, piece, None if rows is None else rows[-1].copy())
        finally:
            self.prefixes.index(trunk)


class ContextCells:
    """The context's memory, as what is kept in it asks for it."""

    def __init__(self, context: Any) -> None:
        self._context, self._memory = context, lib.llama_get_memory(context)

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` share the cells of `source` for some places; an `end` of -1 is its end."""
        lib.llama_memory_seq_cp(self._memory, source, target, start, end)

    def drop(self, sequence: int, start: int = 0) -> None:
        """Forget a sequence's places from `start` on."""
        lib.llama_memory_seq_rm(self._memory, sequence, start, -1)

    def save(self, sequence: int, start: int) -> Any:
        """Return the bytes that make up a sequence from place `start` on, shape (bytes,)."""
        part = KEPT - 1
        self.copy(sequence, part, start, -1)
        data: Any = np.empty(lib.llama_state_seq_get_size(self._context, part), np.uint8)
        written = lib.llama_state_seq_get_data(self._context, byte_pointer(data), len(data), part)
        self.drop(part)
        return data[:written]

    def restore(self, sequence: int, saved: Any) -> bool:
        """Put saved places into free cells; `False`: there are too few."""
        if lib.llama_state_seq_set_data(self._context, byte_pointer(saved), len(saved), sequence):
            return True
        self.drop(sequence)
        return False


def byte_pointer(data: Any) -> Any:
    """Return a pointer to an array's first byte."""
    return data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


def output_rows(vocabulary_size: int) -> int:
    """Return how many rows of one decode may ask for logits: between `SEQUENCES` and `ROWS`."""
    return max(SEQUENCES, min(ROWS, OUTPUT_BYTES // (4 * vocabulary_size)))
