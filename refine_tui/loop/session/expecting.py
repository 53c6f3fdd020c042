"""A goal that no test speaks of: the session has a failing test written for it, which the user decides on before anything is repaired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from refine_tui.core.candidate import Candidate, adds_test
from refine_tui.core.evidence import Baseline, Delta
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.core.settings import Settings
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.authoring.specifying import Goal, Means, Specified, specify
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.session.reviewing import Reviewing

NOTHING_FAILS = "No test fails, so nothing would show that the goal is reached."
WRITE_ONE = "Write a failing test first, then state the goal again."
NO_WRITER = (
    f"{NOTHING_FAILS} No model is there that writes one: write a failing test, or choose a model on Setup, and state the goal again."
)
NO_PLACE = f"{NOTHING_FAILS} Name the place too, as FILE::SYMBOL: then a failing test for it is written first. Or write one yourself."
_WHY = "a failing test comes first: it shows when the goal is reached; once it is written, it is worked on"


class Expecting(Reviewing):
    """The part of a session that turns goals into failing tests."""

    _settings: Settings
    _seed: int

    def _has_no_writer(self) -> str:
        """Say why nobody can write a test; empty when the model can, as far as it is known before it is loaded."""
        parts, state = self._parts, self._state
        if parts.observer is None or state.baseline is None or not state.baseline.suite.complete:
            return f"{NOTHING_FAILS} {WRITE_ONE}"
        if parts.generator is None or (state.model is None and state.model_reason):
            return NO_WRITER
        return "" if state.model is None or parts.profile(state.model).converses else NO_WRITER

    def _expect(self, task: Task, scope: Scope, baseline: Baseline, cancelled: Cancelled) -> Iterator[events.Event]:
        """Have a test written for a task's goal; ends with `TaskFinished`, whose best candidate is the test."""
        began = self._parts.clock()
        yield events.TaskStarted(task)
        goal = Goal(task.goal, scope, task.seed, hint="" if task.note == task.goal else task.note)
        for event in specify(self._means(), goal, baseline.suite, cancelled):
            yield self._ended(task, scope, event, self._parts.clock() - began) if isinstance(event, Specified) else event

    def _means(self) -> Means:
        parts, model = self._parts, self._state.model
        assert parts.observer is not None  # or no such task was queued
        profile = parts.profile(model) if model else None
        return Means(parts.workspace, parts.syntax, parts.evaluator, parts.observer(), parts.generator if model else None, profile)

    def _ended(self, task: Task, scope: Scope, end: Specified, seconds: float) -> events.TaskFinished:
        best = self._first(scope, end) if end.helps else None
        outcome = end.outcome if best is None else "test first"
        reason = StopReason.CANCELLED if end.outcome == "cancelled" else StopReason.TEST_FIRST if best else StopReason.EXHAUSTED
        return events.TaskFinished(
            task.id, outcome, reason, best, end.handoff, 1, end.candidates, end.executions, seconds, answers=end.candidates
        )

    def _first(self, scope: Scope, end: Specified) -> Candidate:
        model = self._state.model
        detail = (("model", model.name if model else ""), *end.asked)
        proposal = Proposal(end.patch, "model", "specify", _WHY, scope, 0, detail=detail)
        return Candidate("c1", proposal, 1, "same", Delta(), end.suite, confirmed=True, is_test_first=True)

    def _stated_before(self, nodes: Sequence[str]) -> tuple[Task, ...]:
        """Return tasks for those failing tests that were written for a goal, with that goal and its place."""
        written = [review for review in self._state.reviews if review.state == "applied" and review.candidate.is_test_first]
        tasks = []
        for review in written:
            own = tuple(node for node in nodes if adds_test(review.candidate.proposal.patch, node))
            if own:
                id, said = f"t{self._next_number()}", review.task
                tasks.append(Task(id, said.goal, own, said.scopes, budget=self._settings.budget, seed=self._seed, note=said.goal))
        return tuple(tasks)
