"""Syntax: scopes, edits and checks over tree-sitter. No tree-sitter object leaves this room."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from refine_tui.core.errors import UsageError
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.syntax.edits import scope_edits
from refine_tui.syntax.imports import imported_paths
from refine_tui.syntax.languages import language_of, languages_of
from refine_tui.syntax.mending import mended
from refine_tui.syntax.normalised import token_text
from refine_tui.syntax.operators import OPERATORS, Operator, operator_named
from refine_tui.syntax.parsing import language_for, parse, parse_bytes
from refine_tui.syntax.scopes import find_scopes, smallest, statement_scope
from refine_tui.syntax.unfinished import python_can_go_on

__all__ = ["OPERATORS", "Operator", "TreeSitter", "operator_named"]


@lru_cache(maxsize=32)
def _scopes(source: SourceFile) -> tuple[Scope, ...]:
    return find_scopes(source, parse(source).root)


class TreeSitter:
    """The syntax port on tree-sitter. Remembers the last few files by content; safe to use from any thread."""

    def __init__(self, without: Collection[str] = ()) -> None:
        """Leave out some operators, or whole families of them, by name: to see what they are good for.

        Raises:
            UsageError: there is no such operator or family.
        """
        known = {name for operator in OPERATORS for name in (operator.name, operator.family)}
        if unknown := sorted(set(without) - known):
            families = ", ".join(dict.fromkeys(operator.family for operator in OPERATORS))
            raise UsageError(f"{unknown[0]}: there is no such operator, nor a family of them. The families: {families}.")
        self._without = frozenset(without)

    def handles(self, path: str) -> bool:
        """Say whether the file is in a language of the table."""
        return bool(languages_of(path))

    def scopes(self, source: SourceFile) -> tuple[Scope, ...]:
        """Return the module, then its classes, functions and methods in order of the text, nested ones included.

        Raises:
            ProjectError: the file is in no language of the table, or its grammar is missing.
        """
        return _scopes(source)

    def scope_at(self, source: SourceFile, line: int) -> Scope:
        """Return the smallest function, method or class that holds a 0-based line, else the module."""
        return smallest(self.scopes(source), line)

    def statement_at(self, source: SourceFile, line: int) -> Scope:
        """Return the smallest statement that holds a 0-based line; where there is none, the scope around it."""
        return statement_scope(source, parse(source).root, line, self.scope_at(source, line))

    def errors(self, source: SourceFile) -> tuple[int, ...]:
        """Return the 0-based lines on which the parser had to skip or invent something."""
        return parse(source).bad_lines

    def is_valid(self, source: SourceFile) -> bool:
        """Say whether the text parses, by tree-sitter and by the language's own compiler where there is one."""
        row = language_for(source)
        return not parse_bytes(row, source.data).root_node.has_error and row.accepts(source.data)

    def mends(self, source: SourceFile) -> list[OperatorEdit]:
        """Return edits that make a Python file parse which does not, likeliest first; none for other languages."""
        return mended(source) if language_of(source.path).words.python else []

    def imports(self, source: SourceFile) -> tuple[str, ...]:
        """Return the paths at which what a Python file imports may lie, nearest first; none for other languages."""
        return imported_paths(source) if language_of(source.path).words.python else ()

    def can_go_on(self, path: str, lines: Sequence[str]) -> bool:
        """Say whether the first lines of a scope, its indentation taken off, may still become code; yes where that cannot be told."""
        return not language_of(path).words.python or python_can_go_on("\n".join(lines))

    def normalised(self, source: SourceFile) -> str:
        """Return the token stream as one string: equal for texts that differ in comments and layout only."""
        return token_text(parse(source).root)

    def edits(
        self, source: SourceFile, scope: Scope, lines: Collection[int] | None = None, values: Sequence[str] = ()
    ) -> Iterator[OperatorEdit]:
        """Yield every single edit in a scope, results that are equal as text once, by falling prior.

        Args:
            source: the file as it is now; the edits are for this text.
            scope: a scope of this text; no edit leaves its span.
            lines: 0-based; only nodes that begin on one of them are edited. None: all.
            values: what failing tests compared, as `repr` gave it, likeliest first; short literals among them are offered as constants.
        """
        yield from scope_edits(source, parse(source).root, scope, lines, tuple(values), self._without)
