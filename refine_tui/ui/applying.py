"""From a choice of hunks to written files: run first what was not run by itself, ask twice before something red."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from refine_tui.core.errors import RefineError, SafetyError, StaleBaseError
from refine_tui.core.review import Review
from refine_tui.loop.ports.keeping import Application
from refine_tui.ui.messages import Severity
from refine_tui.ui.session_port import SessionPort
from refine_tui.ui.session_worker import Job


class Applicant(Protocol):
    """What writing needs of the screen."""

    def tell(self, text: str, severity: Severity = "information") -> None:
        """Say a sentence."""

    def run(self, job: Job) -> None:
        """Hand a job to the worker."""

    def confirm(self, review_id: str, text: str) -> None:
        """Ask for a second key."""

    def written(self, application: Application) -> None:
        """Files were written or taken back."""


@dataclass
class Applying:
    """One `w` from the key to the disk."""

    session: SessionPort
    screen: Applicant
    wanted: tuple[str, frozenset[str]] | None = None
    """The review that is written once its choice of hunks was run, and that choice."""

    def verify(self, review: Review) -> None:
        """Run exactly the accepted hunks."""
        self.screen.run(verification(self.session, review.id))

    def apply(self, review: Review) -> None:
        """Write what is accepted, running it first if it has not been run by itself."""
        if not review.accepted:
            self.screen.tell("Nothing is accepted yet: y accepts a hunk, a the rest of the file. Nothing was written.", "warning")
        elif review.accepted_evidence is None:
            self.wanted = (review.id, review.accepted_key)
            self.screen.tell("Running exactly what you accepted; it is written if that is green. esc stops.")
            self.verify(review)
        else:
            self.write(review)

    def verified(self, review: Review) -> None:
        """Go on after a run, if this is what was waited for and the choice is still the same."""
        if self.wanted is None or self.wanted[0] != review.id:
            return
        key, self.wanted = self.wanted[1], None
        if review.accepted_key != key:
            self.screen.tell("Your decisions changed while it ran, so nothing was written. w again writes them.", "warning")
        else:
            self.write(review)

    def given_up(self, review_id: str) -> None:
        """The run ended without a result."""
        if self.wanted is not None and self.wanted[0] == review_id:
            self.wanted = None

    def write(self, review: Review, *, red_is_fine: bool = False) -> None:
        """Write, or say why not."""
        try:
            application = self.session.apply(review.id, red_is_fine=red_is_fine)
        except StaleBaseError as error:
            self.screen.tell(f"{error} Nothing was written.", "error")
        except SafetyError as error:
            self._refused(review, error, red_is_fine=red_is_fine)
        except RefineError as error:
            self.screen.tell(f"{error} Nothing was written.", "error")
        else:
            more = any(other.state == "open" for other in self.session.state().reviews)
            self.screen.tell(f"{summary(application)} U takes it back{'; . shows the next proposal' if more else ''}.")
            self.screen.written(application)

    def _refused(self, review: Review, error: SafetyError, *, red_is_fine: bool) -> None:
        if red_is_fine or review.state != "open":
            self.screen.tell(f"{error} Nothing was written.", "error")
        else:
            self.screen.confirm(review.id, str(error).split(" Press w")[0])

    def undo(self) -> None:
        """Take back the last application."""
        self._reverse(self.session.undo, "Took back", "R writes it again.")

    def redo(self) -> None:
        """Write again what was taken back."""
        self._reverse(self.session.redo, "Wrote again", "U takes it back.")

    def _reverse(self, call: Callable[[], Application], verb: str, hint: str) -> None:
        try:
            application = call()
        except RefineError as error:
            self.screen.tell(f"{error} Nothing was changed.", "error")
            return
        self.screen.tell(f"{verb} #{application.id} in {', '.join(application.patch.paths)}. {hint}")
        self.screen.written(application)


def summary(application: Application) -> str:
    """Return what was written, in a sentence."""
    edits = sum(len(file.edits) for file in application.patch.files)
    return f"Wrote #{application.id}: {edits} change{'s' if edits != 1 else ''} in {', '.join(application.patch.paths)}."


def verification(session: SessionPort, review_id: str) -> Job:
    """Return the job that runs the accepted hunks of a review."""
    return Job(f"verify {review_id}", lambda cancelled: session.verify(review_id, cancelled), urgent=True)
