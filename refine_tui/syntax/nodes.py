"""The room's own syntax tree: plain nodes over the file's text, so that no tree-sitter object has to be kept or passed on.

The text is the file's bytes read as Latin-1: one character a byte, so offsets are byte offsets, and writing it back is exact
whatever the file's encoding is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import tree_sitter

Role = Literal["load", "store", "param", "none"]
"""What a node means to the code around it: a value read, a name bound, a parameter, or nothing that an edit may touch."""


class Node:
    """One node; positions are byte offsets, lines 0-based."""

    __slots__ = ("children", "end", "end_line", "field", "kind", "line", "named", "parent", "role", "source", "start")

    def __init__(self, ts: tree_sitter.Node, field: str | None, parent: Node | None, source: str) -> None:
        self.kind = ts.type
        self.named = ts.is_named
        self.start = ts.start_byte
        self.end = ts.end_byte
        self.line = ts.start_point.row
        self.end_line = ts.end_point.row
        self.field = field or ""
        self.parent = parent
        self.source = source
        self.children: list[Node] = []
        self.role: Role = "load"

    def __repr__(self) -> str:
        return f"<{self.kind} {self.start}..{self.end}>"

    @property
    def text(self) -> str:
        """The node's own text."""
        return self.source[self.start : self.end]

    @property
    def parts(self) -> list[Node]:
        """The named children, comments left out."""
        return [child for child in self.children if child.named and child.kind not in ("comment", "line_continuation")]

    def child(self, field: str) -> Node | None:
        """Return the first child with this field name."""
        for child in self.children:
            if child.field == field:
                return child
        return None

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, in the order of the text."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def above(self) -> Iterator[Node]:
        """Yield the nodes that hold this one, nearest first."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


def convert(tree: tree_sitter.Tree, source: str) -> Node:
    """Return the tree as own nodes, without roles."""
    cursor = tree.walk()
    assert cursor.node is not None
    root = Node(cursor.node, None, None, source)
    parent = root
    if not cursor.goto_first_child():
        return root
    while True:
        assert cursor.node is not None
        node = Node(cursor.node, cursor.field_name, parent, source)
        parent.children.append(node)
        if cursor.goto_first_child():
            parent = node
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent() or parent.parent is None:
                return root
            parent = parent.parent
