"""Deciding on hunks: accept, reject, split, edit, and taking decisions back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType

from refine_tui.core.errors import RefineError
from refine_tui.core.hunks import split_further
from refine_tui.core.review import Decision, Review
from refine_tui.ui.boards.choosing import ChoosingBoard
from refine_tui.ui.copying import copy_text
from refine_tui.ui.editing import edit_lines
from refine_tui.ui.selection import Selection, next_undecided

DECISIONS: list[BindingType] = [
    Binding("y", "decide('accepted')", "accept", id="hunk.accept"),
    Binding("n", "decide('rejected')", "reject", id="hunk.reject"),
    Binding("space", "toggle_hunk", "toggle", id="hunk.toggle"),
    Binding("a", "rest('accepted')", "accept rest of file", id="file.accept_rest", show=False),
    Binding("d", "rest('rejected')", "reject rest of file", id="file.reject_rest", show=False),
    Binding("s", "split", "split", id="hunk.split"),
    Binding("e", "edit", "edit", id="hunk.edit"),
    Binding("u", "undo", "take decision back", id="decision.undo"),
    Binding("ctrl+r", "redo", "decide again", id="decision.redo"),
    Binding("Y", "copy", "copy the hunk", id="hunk.copy", show=False),
]
_NEED_OPEN = frozenset({"decide", "toggle_hunk", "rest", "split", "edit", "undo", "redo"})


class DecidingBoard(ChoosingBoard):
    """Every decision goes to the session at once and can be taken back."""

    BINDINGS = DECISIONS

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only decisions that can be made now."""
        if action in _NEED_OPEN and not self._may_decide(action):
            return False
        if action == "copy" and self.hunk is None:
            return False
        return super().check_action(action, parameters)

    def _may_decide(self, action: str) -> bool:
        review, hunk = self.review, self.hunk
        if review is None or hunk is None or not self.is_decidable(review):
            return False
        match action:
            case "undo":
                return bool(review.past)
            case "redo":
                return bool(review.future)
            case "split":
                return len(split_further(hunk)) > 1
            case "rest":
                return any(other.path == hunk.path for other in review.undecided)
        return True

    def is_decidable(self, review: Review) -> bool:
        """Whether decisions on a review mean anything now."""
        return review.state == "open"

    def change(self, transition: Callable[[Review], Review], then: Callable[[Selection, Review], Selection] | None = None) -> None:
        """Make a decision on the shown review, and move on from it if asked to."""
        review = self.review
        if review is None:
            return
        changed = self.attempt(lambda: self.desk.session.change(review.id, transition))
        if changed is not None and then is not None:
            self.selection = then(self.selection, changed)
        self.house.show()

    def action_decide(self, decision: Decision) -> None:
        """Accept or reject the hunk and go to the next undecided one."""
        if hunk := self.hunk:
            self.change(lambda review: review.decide(hunk.id, decision), next_undecided)

    def action_toggle_hunk(self) -> None:
        """Switch the hunk between accepted and undecided and stay."""
        if hunk := self.hunk:
            self.change(lambda review: review.toggle(hunk.id))

    def action_rest(self, decision: Decision) -> None:
        """Decide on every undecided hunk of the file."""
        if hunk := self.hunk:
            self.change(lambda review: review.decide_rest(hunk.path, decision))

    def action_split(self) -> None:
        """Cut the hunk into lines."""
        if hunk := self.hunk:
            self.change(lambda review: review.split(hunk.id))

    def action_undo(self) -> None:
        """Take the last decision back."""
        self.change(Review.undo)

    def action_redo(self) -> None:
        """Make it again."""
        self.change(Review.redo)

    def action_copy(self) -> None:
        """Copy the hunk as a diff and say which way it went."""
        if hunk := self.hunk:
            text = "".join([f"-{line}\n" for line in hunk.removed] + [f"+{line}\n" for line in hunk.added])
            self.tell(f"Hunk {hunk.id}: {copy_text(text, self.app.copy_to_clipboard)}.")

    def action_edit(self) -> None:
        """Edit the new lines in the user's editor; the result has to be run again."""
        review, hunk = self.review, self.hunk
        if review is None or hunk is None:
            return
        try:
            with self.app.suspend():
                lines = edit_lines(hunk.added, PurePath(hunk.path).suffix)
        except SuspendNotSupported:
            self.tell("An editor cannot be opened in this terminal. The hunk is as it was.", "error")
            return
        except RefineError as error:
            self.tell(str(error), "error")
            return
        finally:
            self.screen.refresh(layout=True)
        if lines is None:
            self.tell(f"Hunk {hunk.id} is as it was.")
        else:
            self.send(lambda: self.desk.session.replace_hunk(review.id, hunk.id, lines), lambda now: self._edited(now, hunk.id))

    def _edited(self, review: Review, hunk_id: str) -> None:
        if any(hunk.id == hunk_id and hunk.is_change for hunk in review.hunks):
            self.tell(f"Hunk {hunk_id} is now your text. It has not been run: t runs it, w runs it before writing.")
        else:
            self.tell(f"Hunk {hunk_id} changes nothing any more. e edits it again, u takes that back.")
