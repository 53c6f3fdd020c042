"""A scrolling pane of painted lines, and one that follows its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from refine_tui.ui.paint.ink import lines

Fit = Literal["wrap", "clip", "nowrap"]
"""What happens to a long line: it is wrapped, cut with an ellipsis, or scrolls sideways."""


class Pane(VerticalScroll):
    """Lines that scroll. What is shown is always painted text, never markup."""

    DEFAULT_CSS = """
    Pane { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; }
    Pane > Static { width: 100%; height: auto; }
    Pane.-clip > Static { text-wrap: nowrap; text-overflow: ellipsis; }
    Pane.-nowrap { overflow-x: auto; }
    Pane.-nowrap > Static { width: auto; min-width: 100%; text-wrap: nowrap; }
    """

    def __init__(self, *, id: str, fit: Fit = "wrap", follows: bool = False, title: str = "") -> None:
        super().__init__(id=id, classes=f"pane -{fit}")
        self._follows = follows
        self._text = Static("", markup=False)
        self._shown: tuple[Content, ...] = ()
        self._is_at_end = True
        self.unseen = 0
        """Lines that arrived below the visible part since the user scrolled away from the end."""
        self.border_title = Content(title) if title else None

    def compose(self) -> ComposeResult:
        """Hold one text."""
        yield self._text

    def show(self, rows: Sequence[Content]) -> None:
        """Show lines. A pane that follows stays at the end if it was there, and does not move otherwise."""
        if tuple(rows) == self._shown:
            return
        if not self._is_at_end:
            self.unseen += max(0, len(rows) - len(self._shown))
        self._shown = tuple(rows)
        self._text.update(lines(rows))
        self._follow()

    def on_resize(self) -> None:
        """Keep the end in sight."""
        self._follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Notice whether the user left the end or came back to it; new lines alone move nothing."""
        super().watch_scroll_y(old_value, new_value)
        self._is_at_end = new_value >= self.max_scroll_y - 1
        if self._is_at_end:
            self.unseen = 0

    def _follow(self) -> None:
        if self._follows and self._is_at_end:
            self.call_after_refresh(self.scroll_end, animate=False)

    @property
    def shown(self) -> tuple[Content, ...]:
        """The lines in the pane."""
        return self._shown
