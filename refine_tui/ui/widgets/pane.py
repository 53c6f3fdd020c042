"""A scrolling pane of painted lines, and one that follows its end.

Only the lines in sight are rendered, and of new lines only those that are not as they were. They cost a new layout only when the scroll
bar comes or goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

Fit = Literal["wrap", "clip", "nowrap"]
"""What happens to a long line: it is wrapped, cut with an ellipsis, or cut so and scrolled sideways."""


class Pane(ScrollView, can_focus=True):
    """Lines that scroll. What is shown is always painted text, never markup."""

    DEFAULT_CSS = """
    Pane {
        height: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-gutter: stable;
        overflow-x: hidden;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    Pane.-nowrap { overflow-x: auto; }
    """
    ALLOW_SELECT = False
    # How many lines there are is a matter of the scroll bar alone: it is no reason for a layout, nor to draw the other lines.
    virtual_size = Reactive(Size(0, 0), repaint=False)

    @dataclass
    class Resized(Message):
        """The pane has another size: what is painted for its width has to be painted anew."""

    def __init__(self, *, id: str, fit: Fit = "wrap", follows: bool = False, title: str) -> None:
        super().__init__(id=id, classes="pane")
        self._fit: Fit = fit
        self._follows = follows
        self._shown: tuple[Content, ...] = ()
        self._lines: list[Content] = []
        self._lines_width = 0
        """The width the lines were made for."""
        self._is_made = True
        """Whether the lines are those of what is shown."""
        self._known_size = Size()
        self._strips: dict[int, Strip] = {}
        self._is_at_end = True
        self.unseen = 0
        """Lines that arrived below the visible part since the user scrolled away from the end."""
        self._title = ""
        self.entitle(title)

    def show(self, rows: Sequence[Content], fit: Fit | None = None) -> None:
        """Show lines. A pane that follows stays at the end if it was there, and does not move otherwise."""
        if fit is not None and fit != self._fit:
            self._fit, self._shown, self._lines_width = fit, (), 0
        self.set_class(self._fit == "nowrap", "-nowrap")
        if _are_same(rows, self._shown):
            return
        if not self._is_at_end:
            self.unseen += max(0, len(rows) - len(self._shown))
        self._shown, self._is_made = tuple(rows), False
        self._make_lines()

    def entitle(self, title: str) -> None:
        """Write something on the line above the pane."""
        if title != self._title:
            self._title, self.border_title = title, Content(title)

    def bring(self, line: int) -> None:
        """Scroll so that a line is the first in sight, as far as there are enough below it."""
        self.scroll_to(y=line, animate=False, force=True)

    @property
    def width(self) -> int:
        """Cells in a line; 0 before the first layout."""
        return self.scrollable_content_region.width

    @property
    def shown(self) -> tuple[Content, ...]:
        """The lines in the pane, as they came."""
        return self._shown

    def _make_lines(self) -> None:
        """Bring the rows to the pane's width, where that is known and was not done."""
        width = self.width
        if width == 0 or (self._is_made and width == self._lines_width):
            return
        before, self._lines = self._lines, [line for row in self._shown for line in self._folded(row, width)]
        if width == self._lines_width:
            self._draw_changed(before)
        else:
            self._strips.clear()
            self.refresh()
        self._lines_width, self._is_made = width, True
        widest = max((line.cell_length for line in self._lines), default=0) if self._fit == "nowrap" else 0
        self.virtual_size = Size(max(width, widest), len(self._lines))
        self._follow()

    def watch_virtual_size(self, size: Size) -> None:
        """Have the scroll bar follow."""
        self._scroll_update(size)

    def _draw_changed(self, before: Sequence[Content]) -> None:
        """Have only those lines drawn that are not as they were."""
        lines = self._lines
        changed = [n for n, (old, new) in enumerate(zip(before, lines, strict=False)) if not old.is_same(new)]
        changed += range(min(len(before), len(lines)), max(len(before), len(lines)))
        top = self.scroll_offset.y
        for line in changed:
            self._strips.pop(line, None)
            if top <= line < top + self.size.height:
                self.refresh_line(line)

    def _follow(self) -> None:
        if self._follows and self._is_at_end:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def _folded(self, row: Content, width: int) -> Sequence[Content]:
        if self._fit == "wrap" and (row.cell_length > width or "\n" in row.plain):
            return row.wrap(width)
        return row.split("\n", allow_blank=True) if "\n" in row.plain else (row,)

    def on_resize(self) -> None:
        """Fit the lines to the new width and keep the end in sight. Being shown again is no other size."""
        if self.size != self._known_size:
            self._known_size = self.size
            self._make_lines()
            self._follow()
            self.post_message(self.Resized())

    def notify_style_update(self) -> None:
        """Colours may have changed."""
        super().notify_style_update()
        self._strips.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render what is in sight; the first time it is, the lines are made now."""
        self._make_lines()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Render one line, `y` lines below the top of the visible part."""
        x, top = self.scroll_offset
        width, style = self.width, self.visual_style
        at = top + y
        if at >= len(self._lines):
            return Strip.blank(width, style.rich_style)
        if at not in self._strips:
            line = self._lines[at]
            room = max(width, line.cell_length) if self._fit == "nowrap" else width
            self._strips[at] = Visual.to_strips(self, line, room, 1, style)[0]
        strip = self._strips[at]
        if strip.cell_length <= x + width:
            return strip.crop_extend(x, x + width, style.rich_style)
        return Strip([*strip.crop(x, x + width - 1), Segment("…", style.rich_style)], width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Notice whether the user left the end or came back to it; new lines alone move nothing."""
        super().watch_scroll_y(old_value, new_value)
        self._is_at_end = new_value >= self.max_scroll_y - 1
        if self._is_at_end:
            self.unseen = 0


def _are_same(rows: Sequence[Content], others: Sequence[Content]) -> bool:
    """Whether two lots of lines look the same; equal contents may still differ in style."""
    return len(rows) == len(others) and all(row.is_same(other) for row, other in zip(rows, others, strict=True))
