"""The file around a scope, for a reader who has little room: everything but the bodies of other functions."""

from __future__ import annotations

from collections.abc import Sequence

from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile

MOST_SIGNATURE_LINES = 6


def surroundings(source: SourceFile, scope: Scope, scopes: Sequence[Scope]) -> str:
    """Return a file's text without the bodies of its functions; empty when nothing but the scope is in it.

    Functions that hold the scope keep their bodies. Of the scope itself its signature is left, to show where it stands.
    """
    lines = [source.line(number).decode("utf-8", "replace") for number in range(len(source.line_starts))]
    shown: dict[int, str] = dict(enumerate(lines))
    for other in scopes:
        inside = other.span.contains(scope.span) and other.span != scope.span
        if other.kind not in ("function", "method") or inside:
            continue
        body = _body_start(lines, other)
        for number in range(body, other.last_line + 1):
            shown.pop(number, None)
        if body <= other.last_line:
            shown[body] = " " * (len(lines[body]) - len(lines[body].lstrip())) + "..."
    rest = [shown[number].rstrip() for number in sorted(shown)]
    kept = [line for before, line in zip(["", *rest], rest, strict=False) if line or before]
    own = {line.strip() for line in lines[scope.first_line : _body_start(lines, scope)]} | {"...", ""}
    return "\n".join(kept).strip() if any(line.strip() not in own for line in kept) else ""


def _body_start(lines: Sequence[str], scope: Scope) -> int:
    """Return the line after a function's signature."""
    for number in range(scope.first_line, min(scope.last_line, scope.first_line + MOST_SIGNATURE_LINES) + 1):
        if lines[number].split("#")[0].rstrip().endswith((":", "{")):
            return number + 1
    return scope.first_line + 1
