"""Review, the home screen: hunks, diff and evidence of one proposal."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget

from refine_tui.core.review import Review
from refine_tui.core.task import Task
from refine_tui.loop.events import Verified
from refine_tui.loop.ports.keeping import Application
from refine_tui.ui.applying import Applying, nothing_accepted
from refine_tui.ui.boards.deciding import DecidingBoard
from refine_tui.ui.desk import Desk
from refine_tui.ui.messages import ResumeWork, RunJob, TreeWritten
from refine_tui.ui.paint.diff import paint_file
from refine_tui.ui.paint.empty import paint_empty
from refine_tui.ui.paint.evidence import paint_evidence, paint_why
from refine_tui.ui.paint.note import paint_note
from refine_tui.ui.paint.overview import entries, paint_head, paint_strip, paint_summary, turn
from refine_tui.ui.session_worker import Job
from refine_tui.ui.widgets.line import Line
from refine_tui.ui.widgets.pane import Pane
from refine_tui.ui.widgets.queue_list import QueueList

MOST_CONTEXT = 99
WRITING: list[BindingType] = [
    Binding("w", "apply", "write", id="patch.apply"),
    Binding("t", "verify", "test", id="tests.run"),
    Binding("r", "refine", "try again", id="loop.refine_with_note"),
    Binding("v", "split_view", "side by side", id="diff.view", show=False),
    Binding("right_curly_bracket", "context(3)", "more context", id="diff.more_context", show=False),
    Binding("left_curly_bracket", "context(-3)", "less context", id="diff.less_context", show=False),
    Binding("z", "zoom", "zoom", id="pane.zoom", show=False),
    Binding("l", "list", "list of proposals", id="pane.list", show=False),
]
_NEED_REVIEW = frozenset({"apply", "verify", "refine", "split_view", "context"})


class ReviewBoard(DecidingBoard):
    """One proposal at a time; nothing takes its place but the user."""

    BINDINGS = WRITING
    NAME = "review"
    FIRST = "#diff"
    KEY_ROWS = 2

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.applying = Applying(desk.session, self)
        self._is_split, self._around = False, 3
        self._painted_place = ""
        """What the diff pane was scrolled for."""
        self._brought_to = 0
        """Where that was."""

    def compose(self) -> ComposeResult:
        """Lay out header, panes and summary."""
        yield Line(id="head")
        yield Line(id="strip")
        with Container(id="panes"):
            yield QueueList(id="list", title="proposals")
            yield Pane(id="diff", fit="nowrap", title="diff")
            yield Pane(id="notes", title="why and evidence")
        yield Line(id="summary")

    def paint(self) -> None:
        """Draw the selected item, or what goes on while there is none."""
        item, review = self.item, self.review
        listed = tuple(entries(self.items, self.selection, self.state))
        self.query_one(QueueList).list_entries(listed, self._entry)
        self.set_class(not listed, "-nothing")
        self.set_class(item is None, "-empty")
        self.set_class(review is None, "-no-review")
        width = self.room
        if item is None:
            self._show_text(paint_empty(self.state, self.live, self.desk.clock(), paused=self.desk.paused), "review")
            return
        place = f"{self.items.index(item) + 1}/{len(self.items)}"
        self.query_one("#head", Line).paint(paint_head(item, place, self.selection.hunk, self.state.baseline, width))
        if review is None:
            self._show_text(paint_note(item.note.handoff if item.note else ""), "note")
            return
        self.query_one("#strip", Line).paint(paint_strip(review, self.selection.hunk, width))
        self.query_one("#summary", Line).paint(paint_summary(review, width, self._under_way(review)))
        self._paint_review(review)

    def _under_way(self, review: Review) -> str:
        """Say what is being done with a review, if anything."""
        if review.id in self.applying.writing:
            return "writing the accepted hunks ..."
        if review.id not in self.applying.running:
            return ""
        return turn(self.live, f"verify {review.id}", self.desk.clock())

    @property
    def _entry(self) -> str:
        return f"{self.selection.item}/{self.selection.hunk}" if self.selection.hunk else self.selection.item

    def _show_text(self, rows: list[Content], title: str) -> None:
        pane = self.query_one("#diff", Pane)
        pane.entitle(title)
        pane.show(rows, "wrap")
        if title != self._painted_place:
            self._painted_place = title
            self._bring(pane, 0)

    def _paint_review(self, review: Review) -> None:
        hunk = self.hunk
        if hunk is None:
            return
        pane, notes = self.query_one("#diff", Pane), self.query_one("#notes", Pane)
        notes.show([*paint_why(review), *paint_evidence(review, self.state.baseline, notes.width)])
        painted = paint_file(review, hunk.path, hunk.id, self._around, max(30, pane.width), split=self._is_split)
        pane.entitle("before | after" if self._is_split else "diff")
        pane.show(painted.lines, "nowrap")
        place = f"{review.id}/{hunk.id}/{self._around}/{self._is_split}"
        if place != self._painted_place:
            self._painted_place = place
            self._bring_into_view(pane, painted.heads[hunk.id], len(hunk.removed) + len(hunk.added))

    def _bring_into_view(self, pane: Pane, head: int, length: int) -> None:
        """Show a hunk with as much before it as there is room for."""
        room = pane.scrollable_content_region.height
        self._bring(pane, max(0, head - max(1, min(self._around, room - length - 2))))

    @on(Pane.Resized)
    def _fit(self) -> None:
        """Lines are painted for the width of their pane, and scrolled for its height, unless the user has scrolled since."""
        if self.query_one("#diff", Pane).scroll_offset.y == self._brought_to:
            self._painted_place = ""
        self.paint()

    def _bring(self, pane: Pane, line: int) -> None:
        pane.bring(line)
        self._brought_to = pane.scroll_offset.y

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done with what is shown."""
        review = self.review
        if action in _NEED_REVIEW and review is None:
            return False
        if action in ("apply", "verify") and review is not None and not self.is_decidable(review):
            return False
        if action == "refine" and review is not None and review.state not in ("open", "stale"):
            return False
        return super().check_action(action, parameters)

    def is_decidable(self, review: Review) -> bool:
        """Whether the review is open and not on its way to the disk."""
        return super().is_decidable(review) and review.id not in self.applying.writing

    # What `Applying` asks of the screen.

    def run(self, job: Job) -> None:
        """Hand a job to the worker."""
        self.post_message(RunJob(job))

    def confirm(self, review_id: str, text: str) -> None:
        """Ask for a second key, if the user is here to see the question."""
        if self.is_seen and self.selection.item == review_id:
            self.house.confirm(text, "w", lambda: self._confirmed(review_id))
        else:
            self.tell(f"{review_id}: {text} Nothing was written.", "warning")

    def _confirmed(self, review_id: str) -> None:
        if self.review is not None and self.review.id == review_id:
            self.applying.write(self.review, red_is_fine=True)

    def written(self, application: Application) -> None:
        """Files are as they should be: see what else follows from that."""
        self.post_message(TreeWritten(frozenset(application.patch.paths)))

    def verified(self, event: Verified) -> None:
        """A choice of hunks was run."""
        self.applying.verified(event.review)

    # Keys.

    def action_apply(self) -> None:
        """Write what is accepted."""
        if self.review:
            self.applying.apply(self.review)

    def action_verify(self) -> None:
        """Run what is accepted so far."""
        if (review := self.review) is None:
            return
        if review.accepted:
            self.applying.verify(review)
        else:
            self.tell(f"{nothing_accepted(review)}: y accepts a hunk, then t runs exactly that.")

    def action_refine(self) -> None:
        """Ask for the reason of a rejection."""
        if review := self.review:
            self.house.ask("What is wrong with it?", ["e.g. keep the rounding"], lambda answers: self._reject(review, answers[0]))

    def _reject(self, review: Review, reason: str) -> None:
        def queued(task: Task) -> None:
            self.tell(f"{review.id} is rejected. {task.id} tries again with your note.")
            self.post_message(ResumeWork())

        self.send(lambda: self.desk.session.refine_with_note(review.id, reason), queued)

    def action_split_view(self) -> None:
        """Switch between one column and two."""
        self._is_split = not self._is_split
        self.set_class(self._is_split, "-split")
        self.paint()

    def action_context(self, step: int) -> None:
        """Show more or fewer unchanged lines."""
        self._around = min(MOST_CONTEXT, max(0, self._around + step))
        self.paint()

    def action_zoom(self) -> None:
        """Give the focused pane the whole screen, or take it back."""
        for pane in self.query(".pane"):
            pane.set_class(not self.has_class("-zoom") and pane.has_focus, "-zoomed")
        if self.query(".-zoomed"):
            self.add_class("-zoom")
        else:
            self.remove_class("-zoom")

    def action_list(self) -> None:
        """Show the list of proposals where there is no room for it beside the diff."""
        self.toggle_class("-list")
        wanted: Widget = self.query_one("#list" if self.has_class("-list") else "#diff")
        self.call_after_refresh(wanted.focus)

    def step_back(self) -> bool:
        """Close a zoom or the list."""
        if self.has_class("-zoom"):
            self.action_zoom()
            return True
        if self.has_class("-list"):
            self.action_list()
            return True
        return False
