"""The only place where `Content` is made: what goes in is sanitised, and markup in it means nothing."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from refine_tui.core.sanitize import visible

Part = str | tuple[str, str] | Content
"""Plain text, text with a style such as `bold $success`, or painted text."""


def ink(*parts: Part) -> Content:
    """Return one line. Line feeds in the parts become symbols."""
    return Content.assemble(*(_painted(part, newlines=False) for part in parts))


def block(text: str, style: str = "") -> Content:
    """Return text of several lines."""
    return Content.styled(visible(text, newlines=True), style)


def lines(rows: Iterable[Content | str]) -> Content:
    """Return painted lines, one below the other."""
    return Content("\n").join([row if isinstance(row, Content) else ink(row) for row in rows])


def fit(content: Content, width: int) -> Content:
    """Return one line cut to `width` cells, with an ellipsis where something is missing."""
    return content.truncate(max(0, width), ellipsis=True)


def fits(left: Content, right: Content, width: int, gap: int = 1) -> bool:
    """Whether both go on one line with at least `gap` cells between them."""
    return left.cell_length + gap + right.cell_length <= width


def spread(left: Content, right: Content, width: int) -> Content:
    """Return one line with something at both ends; the left end gives way."""
    if width <= right.cell_length:
        return fit(right, width)
    start = fit(left, width - right.cell_length - 1)
    return Content.assemble(start, " " * (width - start.cell_length - right.cell_length), right)


def _painted(part: Part, *, newlines: bool) -> Content:
    if isinstance(part, Content):
        return part
    text, style = part if isinstance(part, tuple) else (part, "")
    return Content.styled(visible(text, newlines=newlines), style) if style else Content(visible(text, newlines=newlines))
