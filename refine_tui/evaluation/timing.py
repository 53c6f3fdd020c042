"""The performance gate: starts the rounds of `_timing.py` in the sandbox, and stops them when the interval says enough."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import exp, log
from typing import Any, Literal

from refine_tui.core.errors import ProjectError, StaleBaseError
from refine_tui.core.intervals import LOOKS, Comparison, compare, level_at_look
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.evaluation.cold import reason_of
from refine_tui.evaluation.naming import module_names
from refine_tui.evaluation.settings import Place
from refine_tui.evaluation.stream import ENDED, Lines
from refine_tui.loop.ports.observing import CallInput
from refine_tui.loop.ports.running import Cancelled, Running, Sandbox
from refine_tui.loop.ports.timing import Cost, Timing

PASS_S = 0.001
"""How long one measured pass over an input is at least: a thousand times what a clock can tell apart."""
REPEATS = 3
"""Measured passes of each version in one round, of which the fastest counts: whatever disturbs only makes slower."""
MOST_S = 0.25
"""A call that takes longer is no input for a comparison."""
_MANY = 5000
_POLL_S = 0.04
_START_S = 20.0
"""For the sandbox and the project's imports, beside the seconds that are measured."""


class SandboxTimer:
    """Times functions of one project; see `Timer` in the ports."""

    def __init__(self, place: Callable[[], Place], sandbox: Sandbox) -> None:
        """Prepare; nothing is started. `place` finds the project's interpreter when it is first needed."""
        self._place = place
        self._sandbox = sandbox

    def costs(self, scope: Scope, inputs: Sequence[CallInput], cancelled: Cancelled, *, limit_s: float) -> tuple[Cost | None, ...]:
        """Return what each input costs on the tree as it is; see the port."""
        place = self._usable()
        text = (place.project / scope.path).read_text("utf-8", "surrogateescape")
        plan = _plan(place, scope, text, inputs) | {"wants": "costs", "most_s": MOST_S}
        found: list[Cost | None] = [None] * len(inputs)
        for event in self._events(place, plan, cancelled, limit_s):
            if event["event"] == "failed":
                raise ProjectError(f"{scope.label} cannot be timed: {event['reason']}. See that its file can be imported by itself.")
            if "seconds" in event:
                at = event["index"]
                found[at] = Cost(inputs[at], event["seconds"])
        return tuple(found)

    def compare(
        self,
        patch: Patch,
        scope: Scope,
        costs: Sequence[Cost],
        cancelled: Cancelled,
        *,
        limit_s: float,
        seed: int,
        rounds: int | None = None,
    ) -> Timing:
        """Time the tree with a patch against the tree without it; see the port."""
        place = self._usable()
        assert patch.paths in ((), (scope.path,)), "a timed patch changes the scope's file alone"
        try:
            base = (place.project / scope.path).read_bytes()
            text = patch.apply({scope.path: base}).get(scope.path, base)
        except (StaleBaseError, OSError):
            return Timing(None, stopped="stale")
        plan = _plan(place, scope, text.decode("utf-8", "surrogateescape"), [cost.input for cost in costs])
        plan |= _measure(costs, limit_s) | {"seed": seed, "rounds": rounds or LOOKS[-1]}
        rows, stopped = _Rows(seed), ""
        for event in self._events(place, plan, cancelled, limit_s):
            if event["event"] == "differs":
                return Timing(None, stopped="differs", differs=costs[event["index"]].input)
            if event["event"] == "round":
                rows.add(event)
                if rounds is None and rows.is_settled:
                    break
            else:
                stopped = _why(event) or stopped
        if not stopped and rounds is None and not rows.is_settled and len(rows.pairs) < LOOKS[-1]:
            stopped = "cancelled" if cancelled() else "time"
        return Timing(None if stopped in ("late", "stale") else rows.compared(), rows.medians(), rows.clock, stopped)

    def _usable(self) -> Place:
        place = self._place()
        if not place.interpreter.can_fork:
            raise ProjectError("Nothing can be timed here: this Python cannot fork.")
        return place

    def _events(self, place: Place, plan: Mapping[str, Any], cancelled: Cancelled, limit_s: float) -> Iterator[Mapping[str, Any]]:
        """Yield what one launch reports until it ends, is cancelled or runs out of time."""
        tools = {"plan.json": json.dumps(plan).encode()}
        launch = place.launch("_timing.py", tools=tools, files={}, wall_s=limit_s + _START_S)
        with self._sandbox.launch(launch) as running:
            yield from _followed(running, cancelled, time.monotonic() + limit_s + _START_S)


def _followed(running: Running, cancelled: Cancelled, deadline: float) -> Iterator[Mapping[str, Any]]:
    lines, ended = Lines(running.stdout), False
    while not cancelled() and time.monotonic() < deadline:
        event = lines.next(_POLL_S)
        if event is ENDED:
            if not ended:
                yield {"event": "failed", "reason": running.stopped or f"its process ended: {reason_of(running.wait(1.0))}"}
            return
        if isinstance(event, dict) and "event" in event:
            ended = ended or event["event"] in ("end", "failed")
            yield event


def _plan(place: Place, scope: Scope, candidate: str, inputs: Sequence[CallInput]) -> dict[str, Any]:
    what = {"path": scope.path, "names": module_names(place.project, scope.path), "name": scope.name, "candidate": candidate}
    return what | {"inputs": [[one.text, one.receiver] for one in inputs]}


def _measure(costs: Sequence[Cost], limit_s: float) -> dict[str, Any]:
    """Return how the inputs are measured: each pass is long enough for the clock, no round much longer than it has to be."""
    calls = [max(1, min(_MANY, round(PASS_S / max(cost.seconds, 1e-9)))) for cost in costs]
    usual = 2 * (1 + REPEATS) * sum(count * cost.seconds for count, cost in zip(calls, costs, strict=True))
    return {"wants": "rounds", "calls": calls, "repeats": REPEATS, "seconds": limit_s, "round_s": 1.0 + 10 * usual}


def _why(event: Mapping[str, Any]) -> str:
    if event["event"] == "lost":
        return "late" if event["late"] else ""
    return str(event.get("reason", ""))


class _Rows:
    """The rounds so far, and what they say at each look."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rounds: list[tuple[list[float], list[float]]] = []
        self.pairs: list[tuple[float, float]] = []
        """Geometric means over the inputs, so that each counts alike however long it takes."""
        self.clock: Literal["cpu", "wall"] = "cpu"

    def add(self, event: Mapping[str, Any]) -> None:
        self.clock = event["clock"]
        self._rounds.append((event["base"], event["candidate"]))
        self.pairs.append((_mean(event["base"]), _mean(event["candidate"])))

    @property
    def is_settled(self) -> bool:
        found = self.compared() if len(self.pairs) in LOOKS else None
        return found is not None and found.is_settled

    def compared(self) -> Comparison | None:
        draw = random.Random(self._seed)
        return compare(self.pairs, lambda values, count: draw.choices(values, k=count), level=level_at_look()) if self.pairs else None

    def medians(self) -> tuple[tuple[float, float], ...]:
        sides = [[statistics.median(column) for column in zip(*side, strict=True)] for side in zip(*self._rounds, strict=True)]
        return tuple(zip(*sides, strict=True))


def _mean(seconds: Sequence[float]) -> float:
    return exp(sum(log(max(one, 1e-12)) for one in seconds) / len(seconds))
