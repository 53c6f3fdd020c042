"""A `Generator` that says what a script tells it: the fake that must keep the same contract as the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

from refine_tui.loop.ports.thinking import Completion, Delta, ModelInfo, Request, Usage


class ScriptedGenerator:
    """Answers with the script's texts in turn, one character a token; a text's score is minus its length."""

    def __init__(self, script: Sequence[str] = ("first answer", "second answer", "third")) -> None:
        self._script = script
        self._usage = Usage()
        self._dropped: set[int] = set()

    def load(self) -> ModelInfo:
        return ModelInfo("scripted", "", "script", "", 0, 512, "CPU, 1 thread")

    def complete(self, request: Request, cancelled: Callable[[], bool]) -> Iterator[Delta | Completion]:
        self._usage = Usage(self._usage.prompt + len(request.prompt), 0, self._usage.generated)
        self._dropped.clear()
        for index, text in enumerate(islice(cycle(self._script), request.count)):
            yield from self._one(index, text, request, cancelled)

    def _one(self, index: int, script: str, request: Request, cancelled: Callable[[], bool]) -> Iterator[Delta | Completion]:
        ends = [at for stop in request.stop if (at := script.find(stop)) != -1]
        text = script[: min(ends, default=len(script))][: request.max_tokens]
        written = ""
        for letter in text:
            if cancelled() or index in self._dropped:
                yield Completion(index, written, "cancelled", len(written), -float(len(written)))
                return
            written += letter
            yield Delta(index, letter)
        self._usage = Usage(self._usage.prompt, 0, self._usage.generated + len(text))
        reason = "length" if len(text) == request.max_tokens else "stop"
        yield Completion(index, text, "length" if reason == "length" else "stop", len(text), -float(len(text)))

    def drop(self, index: int) -> None:
        self._dropped.add(index)

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Callable[[], bool]) -> list[float]:
        self._usage = Usage(self._usage.prompt + len(prompt) + sum(map(len, continuations)), 0, self._usage.generated)
        return [-float(len(text)) for text in continuations]

    def usage(self) -> Usage:
        return self._usage

    def close(self) -> None:
        return
