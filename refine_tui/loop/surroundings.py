"""The file around a scope, for a reader who has little room: everything but the bodies of other functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile

MOST_SIGNATURE_LINES = 6


def surroundings(source: SourceFile, scope: Scope, scopes: Sequence[Scope]) -> str:
    """Return a file's text without the bodies of its functions; empty when nothing but the scope is in it.

    Functions that hold the scope keep their bodies. Of the scope itself its signature is left, to show where it stands.
    """
    lines = [source.line(number).decode("utf-8", "replace") for number in range(len(source.line_starts))]
    bodies: dict[int, int] = {}
    for other in scopes:
        holds_it = other.span.contains(scope.span) and other.span != scope.span
        start = _body_start(lines, other)
        nested = any(first <= other.first_line <= last for first, last in bodies.items())
        if other.kind in ("function", "method") and not holds_it and not nested and start <= other.last_line:
            bodies[start] = other.last_line
    rest = [_shortened(line) if number in bodies else line.rstrip() for number, line in enumerate(lines) if not _inside(number, bodies)]
    kept = [line for before, line in zip(["", *rest], rest, strict=False) if line or before]
    own = {line.strip() for line in lines[scope.first_line : _body_start(lines, scope)]} | {"...", ""}
    return "\n".join(kept).strip() if any(line.strip() not in own for line in kept) else ""


def _body_start(lines: Sequence[str], scope: Scope) -> int:
    """Return the line after a function's signature."""
    for number in range(scope.first_line, min(scope.last_line, scope.first_line + MOST_SIGNATURE_LINES) + 1):
        if lines[number].split("#")[0].rstrip().endswith((":", "{")):
            return number + 1
    return scope.first_line + 1


def _inside(line: int, bodies: Mapping[int, int]) -> bool:
    return any(first < line <= last for first, last in bodies.items())


def _shortened(line: str) -> str:
    return " " * (len(line) - len(line.lstrip())) + "..."
