"""What the user is told when something arrives from the worker. Values in, a sentence or nothing out."""

from __future__ import annotations

from refine_tui.core.candidate import awaited, effect
from refine_tui.core.isolation import Level
from refine_tui.loop.events import ModelReady, Notice, SurveyFinished, TaskFinished, Verified
from refine_tui.loop.session.state import State
from refine_tui.ui.messages import Severity, Tell
from refine_tui.ui.session_worker import Delivery, JobEnded

_SEVERITIES: dict[str, Severity] = {"information": "information", "warning": "warning", "error": "error"}


def told(delivery: Delivery, state: State) -> Tell | None:
    """Return what to say about a delivery, if anything."""
    match delivery:
        case Notice(text, severity):
            return Tell(text, _SEVERITIES.get(severity, "warning"))
        case JobEnded(name, error, cancelled):
            return _ended(name, f"{error} Your decisions are kept." if error and state.reviews else error, cancelled=cancelled)
        case SurveyFinished():
            return _surveyed(delivery)
        case ModelReady(None, reason) if reason and reason != "no model is used":
            return Tell(f"{reason} Search goes on without a model.", "warning")
        case TaskFinished() if delivery.handoff and delivery.outcome != "cancelled":
            return Tell(f"{delivery.task_id} is {delivery.outcome}: {delivery.reason.value}. Its note is on Review.")
        case Verified():
            return _verified(delivery, state)
    return None


def _ended(name: str, error: str, *, cancelled: bool) -> Tell | None:
    if error:
        return Tell(error, "error")
    if cancelled:
        return Tell(f"Stopped {in_words(name)}. What is known is kept; p goes on.", "information")
    return None


def in_words(job: str) -> str:
    """Return what a job is, for people."""
    kind, _, review = job.partition(" ")
    words = {"work": "the loop", "watch": "looking at what was saved", "verify": f"the run of {review}"}
    return words.get(kind, "the run of the tests")


def _surveyed(event: SurveyFinished) -> Tell | None:
    notes = list(event.baseline.notes)
    if event.level is Level.UNSAFE:
        notes.insert(0, "The tests ran without isolation.")
    stopped = event.baseline.suite.stopped
    if not event.baseline.suite.complete and stopped != "cancelled":
        notes.insert(0, f"The run ended early ({stopped}); what was run is kept.")
    return Tell(" ".join(notes), "warning") if notes else None


def _verified(event: Verified, state: State) -> Tell:
    accepted, hunks = len(event.review.accepted), len(event.review.hunks)
    changed = effect(event.review.candidate, state.baseline.suite, event.suite) if state.baseline else None
    words = f"{len(changed.fixed)} fixed, {len(changed.broken)} broken" if changed else f"{len(event.suite.red)} fail"
    words = f"{len(awaited(event.review.candidate, event.suite))} new fail, {words}" if event.review.candidate.is_test_first else words
    severity: Severity = "warning" if changed is None or changed.broken or not event.suite.complete else "information"
    return Tell(f"{event.review.id}: {accepted} of {hunks} hunks were run by themselves: {words}.", severity)
