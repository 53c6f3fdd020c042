"""Scopes: definitions, named and nested; the smallest that holds a line; the statement on a line."""

from __future__ import annotations

from collections.abc import Sequence

from refine_tui.core.scope import Scope, ScopeKind
from refine_tui.core.text import SourceFile, Span
from refine_tui.syntax.nodes import Node

_DEFINITIONS = {"class_definition": "class", "function_definition": "function"}


def find_scopes(source: SourceFile, root: Node) -> tuple[Scope, ...]:
    """Return the module, then its classes, functions and methods in order of the text."""
    found = [_module(source)]
    stack: list[tuple[Node, tuple[str, ...], str]] = [(root, (), "module")]
    while stack:
        node, names, holder = stack.pop()
        if node.kind in _DEFINITIONS:
            owner = node.header("owner")
            names = (*names, *([owner.text] if owner is not None else []), _name(node))
            method = node.kind == "function_definition" and (holder == "class" or owner is not None)
            found.append(_scope(source, node, ".".join(names), "method" if method else _DEFINITIONS[node.kind]))
            holder = _DEFINITIONS[node.kind]
        stack.extend((child, names, holder) for child in reversed(node.children) if child.named)
    return tuple(found)


def _name(node: Node) -> str:
    """Return the name of a definition, of a function that has none that of the variable or property it is kept in."""
    name = node.header("name")
    if name is None and node.parent is not None:
        name = node.parent.child("left") or node.parent.child("name")
    return name.text.encode("latin-1").decode("utf-8", "replace") if name else "?"


def smallest(scopes: Sequence[Scope], line: int) -> Scope:
    """Return the smallest scope that holds a 0-based line; the module if no other does."""
    holding = [scope for scope in scopes if scope.holds_line(line)]
    return min(holding, key=lambda scope: scope.span.end - scope.span.start, default=scopes[0])


def statement_scope(source: SourceFile, root: Node, line: int, within: Scope) -> Scope:
    """Return the smallest statement that holds a 0-based line, as a scope named `<owner>:<1-based line>`.

    A line that no statement holds (blank, comment) gives the scope around it.
    """
    best: Node | None = None
    stack = [root]
    while stack:
        node = stack.pop()
        if node.line <= line <= node.end_line:
            if node.parent is not None and node.parent.kind in ("block", "module") and node.named and node.kind != "comment":
                best = node
            stack.extend(node.children)
    if best is None or best.kind in ("function_definition", "class_definition", "decorated_definition"):
        return within
    return _scope(source, best, f"{within.name}:{best.line + 1}", "statement")


def _module(source: SourceFile) -> Scope:
    return Scope(source.path, "<module>", "module", Span(0, len(source.data)), 0, len(source.line_starts) - 1)


def _scope(source: SourceFile, node: Node, name: str, kind: ScopeKind | str) -> Scope:
    """Make a scope of a node, the decorators around it included."""
    if node.parent is not None and node.parent.kind == "decorated_definition":
        node = node.parent
    return Scope(source.path, name, _KINDS[kind], Span(node.start, node.end), node.line, node.end_line)


_KINDS: dict[str, ScopeKind] = {"function": "function", "method": "method", "class": "class", "module": "module", "statement": "statement"}
