"""The diff as painted lines: signs, line numbers, language colours and the words that changed.

Colour is never alone: `+` and `-` are new and old lines, `~` is a line changed in place (side by side), `>` the hunk the keys act
on, and the decision stands in words above each hunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from refine_tui.core.hunks import combine
from refine_tui.core.review import Decision, Review
from refine_tui.core.sanitize import visible
from refine_tui.ui.paint.diff_rows import Row, file_rows, side_by_side
from refine_tui.ui.paint.ink import ink
from refine_tui.ui.paint.syntax import Spans, syntax_spans

SIGNS: dict[Decision, str] = {"accepted": "[ok]", "rejected": "[no]", "undecided": "[  ]"}
STYLES: dict[Decision, str] = {"accepted": "bold $success", "rejected": "bold $error", "undecided": "bold"}
_READ_WHOLE = 600
"""Lines up to which a file is read as a whole for its colours."""
_MARGIN = 80
"""Lines read around the shown ones of a longer file; a string that began earlier may be missed."""


@dataclass(frozen=True)
class Painted:
    """A painted diff."""

    lines: tuple[Content, ...]
    heads: dict[str, int]
    """Hunk id → the line its header is on."""


def paint_file(review: Review, path: str, current: str, context: int, width: int, *, split: bool) -> Painted:
    """Paint one file of a review. `current` is the hunk the keys act on; lines are filled up to `width` cells."""
    rows = file_rows(review, path, context)
    colours = _Colours(review, path, rows)
    painted: list[Content] = []
    heads: dict[str, int] = {}
    for left, right in side_by_side(rows) if split else ((row, row) for row in rows):
        row = left or right
        assert row is not None
        if row.kind == "head":
            heads[row.hunk_id] = len(painted)
            painted.append(_head(row, review.decision(row.hunk_id), row.hunk_id == current))
        elif row.kind == "gap":
            painted.append(ink((f"  ... {row.text}", "$syntax-comment")))
        elif split:
            painted.append(_both(left, right, colours, width))
        else:
            painted.append(_line(row, colours, width))
    return Painted(tuple(painted), heads)


def _head(row: Row, decision: Decision, is_current: bool) -> Content:
    cursor = ("> ", "bold $accent") if is_current else "  "
    return ink(cursor, (SIGNS[decision], STYLES[decision]), (f" {row.text}", "bold" if is_current else "$diff-head"))


def _line(row: Row, colours: _Colours, width: int) -> Content:
    sign, kind = {"added": ("+", "added"), "removed": ("-", "removed")}.get(row.kind, (" ", ""))
    number = row.old if row.kind == "removed" else row.new
    return _code(row, sign, kind, number, colours, width)


def _both(left: Row | None, right: Row | None, colours: _Colours, width: int) -> Content:
    half = max(20, (width - 1) // 2)
    changed = left is not None and right is not None and left.kind == "removed"
    before = _half(left, "~" if changed else "-", "removed", left.old if left else None, colours, half)
    after = _half(right, "~" if changed else "+", "added", right.new if right else None, colours, half)
    return Content.assemble(before, ("|", "$diff-head"), after)


def _half(row: Row | None, sign: str, kind: str, number: int | None, colours: _Colours, width: int) -> Content:
    if row is None:
        return Content(" " * width)
    if row.kind == "context":
        sign, kind = " ", ""
    content = _code(row, sign, kind, number, colours, width)
    return content.truncate(width, ellipsis=True, pad=True)


def _code(row: Row, sign: str, kind: str, number: int | None, colours: _Colours, width: int) -> Content:
    gutter = ink(
        (f" {sign}", f"bold $diff-{kind}" if kind else ""),
        (f"{'' if number is None else number + 1:>{colours.digits + 1}}  ", "$diff-number"),
    )
    text = Content(row.text)
    for start, end, variable in colours.of(row):
        text = text.stylize(f"${variable}", start, end)
    if kind and not row.words:
        # Language colours tell nothing about what happened to a line that is new or gone as a whole.
        text = text.stylize_before(f"$diff-{kind}")
    for start, end in row.words:
        text = text.stylize(f"$diff-{kind}-word", start, end)
    line = Content.assemble(gutter, text)
    return line.pad_right(max(0, width - line.cell_length)).stylize_before(f"$diff-{kind}-line") if kind else line


class _Colours:
    """Language colours of the rows. A long file is read in a window around the shown rows."""

    def __init__(self, review: Review, path: str, rows: Sequence[Row]) -> None:
        base = review.tree.get(path, b"")
        hunks = [hunk for hunk in review.hunks if hunk.path == path]
        new = combine(hunks, review.tree).apply(review.tree).get(path, base)
        numbers = [number for row in rows for number in (row.old, row.new) if number is not None]
        self.digits = len(str(max(numbers, default=0) + 1))
        """Digits of the highest line number."""
        self._old = _coloured(path, base, [row.old for row in rows if row.old is not None])
        self._new = _coloured(path, new, [row.new for row in rows if row.new is not None])

    def of(self, row: Row) -> Spans:
        """Return the coloured ranges of a row."""
        spans, number = (self._old, row.old) if row.kind == "removed" else (self._new, row.new)
        return spans.get(-1 if number is None else number, ())


def _coloured(path: str, data: bytes, shown: Sequence[int]) -> dict[int, Spans]:
    if not shown:
        return {}
    texts = [visible(line.removesuffix(b"\r").decode("utf-8", "replace")) for line in data.split(b"\n")]
    first, last = (0, len(texts)) if len(texts) <= _READ_WHOLE else (max(0, min(shown) - _MARGIN), max(shown) + _MARGIN)
    return dict(enumerate(syntax_spans(path, "\n".join(texts[first:last])), first))
