"""What the engine is measured against: `llama_cpp.Llama` as its documentation shows it. Nothing but the bench uses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from refine_tui.llama.binding import VERSION, lib
from refine_tui.llama.devices import devices
from refine_tui.loop.ports.thinking import Device

Spent = tuple[float, float]
"""Seconds on the clock, and of computing in all threads of this process."""
SEED = 1


class Library:
    """What is installed, and what it can compute on."""

    def devices(self) -> tuple[str, tuple[Device, ...]]:
        """Return the version of llama-cpp-python and every device."""
        lib.llama_backend_init()
        return VERSION, devices()


class Plain:
    """A model in `llama_cpp.Llama`, with its own defaults except for what is passed."""

    def __init__(self, path: str, context_tokens: int, threads: int, gpu_layers: int | None) -> None:
        """Load it; `gpu_layers` as in `LlamaGenerator`: `None` is all there is a GPU for."""
        from llama_cpp import Llama

        self._options: dict[str, Any] = {
            "model_path": path,
            "n_ctx": context_tokens,
            "n_threads": threads,
            "n_threads_batch": threads,
            "n_gpu_layers": (-1 if any(device.is_gpu for device in devices()) else 0) if gpu_layers is None else gpu_layers,
            "verbose": False,
            "seed": SEED,
        }
        self._make = Llama
        self._model = Llama(**self._options)

    def tokens(self, text: str) -> int:
        """Return how many tokens a prompt has."""
        return len(self._tokens(text))

    def write(self, prompt: str, max_tokens: int, temperature: float, grammar: str = "") -> tuple[str, int, Spent]:
        """Continue a prompt; return the text, its tokens and what it cost. What the last call computed is reused, as `Llama` does."""
        from llama_cpp import LlamaGrammar

        held = LlamaGrammar.from_string(grammar, verbose=False) if grammar else None
        answer, spent = timed(lambda: self._model.create_completion(prompt, max_tokens=max_tokens, temperature=temperature, grammar=held))
        return answer["choices"][0]["text"], answer["usage"]["completion_tokens"], spent

    def decode(self, prompt: str, following: str) -> Spent:
        """Compute the prompt, then `following` token by token with nothing around it: what `llama_decode` alone costs."""
        tokens = self._tokens(following)
        self._model.reset()
        self._model.eval(self._tokens(prompt))
        context, at = self._model.ctx, self._model.n_tokens
        lib.llama_memory_seq_rm(lib.llama_get_memory(context), -1, at, -1)
        _, spent = timed(lambda: decode_each(context, tokens, at))
        self._model.reset()
        return spent

    def save_and_load(self, prompt: str) -> tuple[Spent, Spent]:
        """Keep the state after a prompt and bring it back."""
        self._model.reset()
        self._model.eval(self._tokens(prompt))
        state, saved = timed(self._model.save_state)
        _, loaded = timed(lambda: self._model.load_state(state))
        return saved, loaded

    def load(self) -> Spent:
        """Load the model once more, beside the one that is there."""
        again, spent = timed(lambda: self._make(**self._options))
        again.close()
        return spent

    def _tokens(self, text: str) -> list[int]:
        return list(self._model.tokenize(text.encode(), add_bos=bool(lib.llama_vocab_get_add_bos(self._model._model.vocab)), special=True))


def decode_each(context: Any, tokens: list[int], at: int, sequence: int = 0) -> None:
    """Compute tokens of a sequence one by one, the first at place `at`, each with its logits, and wait for the last.

    Raises:
        RuntimeError: llama.cpp refused.
    """
    batch = lib.llama_batch_init(1, 0, 1)
    batch.n_tokens = batch.n_seq_id[0] = batch.logits[0] = 1
    batch.seq_id[0][0] = sequence
    for place, token in enumerate(tokens, start=at):
        batch.token[0], batch.pos[0] = token, place
        if status := lib.llama_decode(context, batch):
            raise RuntimeError(f"llama_decode returned {status}")
        lib.llama_get_logits(context)
    lib.llama_batch_free(batch)


def timed(act: Callable[[], Any]) -> tuple[Any, Spent]:
    """Do something and return its result and its cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = act()
    return result, (time.perf_counter() - wall, time.process_time() - cpu)
