"""`fix --characterise`: tests that hold what one function does as it is, each of them run before it is proposed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from refine_tui.core.amounts import counted
from refine_tui.core.errors import UsageError
from refine_tui.core.evidence import CaseResult, Counts, Delta, SuiteResult, delta
from refine_tui.core.patch import Patch, create_file
from refine_tui.core.scope import Scope
from refine_tui.loop import events
from refine_tui.loop.authoring.conventions import bodies_of_tests, body_of, files_of_tests, manner_of, new_test_path, statement_lines
from refine_tui.loop.authoring.specimens import NOT_MADE_FOR, Choice, choose
from refine_tui.loop.authoring.spelling import Manner, Spelled, file_of, spell
from refine_tui.loop.fixing import Fixed, Outcome
from refine_tui.loop.ports.keeping import Workspace
from refine_tui.loop.ports.observing import Observer
from refine_tui.loop.ports.running import Cancelled, Evaluator
from refine_tui.loop.session.session import Session

INPUTS = 120
SECONDS = 60.0
"""For the calls, when nothing else is asked for."""
NOT_HELD = "passed when called and not as a test"


@dataclass(frozen=True)
class Characterised(Fixed):
    """The end of the work on one function. `solved`: there are tests, and each passed in three fresh processes."""

    scope: str
    tests: tuple[str, ...]
    """Node ids of the tests that the patch adds."""
    calls: int
    """Inputs that the function was called with."""
    left_out: Mapping[str, int]
    """Why calls gave no test, in words → how many."""
    reached: int
    """Statement lines of the function that its new tests execute."""
    lines: int
    """All of them."""

    @property
    def goal(self) -> str:
        """What was to become true."""
        return f"tests that hold what {self.scope} does"

    @property
    def helps(self) -> bool:
        """Whether the patch may be written."""
        return self.outcome == "solved"

    @property
    def more(self) -> Mapping[str, Any]:
        """What the last JSON object holds beside a fix's own."""
        told = {"scope": self.scope, "tests": list(self.tests), "calls": self.calls, "left_out": dict(self.left_out)}
        return told | {"lines": {"reached": self.reached, "all": self.lines}}

    @property
    def words(self) -> str:
        """The figures for people."""
        made = f"{counted(len(self.tests), 'test')} from {counted(self.calls, 'call')}"
        tests = f"{self.scope}: {made}, {self.reached} of {counted(self.lines, 'line')} reached"
        left_out = ", ".join(f"{count} because {reason}" for reason, count in sorted(self.left_out.items()))
        return tests + (f"; calls left out: {left_out}" if left_out else "")


@dataclass(frozen=True)
class Order:
    """What is to be characterised."""

    label: str
    """`FILE::SYMBOL` of a function or method."""
    seconds: float | None = None
    """For the calls."""
    seed: int = 0


@dataclass(frozen=True)
class Tools:
    """What it is done with."""

    workspace: Workspace
    evaluator: Evaluator
    observer: Observer


def characterise(session: Session, tools: Tools, order: Order, cancelled: Cancelled) -> Iterator[events.Event]:
    """Observe one function on varied inputs, propose a test file, and end with `Characterised`.

    Raises:
        UsageError: the label names nothing, or nothing that can be called.
        ProjectError: the function cannot be called by value.
    """
    scope = session.scope(order.label)
    if scope.kind not in ("function", "method"):
        raise UsageError(f"{order.label}: a {scope.kind} cannot be called. Name a function or a method.")
    before = SuiteResult()
    if files_of_tests(tools.workspace.files()):
        yield from session.survey(cancelled)
        baseline = session.state().baseline
        before = baseline.suite if baseline else before
    inputs = tools.observer.inputs(scope, count=INPUTS, seed=order.seed, cancelled=cancelled)
    yield events.Notice(f"{scope.label} is called with {len(inputs)} inputs, twice each")
    observed = tools.observer.outcomes(Patch(), scope, inputs, cancelled, limit_s=order.seconds or SECONDS)
    source = tools.workspace.read(scope.path).text
    manner = manner_of(scope, tools.workspace, tools.observer.imported_as(scope))
    there = bodies_of_tests(tools.workspace, scope)
    choice = choose(inputs, observed, source.split("\n"), lambda one: body_of(spell(scope, [one], manner)[0].lines) in there)
    work = _Work(scope, manner, tools, choice, before, len(inputs), statement_lines(source, scope), cancelled)
    if not choice.specimens:
        yield work.end(_why_nothing(observed.stopped, choice))
        return
    yield work.proven()


