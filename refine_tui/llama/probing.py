"""Single parts of the engine, timed where they run. Nothing but the bench uses it."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from refine_tui.llama.batch import Rows
from refine_tui.llama.binding import Log, lib
from refine_tui.llama.devices import ALL_LAYERS
from refine_tui.llama.engine import BRANCHES
from refine_tui.llama.generation import Generation, Told
from refine_tui.llama.loading import Wish, context_size, load, open_context, open_model, usable_cores
from refine_tui.llama.plain import Spent, decode_each, timed
from refine_tui.llama.sampling import Chooser, TokenArray
from refine_tui.llama.worker import Outbox
from refine_tui.loop.ports.thinking import Adapter, Request, Sampling


class Probe:
    """A loaded engine in this process. Times are seconds of this thread's computing where not said otherwise."""

    def __init__(self, path: str, threads: int, gpu_layers: int | None) -> None:
        self._wish = Wish(path, threads=threads, gpu_layers=gpu_layers)
        self._log = Log(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        self._flag = ctypes.create_string_buffer(2)
        self._engine, self._loaded = self._load()

    def decode(self, prompt: str, following: str) -> Spent:
        """Compute `following` token by token behind the prompt, in the engine's own context with nothing of the engine around it."""
        engine = self._engine
        tokens = engine.tokenize(following, whole=False)
        with engine.prompt(engine.tokenize(prompt, whole=True)) as trunk:
            at = len(trunk.tokens)
            _, spent = timed(lambda: decode_each(engine._context, tokens, at, trunk.sequence))
            engine.drop(trunk.sequence, at)
        return spent

    def write(self, prompt: str, tokens: int) -> Spent:
        """Write greedily with all that the worker does, its answers sent to nobody."""
        with Path(os.devnull).open("wb") as nobody:
            outbox, request = Outbox(nobody), Request(prompt, 1, tokens, Sampling(0.0))
            told = Told(outbox.grow, outbox.complete)
            return timed(lambda: Generation(self._engine, request, [prompt], [[]], told).run())[1]

    def load(self) -> tuple[Spent, Spent]:
        """Load the model once more beside itself: the engine's way, and with llama.cpp's two calls alone."""
        (again, _), ours = timed(self._load)
        again.free()
        return ours, timed(self._load_bare)[1]

    def put_aside(self, prompt: str) -> tuple[Spent, Spent]:
        """Copy what a prompt computed out of the context, and back into it."""
        engine, cells = self._engine, self._engine._cells
        with engine.prompt(engine.tokenize(prompt, whole=True)) as trunk:
            data, saved = timed(lambda: cells.save(trunk.sequence, 0))
        _, restored = timed(lambda: cells.restore(BRANCHES[0], data))
        engine.drop(BRANCHES[0])
        return saved, restored

    def swap(self, paths: Sequence[str]) -> list[Spent]:
        """Put adapters in force one after the other, and none in the end; they have been loaded before."""
        adapters, sets = self._engine._adapters, [*((Adapter(path),) for path in paths), ()]
        for one in sets:
            adapters.use(one)
        return [timed(partial(adapters.use, one))[1] for one in sets]

    def choose(self, prompt: str, following: str, grammar: str, temperature: float) -> list[tuple[bool, float, float]]:
        """Choose the token after each place of `following`, with and without a grammar.

        Returns:
            For each place whether the grammar took the first choice, and the seconds with and without it.
        """
        rows = self._rows(prompt, following)
        array, sampling = Asked(self._engine.vocabulary_size), Sampling(temperature)
        with Chooser(self._engine.vocab, array, sampling, grammar, 0) as bound, Chooser(self._engine.vocab, array, sampling, "", 0) as free:
            return [chosen(bound, free, array, row) for row in rows]

    def _load(self) -> Any:
        return load(self._wish, self._log, lambda: None, ctypes.addressof(self._flag))

    def _load_bare(self) -> None:
        on_gpu = bool(self._loaded.layers_offloaded)
        model = open_model(self._wish.path, ALL_LAYERS if on_gpu else 0, self._log)
        tokens, _ = context_size(None, lib.llama_model_n_ctx_train(model))
        context = open_context(model, tokens, self._wish.threads or usable_cores(), self._log, on_gpu=on_gpu)
        lib.llama_free(context)
        lib.llama_model_free(model)

    def _rows(self, prompt: str, following: str) -> Any:
        """Return the logits after each token of `following`, shape (tokens, vocabulary)."""
        engine, rows = self._engine, []
        tokens = engine.tokenize(following, whole=False)
        with engine.prompt(engine.tokenize(prompt, whole=True)) as trunk:
            for place, token in enumerate(tokens, start=len(trunk.tokens)):
                rows.append(engine.decode(Rows([token], place, trunk.sequence))[0].copy())
            engine.drop(trunk.sequence, len(trunk.tokens))
        return np.array(rows)


class Asked(TokenArray):
    """Knows whether a grammar refused a token."""

    refused = False

    def allows(self, grammar: Any, token: int) -> bool:
        """Ask, and note a refusal."""
        allowed = super().allows(grammar, token)
        self.refused |= not allowed
        return allowed


def chosen(bound: Chooser, free: Chooser, array: Asked, row: Any) -> tuple[bool, float, float]:
    """Choose with and without a grammar; say whether its first choice was taken, and what each of the two cost in seconds."""
    row, array.refused = row.copy(), False  # in the processor's cache, as after the decode that computes it
    start = time.thread_time()
    token = bound.choose(row)
    if token is not None:
        bound.accept(token)
    middle = time.thread_time()
    if (likeliest := free.choose(row)) is not None:
        free.accept(likeliest)
    return not array.refused, middle - start, time.thread_time() - middle
