"""Review, the home screen: hunks, diff and evidence of one proposal."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from refine_tui.loop.events import Verified
from refine_tui.loop.ports.keeping import Application
from refine_tui.ui.applying import Applying
from refine_tui.ui.desk import Desk
from refine_tui.ui.messages import Answered, Confirmed, ResumeWork, RunJob, Severity, Tell, TreeWritten
from refine_tui.ui.paint.diff import paint_file
from refine_tui.ui.paint.empty import paint_empty
from refine_tui.ui.paint.evidence import paint_evidence, paint_why
from refine_tui.ui.paint.note import paint_note
from refine_tui.ui.paint.overview import entries, paint_head, paint_strip, paint_summary
from refine_tui.ui.screens.deciding import DecidingScreen
from refine_tui.ui.session_worker import Job
from refine_tui.ui.widgets.confirm_bar import ConfirmBar
from refine_tui.ui.widgets.pane import Pane
from refine_tui.ui.widgets.queue_list import QueueList

MOST_CONTEXT = 99
WRITING: list[BindingType] = [
    Binding("w", "apply", "apply", id="patch.apply"),
    Binding("t", "verify", "test", id="tests.run"),
    Binding("r", "refine", "refine", id="loop.refine_with_note"),
    Binding("v", "split_view", "side by side", id="diff.view", show=False),
    Binding("right_curly_bracket", "context(3)", "more context", id="diff.more_context", show=False),
    Binding("left_curly_bracket", "context(-3)", "less context", id="diff.less_context", show=False),
    Binding("z", "zoom", "zoom", id="pane.zoom", show=False),
    Binding("l", "list", "list of proposals", id="pane.list", show=False),
]
_NEED_REVIEW = frozenset({"apply", "verify", "refine", "split_view", "context"})


class ReviewScreen(DecidingScreen):
    """One proposal at a time; nothing takes its place but the user."""

    BINDINGS = WRITING
    CSS_PATH = "review.tcss"
    NAME = "review"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.applying = Applying(desk.session, self)
        self._is_split, self._around = False, 3
        self._painted_hunk = ""

    def compose_body(self) -> ComposeResult:
        """Lay out header, panes and summary."""
        yield Static("", id="head", markup=False)
        yield Static("", id="strip", markup=False)
        with Container(id="panes"):
            yield QueueList(id="list", title="proposals")
            yield Pane(id="diff", fit="nowrap", title="diff")
            yield Pane(id="notes", title="why and evidence")
        yield Static("", id="summary", markup=False)

    def on_mount(self) -> None:
        """Begin with the keys on the diff."""
        self.query_one("#diff").focus()

    def paint(self) -> None:
        """Draw the selected item, or what goes on while there is none."""
        item, review = self.item, self.review
        listed = tuple(entries(self.items, self.selection, self.state))
        self.query_one(QueueList).show(listed, self._entry)
        self.set_class(not listed, "-nothing")
        self.set_class(item is None, "-empty")
        self.set_class(review is None, "-no-review")
        width = self.size.width
        if item is None:
            self._show_text(paint_empty(self.state, self.live, self.desk.clock(), paused=self.desk.paused), "review")
            return
        place = f"{self.items.index(item) + 1}/{len(self.items)}"
        self.query_one("#head", Static).update(paint_head(item, place, self.selection.hunk, self.state.baseline, width))
        if review is None:
            self._show_text(paint_note(item.note.handoff if item.note else ""), "note")
            return
        self.query_one("#strip", Static).update(paint_strip(review, self.selection.hunk, width))
        self.query_one("#summary", Static).update(paint_summary(review, width))
        self._paint_review()

    @property
    def _entry(self) -> str:
        return f"{self.selection.item}/{self.selection.hunk}" if self.selection.hunk else self.selection.item

    def _show_text(self, rows: list[Content], title: str) -> None:
        pane = self.query_one("#diff", Pane)
        pane.set_class(False, "-nowrap")
        pane.border_title = Content(title)
        pane.show(rows)

    def _paint_review(self) -> None:
        review, hunk = self.review, self.hunk
        if review is None or hunk is None:
            return
        pane, notes = self.query_one("#diff", Pane), self.query_one("#notes", Pane)
        baseline = self.state.baseline
        notes.show([*paint_why(review), *paint_evidence(review, baseline, notes.scrollable_content_region.width)])
        width = max(30, pane.scrollable_content_region.width)
        painted = paint_file(review, hunk.path, hunk.id, self._around, width, split=self._is_split)
        pane.set_class(True, "-nowrap")
        pane.border_title = Content("before | after" if self._is_split else "diff")
        pane.show(painted.lines)
        place = f"{review.id}/{hunk.id}/{self._around}/{self._is_split}"
        if place != self._painted_hunk:
            self._painted_hunk = place
            self._bring_into_view(painted.heads[hunk.id], len(hunk.removed) + len(hunk.added))

    def _bring_into_view(self, head: int, length: int) -> None:
        """Show a hunk with as much before it as there is room for."""
        pane = self.query_one("#diff", Pane)
        room = pane.scrollable_content_region.height
        target = max(0, head - max(1, min(self._around, room - length - 2)))
        pane.call_after_refresh(pane.scroll_to, y=target, animate=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done with what is shown."""
        review = self.review
        if action in _NEED_REVIEW and review is None:
            return False
        if action in ("apply", "verify") and review is not None and review.state != "open":
            return False
        if action == "refine" and review is not None and review.state not in ("open", "stale"):
            return False
        return super().check_action(action, parameters)

    # What `Applying` asks of the screen.

    def tell(self, text: str, severity: Severity = "information") -> None:
        """Say a sentence."""
        self.post_message(Tell(text, severity))

    def run(self, job: Job) -> None:
        """Hand a job to the worker."""
        self.post_message(RunJob(job))

    def confirm(self, review_id: str, text: str) -> None:
        """Ask for a second key, if the user is here to see the question."""
        if self.is_current and self.selection.item == review_id:
            self.query_one(ConfirmBar).ask(f"apply {review_id}", text, "w")
        else:
            self.tell(f"{review_id}: {text} Nothing was written.", "warning")

    def written(self, application: Application) -> None:
        """Draw what is true after writing."""
        self.post_message(TreeWritten(frozenset(application.patch.paths)))
        self.show()

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
        if self.review and self.review.accepted:
            self.applying.verify(self.review)
        else:
            self.tell("Nothing is accepted yet: y accepts a hunk, then t runs exactly that.", "warning")

    def action_refine(self) -> None:
        """Ask for the reason of a rejection."""
        self.ask("refine", "What is wrong with it?", "e.g. keep the rounding")

    def action_split_view(self) -> None:
        """Switch between one column and two."""
        self._is_split = not self._is_split
        self.set_class(self._is_split, "-split")
        self.call_after_refresh(self.show)

    def action_context(self, step: int) -> None:
        """Show more or fewer unchanged lines."""
        self._around = min(MOST_CONTEXT, max(0, self._around + step))
        self.show()

    def action_zoom(self) -> None:
        """Give the focused pane the whole screen, or take it back."""
        for pane in self.query(".pane"):
            pane.set_class(not self.has_class("-zoom") and pane.has_focus, "-zoomed")
        if self.query(".-zoomed"):
            self.add_class("-zoom")
        else:
            self.remove_class("-zoom")
        self.call_after_refresh(self.show)

    def action_list(self) -> None:
        """Show the list of proposals where there is no room for it beside the diff."""
        self.toggle_class("-list")
        wanted: Widget = self.query_one("#list" if self.has_class("-list") else "#diff")
        self.call_after_refresh(wanted.focus)

    def step_back(self) -> bool:
        """Close a notice, a zoom or the list."""
        if super().step_back():
            return True
        if self.has_class("-zoom"):
            self.action_zoom()
            return True
        if self.has_class("-list"):
            self.action_list()
            return True
        return False

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        if event.question != "refine" or self.review is None:
            return
        event.stop()
        review = self.review
        task = self.attempt(lambda: self.desk.session.refine_with_note(review.id, event.values[0]))
        if task is not None:
            self.tell(f"{review.id} is rejected. {task.id} tries again with your note.")
            self.post_message(ResumeWork())
        self.show()

    @on(Confirmed)
    def _confirmed(self, event: Confirmed) -> None:
        event.stop()
        review = self.review
        if review is not None and event.question == f"apply {review.id}":
            self.applying.write(review, red_is_fine=True)
