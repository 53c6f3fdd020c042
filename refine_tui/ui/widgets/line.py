"""A painted line, or a few, across the whole screen."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Static


class Line(Static):
    """Draws only what changed, and asks for a new layout only when it needs another number of rows."""

    DEFAULT_CSS = "Line { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }"
    # Nothing scrolls here, so having got another size is no reason for a second layout.
    virtual_size = Reactive(Size(0, 0))

    def __init__(self, *, id: str, most_rows: int = 1) -> None:
        super().__init__("", id=id, markup=False)
        self.painted = Content("")
        """What is shown."""
        self._rows, self._most_rows = 1, most_rows

    def paint(self, content: Content) -> None:
        """Show something painted."""
        if not content.is_same(self.painted):
            self.painted = content
            self.update(content, layout=False)
        if self._most_rows > 1:
            self.grow(min(self._most_rows, content.get_height(self.styles.get_rules(), self.screen.size.width)))

    def grow(self, wanted: int) -> None:
        """Take as many rows, and at least one."""
        rows = max(1, wanted)
        if rows != self._rows:
            # A height that is `auto` can be remembered wrongly when two updates meet one layout.
            self._rows, self.styles.height = rows, rows
