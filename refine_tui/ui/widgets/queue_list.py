"""A list in which one entry is current: proposals with their hunks, or tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from refine_tui.ui.paint.entry import Entry
from refine_tui.ui.widgets.pane import Pane

_CURRENT = Style(reverse=True)


class QueueList(Pane):
    """A pane whose lines are entries. The place in it is kept when other lines come."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        Binding("home", "move(-1000000)", "first", show=False),
        Binding("end", "move(1000000)", "last", show=False),
        Binding("pageup", "turn(-1)", "page up", show=False),
        Binding("pagedown", "turn(1)", "page down", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """The user moved to an entry."""

        entry: str

    def __init__(self, *, id: str, title: str) -> None:
        super().__init__(id=id, fit="clip", title=title)
        self._entries: Sequence[Entry] = ()
        self._current: int | None = None

    def list_entries(self, entries: Sequence[Entry], current: str) -> None:
        """Show entries with one of them current."""
        # The same entries twice is the common case, and comparing thousands of lines is not free.
        if entries is not self._entries:
            self._entries = entries
            self.show([entry.content for entry in entries])
        self._go(next((n for n, entry in enumerate(entries) if entry.id == current), None))

    @property
    def current(self) -> str:
        """The entry the user is on, also before `Chosen` has arrived anywhere; empty when there is none."""
        return self._entries[self._current].id if self._current is not None and self._current < len(self._entries) else ""

    def action_move(self, step: int) -> None:
        """Go up or down by some entries, as far as there are any."""
        places = [n for n, entry in enumerate(self._entries) if not entry.is_heading]
        if places:
            at = places.index(self._current) + step if self._current in places else 0
            self._choose(places[min(max(at, 0), len(places) - 1)])

    def action_turn(self, pages: int) -> None:
        """Go up or down by what fits in the pane."""
        self.action_move(pages * max(1, self.scrollable_content_region.height - 1))

    def on_click(self, event: events.Click) -> None:
        """Go to the clicked entry."""
        offset = event.get_content_offset(self)
        at = self.scroll_offset.y + offset.y if offset is not None else -1
        if 0 <= at < len(self._entries) and not self._entries[at].is_heading:
            self._choose(at)

    def on_resize(self) -> None:
        """Keep the current entry in sight."""
        super().on_resize()
        self._bring_current()

    def render_line(self, y: int) -> Strip:
        """Render one entry; the current one is reversed from edge to edge."""
        strip = super().render_line(y)
        return strip.apply_style(_CURRENT) if self.scroll_offset.y + y == self._current else strip

    def _choose(self, at: int) -> None:
        self._go(at)
        self.post_message(self.Chosen(self._entries[at].id))

    def _go(self, at: int | None) -> None:
        if at != self._current:
            for line in (self._current, at):
                if line is not None:
                    self.refresh_line(line)
            self._current = at
            self._bring_current()

    def _bring_current(self) -> None:
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if self._current is not None and height and not top <= self._current < top + height:
            self.bring(self._current if self._current < top else self._current - height + 1)
