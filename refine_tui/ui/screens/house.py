"""What every screen has: tabs above; notice, prompt, keys and status below."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from refine_tui.core.errors import RefineError
from refine_tui.loop.state import State
from refine_tui.ui.desk import Desk
from refine_tui.ui.live import Live
from refine_tui.ui.messages import Tell
from refine_tui.ui.paint.status import paint_status
from refine_tui.ui.widgets.confirm_bar import ConfirmBar
from refine_tui.ui.widgets.key_line import KeyLine
from refine_tui.ui.widgets.notice_bar import NoticeBar
from refine_tui.ui.widgets.prompt_bar import PromptBar
from refine_tui.ui.widgets.tab_line import TabLine

T = TypeVar("T")
LEAST_WIDTH, LEAST_HEIGHT = 60, 16
KEY_ORDER = (
    "hunk.accept", "hunk.reject", "hunk.toggle", "hunk.split", "hunk.edit", "decision.undo",
    "patch.apply", "patch.undo", "tests.run", "loop.refine_with_note", "tests.filter", "tests.run_all",
    "item.next", "loop.cancel", "loop.go_on", "loop.goal", "help.show", "app.quit",
)  # fmt: skip
_WIDTHS = [(0, "-tiny"), (LEAST_WIDTH, "-narrow"), (100, "-medium"), (140, "-wide")]
_HEIGHTS = [(0, "-flat"), (LEAST_HEIGHT, "-tall")]
ALWAYS = frozenset({"quit", "interrupt", "command_palette", "cancel"})
"""Actions that work in a terminal too small to see anything."""


class HouseScreen(Screen[None]):
    """Base of the three screens. `paint` draws the body from `state` and `live`."""

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    NAME: ClassVar[str]
    """`review`, `loop` or `tests`."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.state: State = desk.state
        self._was_shown = False

    @property
    def live(self) -> Live:
        """The present moment."""
        return self.desk.live

    def compose(self) -> ComposeResult:
        """Lay the frame around `compose_body`."""
        yield Static("needs 60x16", id="too-small", markup=False)
        yield TabLine()
        yield from self.compose_body()
        yield NoticeBar()
        yield ConfirmBar(self.desk.clock)
        yield PromptBar()
        yield KeyLine()
        yield Static("", id="status", markup=False)

    def compose_body(self) -> ComposeResult:
        """Yield the widgets between tabs and keys."""
        yield from ()

    def paint(self) -> None:
        """Draw the body."""

    def show(self) -> None:
        """Draw everything anew from what is true now."""
        if not self.is_mounted or self.is_too_small:
            return
        self._was_shown = True
        self.state = self.desk.state
        self.query_one(TabLine).show(self.NAME, self.state, demo=self.desk.demo)
        self.paint()
        self.query_one("#status", Static).update(paint_status(self.state, self.live, self.size.width))
        notices, bar = self.desk.notices, self.query_one(NoticeBar)
        if notices:
            bar.say(notices[-1].text, notices[-1].severity, more=len(notices) - 1)
        else:
            bar.dismiss()
        self.refresh_bindings()
        self.show_keys()

    def show_keys(self) -> None:
        """Draw the keys that are valid now, most used first."""
        valid = {active.binding.id: active.binding for active in self.active_bindings.values() if active.enabled and active.binding.show}
        if not any(review.state == "applied" for review in self.state.reviews):
            valid.pop("patch.undo", None)
        if self.state.baseline is not None and not any(item.status == "waiting" for item in self.state.queue):
            valid.pop("loop.go_on", None)
        self.query_one(KeyLine).show([valid[id] for id in KEY_ORDER if id in valid])

    def attempt(self, call: Callable[[], T]) -> T | None:
        """Call the session; a refusal becomes a notice and `None`."""
        try:
            return call()
        except RefineError as error:
            self.post_message(Tell(str(error), "error"))
            return None

    @property
    def is_too_small(self) -> bool:
        """Whether the terminal cannot show the screen."""
        return self.size.width < LEAST_WIDTH or self.size.height < LEAST_HEIGHT

    @property
    def is_asking(self) -> bool:
        """Whether a prompt or a confirmation is open."""
        return self.query_one(PromptBar).is_open or self.query_one(ConfirmBar).is_open

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let nothing be decided that cannot be seen."""
        if self.is_mounted and self.is_too_small and action not in ALWAYS:
            return False
        return super().check_action(action, parameters)

    def ask(self, question: str, title: str, *fields: str) -> None:
        """Open the prompt."""
        self.query_one(PromptBar).ask(question, title, fields)

    def step_back(self) -> bool:
        """Close the innermost thing that Escape closes and say whether there was one."""
        if self.desk.notices:
            self.desk.notices.pop()
            self.show()
            return True
        return False

    def on_screen_resume(self) -> None:
        """Show what happened meanwhile, in the first paint where the layout is known already."""
        if self._was_shown:
            self.show()
        else:
            self.call_after_refresh(self.show)

    def on_resize(self) -> None:
        """Fit."""
        self.call_after_refresh(self.show)

    def on_descendant_focus(self) -> None:
        """Keys depend on where the focus is."""
        if self.is_mounted:
            self.show_keys()

    @staticmethod
    def rule(title: str, width: int) -> Content:
        """Return a rule with a title."""
        return Content.styled(f"{'-- ' + title + ' ' if title else ''}".ljust(width, "-")[:width], "$diff-number")
