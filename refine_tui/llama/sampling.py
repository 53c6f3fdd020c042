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
LIKELY = 256
"""Tokens a grammar is asked about first when it refuses the one chosen; asking about all takes milliseconds."""
TOKEN = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class TokenArray:
    """Tokens with their logits as llama.cpp's samplers take them."""

    def __init__(self, size: int) -> None:
        self._all: Any = np.arange(size, dtype=np.int32)
        self._tokens: Any = np.zeros(size, TOKEN)

    def fill(self, row: Any, ids: Any = None) -> Any:
        """Set the tokens (all of them, or some) from a row of logits, shape (vocabulary,); returns the structure."""
        chosen = self._all if ids is None else ids
        view = self._tokens[: len(chosen)]
        view["id"] = chosen
        view["logit"] = row if ids is None else row[ids]
        view["p"] = 0.0
        return self.structure(len(chosen))

    def fill_one(self, token: int) -> Any:
        """Set one token whose logit does not matter; returns the structure."""
        self._tokens[0] = (token, 0.0, 0.0)
        return self.structure(1)

    def structure(self, size: int) -> Any:
        """Return a structure over the first `size` tokens as they are."""
        data = ctypes.cast(self._tokens.ctypes.data, dict(lib.llama_token_data_array._fields_)["data"])
        return lib.llama_token_data_array(data, size, -1, False)

    def keep_allowed(self, size: int) -> int:
        """Drop the tokens that a grammar ruled out, and return how many are left."""
        view = self._tokens[:size]
        allowed = view[np.isfinite(view["logit"])]
        self._tokens[: len(allowed)] = allowed
        return len(allowed)

    def id(self, place: int) -> int:
        """Return the token at a place."""
        return int(self._tokens["id"][place])

    def best(self, size: int) -> int:
        """Return the token with the highest logit, the lowest id among equals."""
        view = self._tokens[:size]
        highest = view["id"][view["logit"] == view["logit"].max()]
        return int(highest.min())


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

    def choose(self, row: Any) -> int | None:
        """Return the next token after a row of logits, or `None` when the grammar allows none."""
        token = self._draw(self._array.fill(row)) if self._chain is not None else int(np.argmax(row))
        if self._grammar is None or self._allows(token):
            return token
        likely = np.argpartition(row, -LIKELY)[-LIKELY:].astype(np.int32) if len(row) > LIKELY else None
        chosen = self._among_allowed(row, likely)
        return self._among_allowed(row, None) if chosen is None and likely is not None else chosen

    def accept(self, token: int) -> None:
        """Tell the grammar that a token was taken."""
        if self._grammar is not None:
            lib.llama_sampler_accept(self._grammar, token)

    def _draw(self, structure: Any) -> int:
        lib.llama_sampler_apply(self._chain, ctypes.byref(structure))
        return self._array.id(structure.selected)

    def _allows(self, token: int) -> bool:
        structure = self._array.fill_one(token)
        lib.llama_sampler_apply(self._grammar, ctypes.byref(structure))
        return self._array.keep_allowed(1) == 1

    def _among_allowed(self, row: Any, ids: Any) -> int | None:
        structure = self._array.fill(row, ids)
        lib.llama_sampler_apply(self._grammar, ctypes.byref(structure))
        left = self._array.keep_allowed(structure.size)
        if not left:
            return None
        return self._draw(self._array.structure(left)) if self._chain is not None else self._array.best(left)

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
