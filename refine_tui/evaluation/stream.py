"""Reads a runner's events and builds a result from them."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from refine_tui.core.evidence import CaseResult, Frame
from refine_tui.loop.ports.running import OnCase

_WAITING = 1000
"""Events kept for a reader that is slower than the runner; then the runner waits."""
_LINE_BYTES = 64 << 20
"""A longer line is none of ours."""
ENDED = object()
"""What `Lines.next` returns after the last line."""


class Lines:
    """A thread that turns a pipe into JSON objects, so that its reader can wait with a timeout."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._queue: queue.Queue[object] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True, name="runner events")
        self._thread.start()

    def next(self, timeout_s: float) -> object:
        """Return the next event (a dict), `None` when none came in time, or `ENDED`."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _read(self, pipe: IO[bytes]) -> None:
        try:
            rest = b""
            read = getattr(pipe, "read1", pipe.read)
            while (chunk := read(1 << 18)) and len(rest) < _LINE_BYTES:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"{"):
                        self._queue.put(_parsed(line))
        except (OSError, ValueError):
            pass  # the pipe was closed while it was read: the process was ended on purpose
        finally:
            self._queue.put(ENDED)


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return {"event": "torn"}  # a child was killed in the middle of a line


@dataclass
class Gathered:
    """What the events of one run, or of its several processes, said so far."""

    wanted: tuple[str, ...] | None
    on_case: OnCase | None = None
    cases: dict[str, CaseResult] = field(default_factory=dict)
    collected: list[str] = field(default_factory=list)
    broken: dict[str, CaseResult] = field(default_factory=dict)
    running: str = ""
    """The test that has started and given no result."""
    limit_s: float = 0.0
    """What each phase of it may take."""
    started: int = 0
    """Tests that were begun."""
    stuck: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Functions in which a test used up its time: `path::function` → that test, its seconds."""
    in_part: set[str] = field(default_factory=set)
    """Tests of which only the beginning was traced."""
    shared_s: float = 0.0
    """What fixtures cost that tests share."""
    coverage: dict[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    imported: Mapping[str, Sequence[int]] = field(default_factory=dict)
    edges: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    foreign: Mapping[str, str] = field(default_factory=dict)
    loaded: Sequence[str] = ()
    """Modules from outside the project that the run imported."""
    compiled: Sequence[Sequence[str]] = ()
    """Project files that it compiled: kind and path."""
    status: int | None = None
    """pytest's exit status, once it came to an end."""
    stopped: str = ""
    was_collected: bool = False
    said: list[Mapping[str, Any]] = field(default_factory=list)
    """What plugins beside the reporting one had to say."""

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        kind = event.get("event", "")
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(event)

    def remaining(self) -> tuple[str, ...]:
        """Tests that were to run and gave no outcome."""
        return tuple(node for node in self.collected if node not in self.cases)

    def add(self, case: CaseResult) -> None:
        """Take in one test's outcome."""
        self.running = ""
        self.cases[case.node_id] = case
        if self.on_case:
            self.on_case(case, len(self.cases), len(self.collected))

    def settle(self) -> None:
        """Give wanted tests of files that cannot be collected the error of their file."""
        for node in self.wanted or ():
            if node not in self.cases and (cause := self.cause_for(node)):
                self.cases[node] = CaseResult(node, "error", 0.0, cause.message, cause.details, cause.frames, None, cause.error)

    def cause_for(self, node: str) -> CaseResult | None:
        """Return the broken file or folder that holds a test."""
        return next((case for path, case in self.broken.items() if node == path or node.startswith((path + "::", path + "/"))), None)

    def _on_collected(self, event: Mapping[str, Any]) -> None:
        if not self.was_collected:
            self.collected = list(event["ids"])
        self.was_collected = True

    def _on_start(self, event: Mapping[str, Any]) -> None:
        self.running, self.limit_s = event["id"], event.get("limit", 0.0)
        self.started += 1

    def _on_result(self, event: Mapping[str, Any]) -> None:
        self.add(case_of(event))
        if event.get("place"):
            self.stuck.setdefault(event["place"], (event["id"], event.get("given") or self.limit_s))

    def _on_broken(self, event: Mapping[str, Any]) -> None:
        self.broken[event["id"]] = case_of({**event, "outcome": "error"})

    def _on_coverage(self, event: Mapping[str, Any]) -> None:
        self.coverage[event["id"]] = event["files"]
        if not event.get("whole", True):
            self.in_part.add(event["id"])

    def _on_imported(self, event: Mapping[str, Any]) -> None:
        if not self.imported:
            self.imported, self.edges = event["files"], event["edges"]

    def _on_said(self, event: Mapping[str, Any]) -> None:
        self.said.append(event)

    def _on_note(self, event: Mapping[str, Any]) -> None:
        self.dropped = tuple(event.get("dropped", self.dropped))
        self.stopped = event.get("stopped", self.stopped)

    def _on_end(self, event: Mapping[str, Any]) -> None:
        self.status, self.foreign = event["status"], event["foreign"]
        self.loaded, self.compiled, self.shared_s = event.get("loaded", ()), event.get("compiled", ()), event.get("shared", 0.0)


def case_of(event: Mapping[str, Any]) -> CaseResult:
    """Return the result that an event describes."""
    values = event.get("values")
    return CaseResult(
        node_id=event["id"],
        outcome=event["outcome"],
        duration_s=event.get("duration", 0.0),
        message=event.get("message", ""),
        details=event.get("details", ""),
        frames=tuple(Frame(path, line, function) for path, line, function in event.get("frames", ())),
        values=(values[0], values[1]) if values else None,
        error=event.get("error", ""),
        timed_out=event.get("timed_out", False),
        cut_short_s=event.get("given", 0.0),
    )


_NETWORK = ("network is unreachable", "name resolution", "name or service not known", "nodename nor servname", "no route to host")


def limits_met(cases: Iterable[CaseResult]) -> tuple[str, ...]:
    """Say which red tests wanted something that the sandbox does not give: that is no fault of the candidate."""
    wanting = (case for case in cases if case.is_red and any(sign in case.details.lower() for sign in _NETWORK))
    return tuple(f"{case.node_id} wants the network" for case in wanting)


def files_of(node_ids: Iterable[str]) -> list[str]:
    """Return the files of node ids, each once, in order."""
    return list(dict.fromkeys(node.split("::", 1)[0] for node in node_ids))
