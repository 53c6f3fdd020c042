"""The keys that are valid now, each of them also a button."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from refine_tui.ui.paint.ink import ink

MAX_ROWS = 2
_SHORT = {"question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "left_curly_bracket": "{", "full_stop": ".",
          "right_curly_bracket": "}", "comma": ",", "colon": ":", "escape": "esc"}  # fmt: skip


def key_name(key: str) -> str:
    """Return a key the way it is written on screen."""
    return _SHORT.get(key, key)


class KeyLine(Static):
    """Lays keys out over at most two rows, in the order they come; what does not fit is in the help."""

    DEFAULT_CSS = "KeyLine { height: auto; max-height: 2; }"

    def __init__(self) -> None:
        super().__init__("", id="keys", markup=False)
        self._valid: tuple[Binding, ...] = ()
        self._places: list[tuple[int, int, int, str]] = []

    def show(self, bindings: Iterable[Binding]) -> None:
        """Show bindings: first key of each."""
        self._valid = tuple(bindings)
        self._lay_out()

    def on_resize(self) -> None:
        """Lay out again."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.size.width or 80
        rows: list[list[Content]] = [[]]
        self._places = []
        column = 1
        for binding in self._valid:
            name = key_name(binding.key)
            length = len(name) + 1 + len(binding.description)
            if column + length > width:
                if len(rows) == MAX_ROWS:
                    continue
                rows.append([])
                column = 1
            self._places.append((len(rows) - 1, column, column + length, binding.key))
            rows[-1].append(ink((name, "bold $accent"), f" {binding.description}"))
            column += length + 2
        self.update(Content("\n").join([Content.assemble(" ", Content("  ").join(row)) for row in rows]))

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for row, start, end, key in self._places:
            if event.y == row and start <= event.x < end:
                self.app.simulate_key(key)
