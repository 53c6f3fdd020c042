"""A Markdown note as plain painted lines: headings, lists and code keep their shape, nothing is a link, nothing is markup."""

from __future__ import annotations

import re

from textual.content import Content

from refine_tui.ui.paint.ink import ink

_HEADING = re.compile(r"#{1,6} +(.*)")
_ITEM = re.compile(r"(\s*)(?:[-*+]|(\d+[.)])) +(.*)")
_SPAN = re.compile(r"(\*\*.+?\*\*|`[^`]+`)")


def paint_note(text: str) -> list[Content]:
    """Paint a note, line for line."""
    painted, in_code = [], False
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.lstrip().startswith("```"):
            in_code = not in_code
            continue
        painted.append(_line(line, in_code=in_code))
    return painted


def _line(line: str, *, in_code: bool) -> Content:
    if in_code:
        return ink(("    ", ""), (line, "$syntax-string"))
    if heading := _HEADING.match(line):
        return ink((heading.group(1), "bold underline"))
    if item := _ITEM.match(line):
        indent, number, text = item.groups()
        return ink(f"{indent}{number or '-'} ", _spans(text))
    return _spans(line)


def _spans(text: str) -> Content:
    parts: list[str | tuple[str, str]] = []
    for piece in _SPAN.split(text):
        if len(piece) > 4 and piece.startswith("**") and piece.endswith("**"):
            parts.append((piece[2:-2], "bold"))
        elif len(piece) > 2 and piece.startswith("`") and piece.endswith("`"):
            parts.append((piece[1:-1], "$syntax-string"))
        else:
            parts.append(piece)
    return ink(*parts)
