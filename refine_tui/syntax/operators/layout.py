"""Statements as lines of text: where they begin and end, and how they move to another indentation."""

from __future__ import annotations

from refine_tui.syntax.ingredients import COMPOUND, SIMPLE
from refine_tui.syntax.nodes import Node

STATEMENTS = SIMPLE | COMPOUND | {"assert_statement"}


def siblings(node: Node) -> list[Node]:
    """Return the statements of the block that holds a statement, itself included."""
    return node.parent.parts if node.parent is not None else []


def begin(node: Node) -> int:
    """Return the byte at which the statement's first line begins."""
    return node.source.rfind("\n", 0, node.start) + 1


def finish(node: Node) -> int:
    """Return the byte at which the statement's last line ends, trailing comment included, line end left out."""
    at = node.source.find("\n", node.end)
    at = len(node.source) if at == -1 else at
    return at - 1 if at > node.end and node.source[at - 1] == "\r" else at


def alone(node: Node) -> bool:
    """Say whether the statement has its lines to itself, a trailing comment allowed."""
    before, after = node.source[begin(node) : node.start], node.source[node.end : finish(node)].strip()
    return not before.strip(" \t\f") and (not after or after.startswith("#"))


def movable(node: Node) -> bool:
    """Say whether the statement can be indented otherwise: it has its own lines, and no string spans lines."""
    if not alone(node) or node.role != "load":
        return False
    return all(
        inner.line == inner.end_line for inner in node.walk() if inner.kind in ("string", "concatenated_string", "line_continuation")
    )


def lines_of(first: Node, last: Node, end: int | None = None) -> str:
    """Return the whole lines from one statement to another, the last line's end left out."""
    return first.source[begin(first) : finish(last) if end is None else min(end, finish(last))]


def shifted(text: str, old: str, new: str) -> str | None:
    """Return whole lines moved from one margin to another, or None if a line does not begin with the old one."""
    moved = []
    for line in text.split("\n"):
        if not line.strip():
            moved.append(line)
        elif line.startswith(old):
            moved.append(new + line[len(old) :])
        elif line.lstrip().startswith("#"):
            moved.append(line)
        else:
            return None
    return "\n".join(moved)


def last_block(node: Node) -> Node | None:
    """Return the block at the end of a compound statement, clauses included."""
    tail = node.parts[-1] if node.parts else None
    while tail is not None and tail.kind in ("else_clause", "elif_clause", "except_clause", "finally_clause"):
        tail = tail.parts[-1] if tail.parts else None
    return tail if tail is not None and tail.kind == "block" and tail.parts else None


def compound_of(node: Node) -> Node | None:
    """Return the compound statement whose block holds a statement, if it is not a function or class."""
    owner = node.parent.parent if node.parent is not None and node.parent.kind == "block" else None
    while owner is not None and owner.kind in ("else_clause", "elif_clause", "except_clause", "finally_clause"):
        owner = owner.parent
    return owner if owner is not None and owner.kind in COMPOUND else None
