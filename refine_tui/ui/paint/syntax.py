"""Colours of a language for lines of text, by pygments; plain when the language is not known."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

Spans = tuple[tuple[int, int, str], ...]
"""Half-open character ranges of one line with the name of a theme variable."""


@lru_cache(maxsize=32)
def syntax_spans(path: str, text: str) -> tuple[Spans, ...]:
    """Return the coloured ranges of each line of a text that is already sanitised. Lines end at line feeds only."""
    lexer = _lexer(path)
    if lexer is None:
        return ((),) * (text.count("\n") + 1)
    found: list[list[tuple[int, int, str]]] = [[]]
    column = 0
    for kind, value in lexer.get_tokens(text):
        variable = _variable(kind)
        for n, piece in enumerate(value.split("\n")):
            if n:
                found.append([])
                column = 0
            if piece and variable:
                found[-1].append((column, column + len(piece), variable))
            column += len(piece)
    found += [[] for _ in range(text.count("\n") + 1 - len(found))]
    return tuple(tuple(line) for line in found)


@lru_cache(maxsize=16)
def _lexer(path: str) -> Any:
    from pygments.lexers import get_lexer_for_filename  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        return get_lexer_for_filename(path.rsplit("/", 1)[-1], stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=256)
def _variable(kind: Any) -> str:
    from pygments.token import Comment, Keyword, Name, Number, Operator, String  # type: ignore[import-untyped]

    for group, variable in (
        (Comment, "syntax-comment"),
        (String, "syntax-string"),
        (Number, "syntax-number"),
        (Operator.Word, "syntax-keyword"),
        (Keyword, "syntax-keyword"),
        (Name.Function, "syntax-name"),
        (Name.Class, "syntax-name"),
        (Name.Decorator, "syntax-name"),
    ):
        if kind in group:
            return variable
    return ""
