"""Chunks made ahead by other processes, handed out in order: what one core makes does not keep a GPU busy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Self

from refine_tui.learn.training import MakeChunk, Tokens

AHEAD = 2
"""Chunks a process may be ahead of the one that is read."""

_make: MakeChunk | None = None
"""In a maker's process: what it was started with."""


def _start(make: MakeChunk) -> None:
    global _make  # a pool hands its initialiser's work to its tasks by a global only
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _make = make


def _run(chunk: int) -> Sequence[Tokens]:
    assert _make is not None
    return _make(chunk)


class Makers:
    """A pool that makes chunks before they are asked for; what comes out is what `make` gives, in any number of processes."""

    def __init__(self, make: MakeChunk, processes: int) -> None:
        self._ahead = AHEAD * processes
        self._pool = ProcessPoolExecutor(processes, get_context("spawn"), _start, (make,))
        self._under_way: dict[int, Future[Sequence[Tokens]]] = {}

    def __call__(self, chunk: int) -> Sequence[Tokens]:
        """Return the chunk with this number; the next ones are begun."""
        for number in range(chunk, chunk + 1 + self._ahead):
            if number not in self._under_way:
                self._under_way[number] = self._pool.submit(_run, number)
        return self._under_way.pop(chunk).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
