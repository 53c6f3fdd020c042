"""Requests under way for one call, each on a thread of its own: whoever waits can always be told to go on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from refine_tui.loop.ports.thinking import Delta
from refine_tui.remote.answers import Answer
from refine_tui.remote.exchange import Exchange, Server

POLL_S = 0.02
"""How often a waiting caller looks whether it was cancelled."""


@dataclass(frozen=True, slots=True)
class Over:
    """A request has ended."""

    group: tuple[int, ...]
    """The answers it was for."""
    error: Exception | None = None


@dataclass
class Round:
    """One call of the port, until its caller leaves or another call begins."""

    server: Server
    answers: list[Answer] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    _told: queue.SimpleQueue[Delta | Over] = field(default_factory=queue.SimpleQueue)
    dropped: set[int] = field(default_factory=set)
    """Answers the caller does not want any more."""
    _exchanges: dict[Exchange, tuple[int, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, group: tuple[int, ...], work: Callable[[], None]) -> None:
        """Do something on a thread, and tell its end."""

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller waits for it
                self._told.put(Over(group, error))
            else:
                self._told.put(Over(group))

        threading.Thread(target=run, name="refine-remote", daemon=True).start()

    def exchange(self, group: tuple[int, ...]) -> Exchange:
        """Return a request for some answers, that ends with the round."""
        made = Exchange(self.server)
        with self._lock:
            self._exchanges[made] = group
        if self.stop.is_set():
            made.abort()
        return made

    def drop(self, index: int) -> None:
        """Take no more of an answer; a request that is for dropped ones alone ends."""
        if index >= len(self.answers):
            return
        self.dropped.add(index)
        self.answers[index].lose()
        with self._lock:
            for exchange, group in self._exchanges.items():
                if self.dropped.issuperset(group):
                    exchange.abort()

    def tell(self, delta: Delta) -> None:
        """Tell the caller what came."""
        self._told.put(delta)

    def wait(self, cancelled: Callable[[], bool]) -> Delta | Over | None:
        """Return what is told next; `None` once the caller or another call ends the round."""
        while not (self.stop.is_set() or cancelled()):
            with suppress(queue.Empty):
                return self._told.get(timeout=POLL_S)
        return None

    def abort(self) -> None:
        """End every request, from any thread."""
        self.stop.set()
        with self._lock:
            for exchange in self._exchanges:
                exchange.abort()
