"""The table of languages: what the room needs to know about each, and nothing else knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import tree_sitter
import tree_sitter_python

from refine_tui.core.errors import ProjectError
from refine_tui.syntax.queries import query_text
from refine_tui.syntax.validity import python_accepts


@dataclass(frozen=True)
class LanguageRow:
    """One language: where its grammar is, which files are written in it, and who has the last word on validity."""

    name: str
    """Folder of its queries under `grammars/`."""
    suffixes: tuple[str, ...]
    grammar: Callable[[], object]
    accepts: Callable[[bytes], bool]
    """Whether the language's own parser takes the text; called only for text without tree-sitter errors."""


LANGUAGES = (LanguageRow("python", (".py", ".pyi", ".pyw"), tree_sitter_python.language, python_accepts),)


def language_of(path: str) -> LanguageRow:
    """Return the row for a file by its suffix.

    Raises:
        ProjectError: no language in the table has this suffix.
    """
    for row in LANGUAGES:
        if path.endswith(row.suffixes):
            return row
    known = ", ".join(suffix for row in LANGUAGES for suffix in row.suffixes)
    raise ProjectError(f"{path} is in no language refine-tui can read ({known}). Leave it out of the scope.")


@cache
def grammar(name: str) -> tree_sitter.Language:
    """Return the loaded grammar of a language of the table."""
    row = next(row for row in LANGUAGES if row.name == name)
    return tree_sitter.Language(row.grammar())


@cache
def query(language: str, name: str) -> tree_sitter.Query:
    """Return a compiled query; it is kept for the life of the process and never collected."""
    return tree_sitter.Query(grammar(language), query_text(language, name))
