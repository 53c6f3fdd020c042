"""The one screen: tabs above; Review, Loop, Tests or Setup; notice, prompt, keys and status below.

All boards are composed once and stay. Going to another one shows it instead: one layout, one paint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from refine_tui.ui.boards.board import Board
from refine_tui.ui.desk import Desk
from refine_tui.ui.paint.ink import lines
from refine_tui.ui.paint.status import paint_status
from refine_tui.ui.widgets.confirm_bar import ConfirmBar
from refine_tui.ui.widgets.key_line import KeyLine
from refine_tui.ui.widgets.line import Line
from refine_tui.ui.widgets.notice_bar import NoticeBar
from refine_tui.ui.widgets.prompt_bar import PromptBar
from refine_tui.ui.widgets.tab_line import TabLine

LEAST_WIDTH, LEAST_HEIGHT = 60, 16
WIDE = 140
LOW = 22
"""Rows below which every screen shows less at a time."""
KEY_ORDER = (
    "hunk.accept", "hunk.reject", "hunk.toggle", "hunk.split", "hunk.edit", "decision.undo",
    "patch.apply", "patch.undo", "tests.run", "loop.refine_with_note", "tests.filter", "tests.run_all",
    "setup.key", "setup.use", "setup.fetch", "setup.stop", "setup.file", "setup.server",
    "item.next", "loop.cancel", "loop.go_on", "loop.goal", "help.show", "app.quit",
)  # fmt: skip
_WIDTHS = [(0, "-tiny"), (LEAST_WIDTH, "-narrow"), (100, "-medium"), (WIDE, "-wide")]
_HEIGHTS = [(0, "-flat"), (LEAST_HEIGHT, "-low"), (LOW, "-tall")]


class HouseScreen(Screen[None]):
    """The frame around the boards, of which the first is shown first."""

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    AUTO_FOCUS = ""

    # What draws the focus are the panes; by default the whole screen is painted anew whenever it moves.
    focused = Reactive[Widget | None](None, repaint=False)

    def __init__(self, desk: Desk, *boards: Board) -> None:
        super().__init__()
        self.desk = desk
        self.state = desk.state
        self._boards = {board.NAME: board for board in boards}
        self.board = boards[0]
        """The one that is shown."""

    def compose(self) -> ComposeResult:
        """Lay the frame around the boards."""
        yield Static("", id="too-small", markup=False)
        yield TabLine(self._boards)
        for board in self._boards.values():
            board.styles.display = None if board is self.board else "none"
            yield board
        yield NoticeBar()
        yield ConfirmBar(self.desk.clock)
        yield PromptBar()
        yield KeyLine()
        yield Line(id="status")

    def on_mount(self) -> None:
        """Give the keys to the board."""
        self.set_focus(self.board.key_pane)

    def has(self, name: str) -> bool:
        """Say whether there is a board of that name."""
        return name in self._boards

    def go(self, name: str) -> None:
        """Show another board."""
        if name == self.board.NAME:
            return
        self.query_one(PromptBar).close()
        self.query_one(ConfirmBar).close()
        self.board.styles.display = "none"
        self.board = self._boards[name]
        self.board.styles.display = None
        # Moving the focus wakes the screen. What asks for its paint before that is in the same one, and what asks later in a second.
        self.query_one(TabLine).refresh()
        self.query_one(KeyLine).refresh()
        self.set_focus(None)
        self.show()

    def show(self) -> None:
        """Draw everything anew from what is true now."""
        if not self.is_mounted:
            return
        if self.is_too_small:
            self._show_too_small()
            return
        self.state, width = self.desk.state, self.size.width
        self.query_one(TabLine).show(self.board.NAME, self.state, demo=self.desk.demo, width=width)
        self.board.draw(self.state)
        self.query_one("#status", Line).paint(paint_status(self.state, self.desk.live, width))
        self._show_notice()
        self.show_keys()

    def _show_too_small(self) -> None:
        width, height = self.size
        said = (
            f"This terminal is {width}x{height}.",
            f"refine_tui needs {LEAST_WIDTH}x{LEAST_HEIGHT}.",
            "refine-tui --plain works in any.",
            "Nothing is lost. q leaves.",
        )
        self.query_one("#too-small", Static).update(lines(said))

    def _show_notice(self) -> None:
        notices, bar = self.desk.notices, self.query_one(NoticeBar)
        if notices:
            bar.say(notices[-1].text, notices[-1].severity, more=len(notices) - 1)
        else:
            bar.dismiss()

    def show_keys(self) -> None:
        """Draw the keys that are valid now, most used first; what asks says itself what it takes."""
        valid = {active.binding.id: active.binding for active in self.active_bindings.values() if active.enabled and active.binding.show}
        if not any(review.state == "applied" for review in self.state.reviews):
            valid.pop("patch.undo", None)
        baseline = self.state.baseline
        if baseline is not None and baseline.suite.complete and not self.desk.has_waiting_task:
            valid.pop("loop.go_on", None)
        rows = 1 if self.size.width >= WIDE else self.board.KEY_ROWS
        shown = [] if self.is_asking else [valid[id] for id in KEY_ORDER if id in valid]
        self.query_one(KeyLine).show(shown, self.size.width, rows)

    @property
    def is_too_small(self) -> bool:
        """Whether the terminal cannot show the screen."""
        return self.size.width < LEAST_WIDTH or self.size.height < LEAST_HEIGHT

    @property
    def is_asking(self) -> bool:
        """Whether a prompt or a confirmation is open."""
        return self.query_one(PromptBar).is_open or self.query_one(ConfirmBar).is_open

    def ask(self, title: str, fields: Sequence[str], then: Callable[[tuple[str, ...]], None], *, secret: bool = False) -> None:
        """Open the prompt; `then` gets the answers. What is typed is not shown when it is `secret`."""
        self.query_one(PromptBar).ask(title, fields, then, secret=secret)

    def confirm(self, text: str, key: str, then: Callable[[], None]) -> None:
        """Ask for a second key; `then` is called once it was pressed."""
        self.query_one(ConfirmBar).ask(text, key, then)

    def step_back(self) -> bool:
        """Close the innermost thing that Escape closes and say whether there was one."""
        if self.desk.notices:
            self.desk.notices.pop()
            self.show()
            return True
        return self.board.step_back()

    def set_focus(self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False) -> None:
        """Keys belong to the shown board: what lets go of the focus gives it back to that, unless something is being asked."""
        if widget is None and self.is_mounted and not self.is_asking:
            widget = self.board.key_pane
        super().set_focus(widget, scroll_visible, from_app_focus)

    def on_screen_resume(self) -> None:
        """Show what happened meanwhile."""
        self.show()

    def on_resize(self) -> None:
        """Fit."""
        self.call_after_refresh(self.show)

    def on_descendant_focus(self) -> None:
        """Keys depend on where the focus is."""
        if self.is_mounted:
            self.show_keys()
