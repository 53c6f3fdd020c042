"""A command of the user's that a change must not make slower: base and candidate in turns, and a verdict only when the interval says so."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any

from refine_tui.core.evidence import GateResult
from refine_tui.core.intervals import LOOKS, Comparison, compare, level_at_look
from refine_tui.core.isolation import Limits
from refine_tui.evaluation.settings import Place, processor_s
from refine_tui.evaluation.stream import ENDED, Lines
from refine_tui.evaluation.tools import stand_alone
from refine_tui.loop.ports.running import Launch, Running, Sandbox

LIMIT_S = 60.0
"""Seconds for all rounds of one command."""
BUSY = (0.3, 1.2)
"""A run that computes for less or more than these shares of its time waits for something, or uses several cores: then the clock counts."""
_POLL_S = 0.04

Watched = Callable[[Running], AbstractContextManager[None]]


@dataclass(frozen=True)
class _Cost:
    """One run of the command."""

    wall_s: float
    cpu_s: float
    status: int

    @property
    def is_steady(self) -> bool:
        """Whether what it computed is what it took."""
        return BUSY[0] <= self.cpu_s / max(self.wall_s, 1e-9) <= BUSY[1]

    def seconds(self, *, on_cpu: bool) -> float:
        """Return what counts."""
        return max(self.cpu_s if on_cpu else self.wall_s, 1e-6)


class _Side:
    """The command in a copy of its own that lives as long as the comparison: a later run finds what an earlier one cached."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self._lines = Lines(running.stdout)

    def run(self, deadline: float) -> _Cost | None:
        """Run it once; `None` when it did not end in time, or its process is gone."""
        try:
            self.running.stdin.write(b"\n")
            self.running.stdin.flush()
        except (OSError, ValueError):
            return None
        while time.monotonic() < deadline:
            event: Any = self._lines.next(_POLL_S)
            if event is ENDED:
                return None
            if isinstance(event, dict) and event.get("event") == "run":
                return _Cost(event["wall_s"], event["cpu_s"], event["status"])
        return None

    @property
    def last_words(self) -> str:
        """What it printed last."""
        lines = [line.strip() for line in self.running.stderr_tail.splitlines() if line.strip()]
        return self.running.stopped or (lines[-1][:200] if lines else "it printed nothing")


class TimedCommand:
    """Compares what a command costs with some files and with others."""

    def __init__(self, place: Place, sandbox: Sandbox, command: str, watched: Watched, *, limit_s: float = LIMIT_S) -> None:
        """Prepare; `watched` is entered with each process that runs, so that it can be ended from elsewhere."""
        self._place, self._sandbox, self._command = place, sandbox, command
        self._watched, self._limit_s = watched, limit_s

    def compare(self, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> GateResult:
        """Run it in turns with these contents over the tree; only `slower`, or failing where it passed, counts against the change."""
        began = time.monotonic()
        with ExitStack() as stack:
            base, candidate = (self._started(stack, files) for files in (before, after))
            found = self._raced(base, candidate, began + self._limit_s)
        return replace(found, seconds=time.monotonic() - began)

    def _started(self, stack: ExitStack, files: Mapping[str, bytes]) -> _Side:
        wall_s = 2 * self._limit_s
        launch = Launch(
            argv=(str(self._place.interpreter.path), "-I", "-S", "{tools}/_rounds.py"),
            project=self._place.project,
            readable=self._place.interpreter.roots,
            files=files,
            tools={**stand_alone(), "plan.json": json.dumps({"command": self._command}).encode()},
            environment=self._place.environment(),
            limits=Limits(wall_s=wall_s, cpu_s=processor_s(self._place.settings.limits, wall_s)),
        )
        running = stack.enter_context(self._sandbox.launch(launch))
        stack.enter_context(self._watched(running))
        return _Side(running)

    def _raced(self, base: _Side, candidate: _Side, deadline: float) -> GateResult:
        rounds: list[tuple[_Cost, _Cost]] = []
        draw, found = random.Random(0), None
        while len(rounds) <= LOOKS[-1]:  # the first round warms both up and is not counted
            order = draw.sample((0, 1), 2) if rounds else (0, 1)
            costs = {place: (base, candidate)[place].run(deadline) for place in order}
            if wrong := self._wrong(base, candidate, costs[0], costs[1], is_first=not rounds):
                return wrong
            if costs[0] is None or costs[1] is None:
                break
            rounds.append((costs[0], costs[1]))
            found = _compared(rounds) if len(rounds) - 1 in LOOKS else found
            if found is not None and found.is_settled:
                break
        return self._verdict(found, max(0, len(rounds) - 1))

    def _wrong(self, base: _Side, candidate: _Side, first: _Cost | None, second: _Cost | None, *, is_first: bool) -> GateResult | None:
        """Return what there is to say when a run did not go as it should."""
        if first is not None and first.status:
            return self._result(f"could not be timed: {base.last_words}", ran=False)
        if second is not None and second.status:
            return self._result(f"fails: {candidate.last_words}", ok=False)
        if is_first and second is None and first is not None and first.wall_s < self._limit_s / 4:
            return self._result(f"does not end: {first.wall_s:.2g} s without the change", ok=False)
        return None

    def _verdict(self, found: Comparison | None, count: int) -> GateResult:
        if found is None:
            return self._result(f"too slow to be compared: {count} of {LOOKS[0]} rounds in {self._limit_s:g} s", ran=False)
        return self._result(f"{found.verdict}: {found.words}, {found.rounds} rounds", ok=found.verdict != "slower")

    def _result(self, summary: str, *, ok: bool = True, ran: bool = True) -> GateResult:
        return GateResult(f"time of {self._command}", ok, summary, kind="command", ran=ran)


def _compared(rounds: list[tuple[_Cost, _Cost]]) -> Comparison:
    on_cpu = all(cost.is_steady for cost in rounds[0])
    pairs = [(base.seconds(on_cpu=on_cpu), candidate.seconds(on_cpu=on_cpu)) for base, candidate in rounds[1:]]
    draw = random.Random(len(rounds))
    return compare(pairs, lambda values, count: draw.choices(values, k=count), level=level_at_look())
