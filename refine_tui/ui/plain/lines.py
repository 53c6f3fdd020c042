"""Events and proposals as lines of text, with the words of the screen."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.core.amounts import counted
from refine_tui.core.hunks import Hunk
from refine_tui.core.review import Review
from refine_tui.loop import events
from refine_tui.loop.session.state import State
from refine_tui.ui.paint.evidence import paint_evidence, paint_why, short_test
from refine_tui.ui.proof import passed_before_and_after, proof_of
from refine_tui.ui.reactions import told
from refine_tui.ui.session_worker import Delivery

_ANY_WIDTH = 100_000
_STATES = {"open": "", "stale": ", for an older file", "applied": ", written", "closed": ", rejected"}


def line_of(event: Delivery, state: State) -> str:
    """Return the line an event is worth; empty when it is worth none."""
    match event:
        case events.SurveyStarted():
            return "Running your tests once, to know what fails. ctrl+c stops."
        case events.CaseFinished(case, done, total) if case.is_red and not _is_known(case.node_id, state):
            return f"{case.outcome} {done}/{total or '?'} {short_test(case.node_id)}: {case.message or case.error}"
        case events.SurveyPhase(text):
            return f"All tests have run; {text}."
        case events.SurveyFinished(baseline, tasks, level):
            counts = baseline.suite.counts
            red = counts.failed + counts.errors
            return f"{counts.passed} passed, {red} failed, {counts.skipped} skipped; {counted(len(tasks), 'new task')}; {level.value}."
        case events.ModelLoading(wish) if wish != "none":
            return f"Loading {wish}."
        case events.ModelReady(info) if info is not None:
            return f"Model {info.name} on {info.device}."
        case events.TaskStarted(task):
            return f"{task.id}: {task.goal}. ctrl+c stops and keeps what it has."
        case events.RoundStarted(_, number, best):
            return f"Round {number}{f', from {best}' if best else ''}."
        case events.Improved(_, candidate):
            delta = candidate.delta
            return f"{candidate.id} helps: {candidate.proposal.note}; {len(delta.fixed)} fixed, {len(delta.broken)} broken."
        case events.CritiqueReady(_, critique):
            return critique.effect
        case events.TaskFinished():
            return f"{event.task_id} ended: {event.outcome}, {counted(event.candidates, 'candidate')}, {event.seconds:.0f} s."
        case events.ReviewReady(review):
            return f"{review.id} is {'ready' if review.state == 'open' else review.state}."
    tell = told(event, state)
    return tell.text if tell else ""


def _is_known(node_id: str, state: State) -> bool:
    """Whether a failure was told before."""
    case = state.baseline.suite.by_id.get(node_id) if state.baseline else None
    return case is not None and case.is_red


def lines_of(review: Review, state: State, place: str) -> Iterator[str]:
    """Return a proposal: where, why, what running it showed, and its hunks with what was decided."""
    scope, tests = review.candidate.proposal.scope, passed_before_and_after(proof_of(review, state.baseline), state.baseline)
    yield f"{review.id}, proposal {place}: {scope.path} {scope.name}, tests {tests}{_STATES[review.state]}"
    for row in (*paint_why(review), *paint_evidence(review, state.baseline, _ANY_WIDTH)):
        yield row.plain
    for number, (hunk, decision) in enumerate(review.marks, 1):
        place = "new file" if hunk.creates else f"line {hunk.first_line + 1}"
        yield f"Hunk {number} of {len(review.marks)}, {hunk.path} {place}: {decision}"
        yield from _changes(hunk)


def _changes(hunk: Hunk) -> Iterator[str]:
    yield from (f"- {line}" for line in hunk.removed)
    yield from (f"+ {line}" for line in hunk.added)
