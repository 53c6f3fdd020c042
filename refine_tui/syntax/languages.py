"""The table of languages: what the room needs to know about each, and nothing else knows it.

A language is a row here, its words in `words.py`, and a query under `grammars/` that calls its nodes by the names of their likes in
Python's grammar. Scopes and operators then work on it as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import tree_sitter

from refine_tui.core.errors import ProjectError
from refine_tui.syntax.queries import query_text
from refine_tui.syntax.validity import python_accepts
from refine_tui.syntax.words import CPP, GO, JAVA, JAVASCRIPT, PYTHON, RUST, C, Words


def _anything(_data: bytes) -> bool:
    return True


@dataclass(frozen=True)
class LanguageRow:
    """One language: where its grammar is, which files are written in it, how it writes, and who has the last word on validity."""

    name: str
    """For people."""
    suffixes: tuple[str, ...]
    module: str
    """The module of its grammar's package, imported when the first file of the language is read."""
    words: Words
    queries: tuple[str, ...] = ()
    """Files under `grammars/` that say, one after the other, which node is what; empty for Python."""
    entry: str = "language"
    """The function of the module that gives the grammar."""
    accepts: Callable[[bytes], bool] = _anything
    """Whether the language's own parser takes the text; called only for text without tree-sitter errors."""


_UNTYPED = ("javascript/shared", "javascript/nodes")
_TYPED = ("javascript/shared", "typescript/nodes")

LANGUAGES = (
    LanguageRow("Python", (".py", ".pyi", ".pyw"), "tree_sitter_python", PYTHON, accepts=python_accepts),
    LanguageRow("JavaScript", (".js", ".mjs", ".cjs", ".jsx"), "tree_sitter_javascript", JAVASCRIPT, _UNTYPED),
    LanguageRow("TypeScript", (".ts", ".mts", ".cts"), "tree_sitter_typescript", JAVASCRIPT, _TYPED, "language_typescript"),
    LanguageRow("TSX", (".tsx",), "tree_sitter_typescript", JAVASCRIPT, _TYPED, "language_tsx"),
    LanguageRow("Go", (".go",), "tree_sitter_go", GO, ("go/nodes",)),
    LanguageRow("Rust", (".rs",), "tree_sitter_rust", RUST, ("rust/nodes",)),
    LanguageRow("Java", (".java",), "tree_sitter_java", JAVA, ("java/nodes",)),
    # A header may be either: `parsing.language_for` looks into it.
    LanguageRow("C", (".c", ".h"), "tree_sitter_c", C, ("c/shared", "c/nodes")),
    LanguageRow("C++", (".h", ".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx"), "tree_sitter_cpp", CPP, ("c/shared", "cpp/nodes")),
)


def languages_of(path: str) -> list[LanguageRow]:
    """Return the rows that a file may be in by its suffix; none when no language of the table has it."""
    return [row for row in LANGUAGES if path.endswith(row.suffixes)]


def language_of(path: str) -> LanguageRow:
    """Return the row for a file by its suffix; of several languages with that suffix, the first.

    Raises:
        ProjectError: no language in the table has this suffix.
    """
    rows = languages_of(path)
    if rows:
        return rows[0]
    known = ", ".join(dict.fromkeys(suffix for row in LANGUAGES for suffix in row.suffixes))
    raise ProjectError(f"{path} is in no language refine-tui can read ({known}). Leave it out of the scope.")


@cache
def grammar(row: LanguageRow) -> tree_sitter.Language:
    """Return the loaded grammar of a language.

    Raises:
        ProjectError: its package is not installed.
    """
    try:
        module = import_module(row.module)
    except ImportError as error:
        package = row.module.replace("_", "-")
        raise ProjectError(f"{row.name} files cannot be read: the package {package} is missing. Install it beside refine-tui.") from error
    return tree_sitter.Language(getattr(module, row.entry)())


@cache
def nodes_query(row: LanguageRow) -> tuple[tree_sitter.Query, tuple[str, ...]] | None:
    """Return the query that says which node is what, with its captures in the order of its text; `None` for Python.

    It is kept for the life of the process and never collected.
    """
    text = "\n".join(query_text(name) for name in row.queries)
    if not text:
        return None
    names = dict.fromkeys(re.findall(r"@([\w.]+)", text))
    return tree_sitter.Query(grammar(row), text), tuple(sorted(names, key=lambda name: name == "inline"))
