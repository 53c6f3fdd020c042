"""How one candidate's next token is chosen from a row of logits: greedy or llama.cpp's own samplers, with or without a grammar."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from refine_tui.core.errors import ModelError
from refine_tui.llama.binding import lib
from refine_tui.loop.ports.thinking import Sampling

SEEDS = 1 << 31
"""Seeds lie below this; llama.cpp takes 2**32 - 1 to mean `any`."""
STRIDE, ABOVE = 64, 2
"""The likely tokens are those above the second highest of every 64th logit: one or two hundred of them. A grammar is asked about
these first when it refuses the one chosen; asking about all takes milliseconds."""
NEXT_BEST = 4
"""Tokens a grammar is asked about one by one, greedily, before it is asked about all likely ones: most often one of them will do."""
TOKEN = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class TokenArray:
    """Tokens with their logits as llama.cpp's samplers take them."""

    def __init__(self, size: int) -> None:
        self._all: Any = np.arange(size, dtype=np.int32)
        self._above: Any = np.zeros(size, bool)
        self._tokens: Any = np.zeros(size, TOKEN)
        self._structure = lib.llama_token_data_array()
        self._structure.data = ctypes.cast(self._tokens.ctypes.data, dict(lib.llama_token_data_array._fields_)["data"])
        self._pointer = ctypes.byref(self._structure)

    def fill(self, row: Any, ids: Any = None) -> int:
        """Set the tokens (all of them, or some) from a row of logits, shape (vocabulary,), and return how many."""
        chosen = self._all if ids is None else ids
        view = self._tokens[: len(chosen)]
        view["id"] = chosen
        view["logit"] = row if ids is None else row[ids]
        view["p"] = 0.0
        return len(chosen)

    def likely(self, row: Any) -> Any:
        """Return the tokens with the highest logits, one or two hundred; of a small vocabulary all."""
        if len(row) <= STRIDE * STRIDE:
            return self._all
        sample = row[::STRIDE]
        np.greater_equal(row, np.partition(sample, len(sample) - ABOVE)[len(sample) - ABOVE], out=self._above)
        return np.flatnonzero(self._above).astype(np.int32)

    def apply(self, sampler: Any, size: int) -> int:
        """Let a sampler work on the first `size` tokens; returns the place of the one it chose, if it chooses."""
        structure = self._structure
        structure.size, structure.selected, structure.sorted = size, -1, False
        lib.llama_sampler_apply(sampler, self._pointer)
        return int(structure.selected)

    def allows(self, grammar: Any, token: int) -> bool:
        """Say whether a grammar takes a token."""
        self._tokens[0] = (token, 0.0, 0.0)
        self.apply(grammar, 1)
        return bool(self._tokens["logit"][0] == 0.0)

    def keep_allowed(self, grammar: Any, size: int) -> int:
        """Drop the tokens that a grammar rules out, and return how many are left."""
        self.apply(grammar, size)
        view = self._tokens[:size]
        allowed = view[np.isfinite(view["logit"])]
        self._tokens[: len(allowed)] = allowed
        return len(allowed)

    def id(self, place: int) -> int:
        """Return the token at a place."""
        return int(self._tokens["id"][place])

    def best_allowed(self, grammar: Any, size: int) -> int | None:
        """Return the token with the highest logit that a grammar does not rule out, the first among equals."""
        self.apply(grammar, size)
        place = int(self._tokens["logit"][:size].argmax())
        return self.id(place) if np.isfinite(self._tokens["logit"][place]) else None


class Chooser:
    """Chooses one candidate's tokens. A context manager: its samplers are freed on leaving."""

    def __init__(self, vocab: Any, array: TokenArray, sampling: Sampling, grammar: str, index: int) -> None:
        """Build the samplers of candidate `index`, whose seed is the request's plus its index.

        Args:
            vocab: llama.cpp's vocabulary.
            array: room for the whole vocabulary; the choosers of one request share it.
            sampling: as requested.
            grammar: GBNF, or empty.
            index: 0-based.

        Raises:
            ModelError: the grammar cannot be read.
        """
        self._array = array
        self._grammar = grammar_sampler(vocab, grammar) if grammar else None
        self._chain = None if sampling.temperature <= 0 else sampler_chain(sampling, (sampling.seed + index) % SEEDS)
        self._most = max(sampling.top_k, 0)

    def choose(self, row: Any) -> int | None:
        """Return the next token after a row of logits, or `None` when the grammar allows none."""
        if self._chain is None:
            token, likely = int(row.argmax()), None
        else:
            likely = self._array.likely(row) if self._most else None
            token = self._freely(row, likely)
        if self._grammar is None or self._array.allows(self._grammar, token):
            return token
        if self._chain is None and (following := self._next_best(row, token)) is not None:
            return following
        chosen = self._among_allowed(row, self._array.likely(row) if likely is None else likely)
        return self._among_allowed(row, None) if chosen is None else chosen

    def _freely(self, row: Any, likely: Any) -> int:
        """Draw without the grammar. A chain that begins with the k highest needs no more than the likely ones, where these are enough."""
        return self._draw(self._array.fill(row, likely if likely is not None and len(likely) >= self._most else None))

    def _next_best(self, row: Any, refused: int) -> int | None:
        """Return the first of the next highest tokens that the grammar takes; the row is as before afterwards."""
        hidden: dict[int, Any] = {}
        try:
            for _ in range(NEXT_BEST):
                hidden[refused], row[refused] = row[refused], -np.inf
                refused = int(row.argmax())
                if self._array.allows(self._grammar, refused):
                    return refused
        finally:
            for token, logit in hidden.items():
                row[token] = logit
        return None

    def accept(self, token: int) -> None:
        """Tell the grammar that a token was taken."""
        if self._grammar is not None:
            lib.llama_sampler_accept(self._grammar, token)

    def _draw(self, size: int) -> int:
        return self._array.id(self._array.apply(self._chain, size))

    def _among_allowed(self, row: Any, ids: Any) -> int | None:
        size = self._array.fill(row, ids)
        if self._chain is None:
            return self._array.best_allowed(self._grammar, size)
        left = self._array.keep_allowed(self._grammar, size)
        return self._draw(left) if left else None

    def __enter__(self) -> Chooser:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the samplers."""
        for sampler in (self._chain, self._grammar):
            if sampler is not None:
                lib.llama_sampler_free(sampler)
        self._chain = self._grammar = None


def grammar_sampler(vocab: Any, grammar: str) -> Any:
    """Return a sampler that knows what may follow.

    Raises:
        ModelError: the text is not GBNF with a rule `root`; a null sampler in use would end the process.
    """
    sampler = lib.llama_sampler_init_grammar(vocab, grammar.encode("utf-8", "replace").replace(b"\0", b" "), b"root")
    if not sampler:
        raise ModelError("the grammar cannot be read: it must be GBNF with a rule named root; the model's log says where it fails")
    return sampler


def sampler_chain(sampling: Sampling, seed: int) -> Any:
    """Return top-k, top-p, min-p, temperature and the draw, in this order."""
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    if sampling.top_k > 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_min_p(sampling.min_p, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_temp(sampling.temperature))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_dist(seed))
    return chain
