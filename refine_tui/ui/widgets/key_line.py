"""The keys that are valid now, each of them also a button."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.binding import Binding
from textual.content import Content

from refine_tui.ui.paint.ink import ink
from refine_tui.ui.widgets.line import Line

_SHORT = {"question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "left_curly_bracket": "{", "full_stop": ".",
          "right_curly_bracket": "}", "comma": ",", "colon": ":", "escape": "esc"}  # fmt: skip


_ALWAYS = frozenset({"help.show", "app.quit"})


def key_name(key: str) -> str:
    """Return a key the way it is written on screen."""
    return _SHORT.get(key, key)


class KeyLine(Line):
    """Lays keys out in the order they come; what does not fit is in the help. Its height does not follow from what is valid just now."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._places: list[tuple[int, int, int, str]] = []

    def show(self, bindings: Sequence[Binding], width: int, most_rows: int) -> None:
        """Show bindings, the first key of each, in some rows of `width` cells. How to get help and how to leave is always among them."""
        self.grow(most_rows)
        self._place(_laid_out(bindings, width - 1, most_rows))

    def _place(self, rows: Sequence[Sequence[Binding]]) -> None:
        self._places = []
        for number, row in enumerate(rows):
            column = 1
            for binding in row:
                self._places.append((number, column, column + _length(binding) - 2, binding.key))
                column += _length(binding)
        painted = [Content("  ").join(ink((key_name(one.key), "bold $accent"), f" {one.description}") for one in row) for row in rows]
        self.paint(Content("\n").join([Content.assemble(" ", row) for row in painted]))

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for row, start, end, key in self._places:
            if event.y == row and start <= event.x < end:
                self.app.simulate_key(key)


def _laid_out(bindings: Sequence[Binding], width: int, most_rows: int) -> list[list[Binding]]:
    always = [binding for binding in bindings if binding.id in _ALWAYS]
    tail = sum(map(_length, always))
    rows: list[list[Binding]] = [[]]
    left = width
    for binding in bindings:
        if binding in always:
            continue
        if _length(binding) > left and len(rows) < most_rows:
            rows.append([])
            left = width
        if _length(binding) <= left - (tail if len(rows) == most_rows else 0):
            rows[-1].append(binding)
            left -= _length(binding)
    return [*rows[:-1], rows[-1] + always] if tail <= left else [*rows, always]


def _length(binding: Binding) -> int:
    """Return the cells a key takes, with the gap behind it."""
    return len(key_name(binding.key)) + len(binding.description) + 3
