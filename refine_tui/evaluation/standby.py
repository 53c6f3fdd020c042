"""A fresh process that has started and imported the test runner before it is known what it is to run: proof without the wait for that.

It is as fresh as any other: nothing of the project is imported or compiled in it before its plan arrives, and it serves one run.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from refine_tui.core.errors import RefineError
from refine_tui.evaluation.settings import LONG_S, Place
from refine_tui.evaluation.stream import ENDED, Lines
from refine_tui.loop.ports.running import Cancelled, Running, Sandbox

_READY_S = 60.0
"""Longest wait for a process that was started earlier; then one is started anew."""
_POLL_S = 0.04


@dataclass
class Standing:
    """One process that waits for its plan."""

    running: Running
    lines: Lines

    def begin(self, plan: Mapping[str, object], files: Mapping[str, bytes], cancelled: Cancelled) -> bool:
        """Hand over the plan and what is laid over the project; `False`: it is not fit for that."""
        if not self._hears("ready", cancelled):
            return False
        texts = {path: base64.b64encode(data).decode() for path, data in files.items()}
        try:
            self.running.stdin.write(json.dumps({"plan": plan, "files": texts}).encode() + b"\n")
            self.running.stdin.flush()
        except (OSError, ValueError):
            return False
        return self._hears("begun", cancelled)

    def end(self) -> None:
        """End it and what it holds."""
        self.running.kill()
        self.running.__exit__(None, None, None)

    def _hears(self, word: str, cancelled: Cancelled) -> bool:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline and not cancelled():
            event = self.lines.next(_POLL_S)
            if event is ENDED:
                return False
            if isinstance(event, dict):
                return bool(event.get("event") == word)
        return False


@dataclass
class Standby:
    """At most one process that waits. Every method may be called from any thread."""

    place: Place
    sandbox: Sandbox
    _future: Future[Standing] | None = None
    _is_closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "standby"))

    def prepare(self) -> None:
        """Start a process, unless one is there; returns at once."""
        if not (self.sandbox.can_nest and self.place.settings.overlap):
            return  # copies have to be truly separate
        with self._lock:
            if self._future is None and not self._is_closed:
                self._future = self._pool.submit(self._start)

    def begin(self, plan: Mapping[str, object], files: Mapping[str, bytes], cancelled: Cancelled) -> Standing | None:
        """Return a process that has begun with a plan, for the caller to end; `None`: none is there, or it is not fit."""
        future = self._taken()
        if future is None:
            return None
        try:
            standing = future.result()
        except RefineError:
            return None
        if standing.begin(plan, files, cancelled):
            return standing
        standing.end()
        return None

    def drop(self) -> None:
        """End what waits: the tree is another one."""
        if (future := self._taken()) is not None:
            future.add_done_callback(_end)

    def close(self) -> None:
        """End what waits, for good; safe more than once."""
        with self._lock:
            self._is_closed = True
        self.drop()
        self._pool.shutdown(wait=False)

    def _taken(self) -> Future[Standing] | None:
        with self._lock:
            future, self._future = self._future, None
        return future

    def _start(self) -> Standing:
        runner = "pytest" if self.place.interpreter.pytest else "unittest"
        tools = {"plan.json": json.dumps({"runner": runner, "waits": True}).encode()}
        running = self.sandbox.launch(self.place.launch("_cold.py", tools=tools, files={}, wall_s=LONG_S))
        return Standing(running, Lines(running.stdout))


def _end(future: Future[Standing]) -> None:
    with suppress(RefineError):
        future.result().end()
