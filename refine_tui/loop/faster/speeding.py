"""`fix --faster`: one function of a session's project, from the survey to a patch that was proved to be faster and right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from refine_tui.core.errors import UsageError
from refine_tui.core.evidence import Baseline, delta
from refine_tui.core.intervals import rounded
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.core.task import Budget, Task
from refine_tui.loop import events
from refine_tui.loop.faster.behaving import behaviour_of, misuse_in
from refine_tui.loop.faster.drafts import writer_for
from refine_tui.loop.faster.optimising import Chosen, SpeedTools, Work, optimise
from refine_tui.loop.fixing import Fixed
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.session.session import Session

GENERATIONS = 6
CHANGED_LINES = 80
UNTESTED = "untested: no passing test touches it; only recorded behaviour was compared"


@dataclass(frozen=True)
class Sped(Fixed):
    """The end of the work on one function. `solved`: a version was proved faster, with the same behaviour and no test broken."""

    scope: str
    chosen: Chosen | None
    """`None` when nothing could be tried."""

    @property
    def goal(self) -> str:
        """What was to become true."""
        return f"make {self.scope} faster"

    @property
    def helps(self) -> bool:
        """Whether the patch may be written."""
        return self.outcome == "solved"

    @property
    def more(self) -> Mapping[str, Any]:
        """What the last JSON object holds beside a fix's own: figures are `null` where nothing was compared."""
        timing = self.chosen.timing if self.chosen else None
        found = timing.comparison if timing else None
        told: dict[str, Any] = {"scope": self.scope, "verdict": found.verdict if found else None}
        told["ratio"] = rounded(found.ratio) if found else None
        told["interval"] = [rounded(found.interval.low), rounded(found.interval.high)] if found else None
        told["timed"] = [[rounded(base), rounded(other)] for base, other in timing.inputs] if timing else []
        told |= {"clock": timing.clock if timing else None, "timing_rounds": found.rounds if found else 0}
        refused = dict(self.chosen.refused) if self.chosen else {}
        return told | {"observed": self.chosen.observed if self.chosen else 0, "refused": refused}

    @property
    def words(self) -> str:
        """The figures for people."""
        found = self.chosen.timing.comparison if self.chosen and self.chosen.timing else None
        refused = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.chosen.refused.items())) if self.chosen else ""
        parts = [f"{self.scope}: {found.verdict}, {found.words}" if found else f"{self.scope}: {self.stop_reason}"]
        parts += [f"the same on {self.chosen.observed} inputs"] if self.chosen and self.outcome == "solved" else []
        return "; ".join([*parts, *([f"left out: {refused}"] if refused else [])])


@dataclass(frozen=True)
class SpeedOrder:
    """What is to become faster, and what that may cost."""

    label: str
    """`FILE::SYMBOL` of a function or method."""
    seconds: float | None
    """For everything after the survey."""
    rounds: int | None = None
    """Generations; `None`: six."""
    candidates: int | None = None
    """In a generation; `None`: all there are."""
    seed: int = 0
    note: str = ""
    """What the user says about it, for a model."""


def faster(session: Session, parts: Parts, tools: SpeedTools, order: SpeedOrder, cancelled: Cancelled) -> Iterator[events.Event]:
    """Survey, make one function faster, and end with `Sped`.

    Raises:
        UsageError: the label names nothing, or nothing that can be called.
        ProjectError: there are no tests, or the function cannot be called by value.
        StaleBaseError: the user's tree changed meanwhile.
    """
    _place(session, order.label)  # a wrong name is told before any test runs
    yield from session.survey(cancelled)
    baseline = session.state().baseline
    assert baseline is not None  # a survey ends with one or raises
    scope = _place(session, order.label)
    began = tools.clock()
    budget = Budget(order.rounds or GENERATIONS, order.seconds, order.candidates, changed_lines=CHANGED_LINES)
    goal, touching = f"make {order.label} faster", _touching(scope, baseline)
    task = Task("t1", goal, touching, (scope,), budget=budget, seed=order.seed, note=order.note)
    tree = {scope.path: parts.workspace.read(scope.path).data}
    behaviour = behaviour_of(scope, tools.observer, tools.timer, task.seed, cancelled, misuse_in(tree[scope.path]))
    if cancelled() or not behaviour.costs or not behaviour.inputs:
        yield _end(task, baseline, tree, None, cancelled())
        return
    loaded = session.load_model()
    yield loaded
    tools = replace(tools, writer=writer_for(task, parts, loaded.info, cancelled))
    left = None if order.seconds is None else max(1.0, order.seconds - (tools.clock() - began))
    for event in optimise(Work(task, scope, tools, baseline, tree, behaviour, left, cancelled)):
        yield _end(task, baseline, tree, event, cancelled()) if isinstance(event, Chosen) else event


def _place(session: Session, label: str) -> Scope:
    scope = session.scope(label)
    if scope.kind not in ("function", "method"):
        raise UsageError(f"{label}: a {scope.kind} cannot be timed. Name a function or a method.")
    return scope


def _touching(scope: Scope, baseline: Baseline) -> tuple[str, ...]:
    """Return the passing tests that execute a line of the function, the quickest first."""
    reached = baseline.coverage.tests_touching({scope.path: frozenset(range(scope.first_line, scope.last_line + 1))})
    suite = baseline.suite
    passing = [node for node in reached if node in suite.by_id and suite.by_id[node].outcome == "passed" and node not in suite.flaky]
    return tuple(sorted(passing, key=lambda node: suite.by_id[node].duration_s))


def _end(task: Task, baseline: Baseline, tree: Mapping[str, bytes], chosen: Chosen | None, was_cancelled: bool) -> Sped:
    """Return the end; `chosen` is `None` when no call could be compared."""
    label = task.scopes[0].label
    reason = chosen.reason if chosen else "no call of it gives the same result twice, quickly enough to be timed"
    member, suite = (chosen.member, chosen.suite) if chosen else (None, None)
    after, patch = suite or baseline.suite, member.patch if member else Patch()
    return Sped(
        outcome="solved" if member else "cancelled" if was_cancelled else "unsolved",
        patch=patch,
        tree={path: tree[path] for path in patch.paths},
        before=baseline.suite.counts,
        after=after.counts,
        delta=delta(baseline.suite, after),
        rounds=chosen.generations if chosen else 0,
        candidates=chosen.candidates if chosen else 0,
        executions=chosen.executions if chosen else 0,
        flags=(*(() if task.targets else (UNTESTED,)), *chosen.flags) if chosen and member else (),
        handoff="" if member else _note(label, reason, chosen),
        stop_reason=reason,
        scope=label,
        chosen=chosen,
    )


def _note(label: str, reason: str, chosen: Chosen | None) -> str:
    tried = "".join(f"\n- {one}" for one in chosen.tried) if chosen else ""
    return f"### {label} is not faster\n\nStopped: {reason}." + (f"\n\nTried, and of no help:\n{tried}" if tried else "")
