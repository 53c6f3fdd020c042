"""The keys that are valid now, each of them also a button."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.binding import Binding
from textual.content import Content

from refine_tui.ui.paint.ink import ink
from refine_tui.ui.widgets.line import Line

_SHORT = {"question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "left_curly_bracket": "{", "full_stop": ".",
          "right_curly_bracket": "}", "comma": ",", "colon": ":", "escape": "esc"}  # fmt: skip


def key_name(key: str) -> str:
    """Return a key the way it is written on screen."""
    return _SHORT.get(key, key)


class KeyLine(Line):
    """Lays keys out in the order they come; what does not fit is in the help. Its height does not follow from what is valid just now."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._places: list[tuple[int, int, int, str]] = []

    def show(self, bindings: Iterable[Binding], width: int, most_rows: int) -> None:
        """Show bindings, the first key of each, in some rows of `width` cells."""
        self.grow(most_rows)
        rows: list[list[Content]] = [[]]
        self._places = []
        column = 1
        for binding in bindings:
            name = key_name(binding.key)
            length = len(name) + 1 + len(binding.description)
            if column + length > width:
                if len(rows) == most_rows:
                    continue
                rows.append([])
                column = 1
            self._places.append((len(rows) - 1, column, column + length, binding.key))
            rows[-1].append(ink((name, "bold $accent"), f" {binding.description}"))
            column += length + 2
        self.paint(Content("\n").join([Content.assemble(" ", Content("  ").join(row)) for row in rows]))

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for row, start, end, key in self._places:
            if event.y == row and start <= event.x < end:
                self.app.simulate_key(key)
