"""From a choice of hunks to written files: run first what was not run by itself, ask twice before something red.

Writing is an errand: it waits for the disk in a thread of its own, one after the other. Until it is over nothing can be decided on
that proposal, and `U` pressed meanwhile comes after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from refine_tui.core.amounts import counted
from refine_tui.core.errors import RefineError, UsageError
from refine_tui.core.evidence import Baseline
from refine_tui.core.review import Review
from refine_tui.loop.ports.keeping import Application
from refine_tui.ui.messages import Severity
from refine_tui.ui.paint.evidence import short_test
from refine_tui.ui.proof import proof_of
from refine_tui.ui.session_port import SessionPort
from refine_tui.ui.session_worker import Job


class Applicant(Protocol):
    """What writing needs of the screen."""

    def tell(self, text: str, severity: Severity = "information") -> None:
        """Say a sentence."""

    def run(self, job: Job) -> None:
        """Hand a job to the worker."""

    def send(self, call: Callable[[], Any], done: Callable[[Any], None], refused: Callable[[RefineError], None]) -> None:
        """Make a call in the thread for errands, and go on from what it returns or raises."""

    def confirm(self, review_id: str, text: str) -> None:
        """Ask for a second key."""

    def written(self, application: Application) -> None:
        """Files were written or taken back."""


@dataclass
class Applying:
    """One `w` from the key to the disk."""

    session: SessionPort
    screen: Applicant
    wanted: dict[str, frozenset[str]] = field(default_factory=dict)
    """The reviews that are written once their choice of hunks was run, and that choice."""
    writing: set[str] = field(default_factory=set)
    """The reviews on their way to the disk."""
    running: set[str] = field(default_factory=set)
    """The reviews whose choice of hunks is being run, or waits for its turn."""

    def verify(self, review: Review) -> None:
        """Run exactly the accepted hunks."""
        self.running.add(review.id)
        self.screen.run(verification(self.session, review.id))

    def apply(self, review: Review) -> None:
        """Write what is accepted, running it first if it has not been run by itself."""
        if not review.accepted:
            self.screen.tell(f"{nothing_accepted(review)}: y accepts a hunk, a the rest of the file. Nothing was written.")
        elif review.accepted_evidence is None:
            self.wanted[review.id] = review.accepted_key
            self.screen.tell("Running exactly what you accepted; it is written if that is green. esc stops.")
            self.verify(review)
        elif not self.session.is_proven(review):
            self.screen.confirm(review.id, doubt(review, self.session.state().baseline))
        else:
            self.write(review)

    def verified(self, review: Review) -> None:
        """Go on after a run, if this is what was waited for and the choice is still the same."""
        key = self.wanted.pop(review.id, None)
        if key is None:
            return
        if review.accepted_key != key:
            self.screen.tell("Your decisions changed while it ran, so nothing was written. w again writes them.", "warning")
        else:
            self.apply(review)

    def ended(self, review_id: str) -> None:
        """The run is over; when it had no result, nothing is waited for any more."""
        self.running.discard(review_id)
        self.wanted.pop(review_id, None)

    def write(self, review: Review, *, red_is_fine: bool = False) -> None:
        """Write, or say why not."""
        if review.id in self.writing:
            return
        self.writing.add(review.id)
        self.screen.tell(f"Writing {review.id} ...")
        self.screen.send(
            lambda: self.session.apply(review.id, red_is_fine=red_is_fine),
            lambda application: self._wrote(review, application),
            lambda error: self._not_written(review, error),
        )

    def _wrote(self, review: Review, application: Application) -> None:
        self.writing.discard(review.id)
        more = any(other.state == "open" for other in self.session.state().reviews)
        self.screen.tell(f"{summary(application)} U takes it back{'; . shows the next proposal' if more else ''}.")
        self.screen.written(application)

    def _not_written(self, review: Review, error: RefineError) -> None:
        self.writing.discard(review.id)
        self.screen.tell(f"{error} Nothing was written.", "error")

    def undo(self) -> None:
        """Take back the last application."""
        self._reverse(self.session.undo, "Taking back the last change ...", "Took back", "R writes it again.")

    def redo(self) -> None:
        """Write again what was taken back."""
        self._reverse(self.session.redo, "Writing again what was taken back ...", "Wrote again", "U takes it back.")

    def _reverse(self, call: Callable[[], Application], under_way: str, verb: str, hint: str) -> None:
        def reversed_(application: Application) -> None:
            self.screen.tell(f"{verb} #{application.id} in {', '.join(application.patch.paths)}. {hint}")
            self.screen.written(application)

        self.screen.tell(under_way)
        self.screen.send(call, reversed_, self._not_reversed)

    def _not_reversed(self, error: RefineError) -> None:
        if isinstance(error, UsageError):
            self.screen.tell(str(error))
        else:
            self.screen.tell(f"{error} Nothing was changed.", "error")


def nothing_accepted(review: Review) -> str:
    """Say why there is nothing to run and to write."""
    is_emptied = any(decision == "accepted" for _, decision in review.marks)
    return "What is accepted changes nothing any more" if is_emptied else "Nothing is accepted yet"


def summary(application: Application) -> str:
    """Return what was written, in a sentence."""
    edits = sum(len(file.edits) for file in application.patch.files)
    return f"Wrote #{application.id}: {counted(edits, 'change')} in {', '.join(application.patch.paths)}."


def doubt(review: Review, baseline: Baseline | None) -> str:
    """Say what speaks against writing a choice of hunks that was run."""
    proof = proof_of(review, baseline)
    if broken := proof.delta.broken:
        return f"With these hunks {short_test(broken[0])}{f' and {len(broken) - 1} more break' if len(broken) > 1 else ' breaks'}."
    if proof.suite is not None and not proof.suite.complete:
        return "The run of these hunks ended early."
    if proof.amiss:
        return f"The new test is not what has to fail now: {proof.amiss}."
    return "With these hunks alone no failing test passes."


def verification(session: SessionPort, review_id: str) -> Job:
    """Return the job that runs the accepted hunks of a review."""
    return Job(f"verify {review_id}", lambda cancelled: session.verify(review_id, cancelled), urgent=True)