def _why_nothing(stopped: str, choice: Choice) -> str:
    if stopped:
        return stopped
    if choice.held:
        return f"nothing new to hold: {choice.held} of its calls are in tests already, and no other reaches more"
    reason = max(choice.left_out, key=lambda reason: choice.left_out[reason], default="it was not called")
    if reason == NOT_MADE_FOR:
        return "it takes objects that no literal stands for, and no test calls it with anything else; write its first test by hand"
    return f"no call of it can be held by a test: {reason}"


@dataclass
class _Work:
    """One proposal on its way to proof."""

    scope: Scope
    manner: Manner
    tools: Tools
    choice: Choice
    before: SuiteResult
    calls: int
    lines: frozenset[int]
    cancelled: Cancelled
    executions: int = 2

    def proven(self) -> Characterised:
        """Write the tests, leave out what does not pass, and run everything with the rest."""
        manner = self.manner
        path = new_test_path(self.scope, self.tools.workspace.files())
        tests = spell(self.scope, self.choice.specimens, manner)
        patch = create_file(path, file_of(self.scope, tests, manner).encode())
        bad = self._failing(patch, path, tests)
        if isinstance(bad, CaseResult):
            return self.end(f"the tests cannot be run: {bad.message}")
        if bad:
            self.choice = _without(self.choice, tests, bad)
            tests = tuple(test for test in tests if test.name not in bad)
            patch = create_file(path, file_of(self.scope, tests, manner).encode())
            if not tests or self._failing(patch, path, tests):
                return self.end("no test passes every time")
        return self._confirmed(patch, path, tests)

    def _failing(self, patch: Patch, path: str, tests: tuple[Spelled, ...]) -> frozenset[str] | CaseResult:
        """Run the tests in two processes; return the names of those that do not pass, or why none could be run."""
        self.executions += 2
        cases = {case.node_id: case for case in self.tools.observer.twice(patch, path, self.cancelled, limit_s=SECONDS)}
        broken = next((case for node, case in cases.items() if "::" not in node), None)
        if broken is not None or not cases:
            return broken or CaseResult(path, "error", message="pytest collects nothing from it")
        results = {test.name: cases.get(f"{path}::{test.name}") for test in tests}
        return frozenset(name for name, case in results.items() if case is None or case.outcome != "passed")

    def _confirmed(self, patch: Patch, path: str, tests: tuple[Spelled, ...]) -> Characterised:
        self.executions += 1
        limit = 30.0 + 5 * self.before.duration_s
        after = self.tools.evaluator.confirm(patch, lambda *_: None, self.cancelled, limit_s=limit)
        nodes = tuple(f"{path}::{test.name}" for test in tests)
        change = delta(self.before, after)
        red = [node for node in nodes if node in after.by_id and after.by_id[node].is_red]
        if red or change.broken or not after.complete:
            return self.end(f"with the new tests {(red or change.broken or (after.stopped,))[0]} fails")
        flags = () if nodes[0] in after.by_id else (f"pytest's configuration does not collect {path}: name it, or move it",)
        return self.end("", patch, nodes, after, change, flags)

    def end(
        self,
        reason: str,
        patch: Patch | None = None,
        tests: tuple[str, ...] = (),
        after: SuiteResult | None = None,
        change: Delta | None = None,
        flags: tuple[str, ...] = (),
    ) -> Characterised:
        """Return the end; without a patch nothing is proposed, for that reason."""
        outcome: Outcome = "solved" if patch else "cancelled" if self.cancelled() else "unsolved"
        return Characterised(
            outcome=outcome,
            patch=patch or Patch(),
            tree={},
            before=self.before.counts if self.before.cases else Counts(),
            after=(after or self.before).counts,
            delta=change or Delta(),
            rounds=0,
            candidates=0,
            executions=self.executions,
            flags=flags,
            handoff="" if patch else f"### No test for {self.scope.label}\n\nStopped: {reason}.",
            stop_reason="every test passes" if patch else reason,
            scope=self.scope.label,
            tests=tests,
            calls=self.calls,
            left_out=self.choice.left_out,
            reached=len(self.choice.reached & self.lines) if patch else 0,
            lines=len(self.lines),
        )


def _without(choice: Choice, tests: tuple[Spelled, ...], bad: frozenset[str]) -> Choice:
    """Leave out the specimens whose tests do not pass, and count them."""
    kept = tuple(one for one, test in zip(choice.specimens, tests, strict=True) if test.name not in bad)
    return Choice(kept, dict(Counter(choice.left_out) + Counter({NOT_HELD: len(bad)})))
