"""A scope is a named syntax node that a patch may touch: the unit of search, prompting and review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from refine_tui.core.text import Span

ScopeKind = Literal["function", "method", "class", "module", "statement"]


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One node of a file's syntax tree."""

    path: str
    name: str
    """Qualified name, as in `Cart.total`; the module's own scope is `<module>`."""
    kind: ScopeKind
    span: Span
    first_line: int
    """0-based, decorators included."""
    last_line: int
    """0-based, inclusive."""

    def holds_line(self, line: int) -> bool:
        """Say whether a 0-based line lies in the scope."""
        return self.first_line <= line <= self.last_line

    @property
    def label(self) -> str:
        """`FILE::SYMBOL`, the way the command line names a scope."""
        return f"{self.path}::{self.name}"
