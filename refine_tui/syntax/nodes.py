"""The room's own syntax tree: plain nodes over the file's text, so that no tree-sitter object has to be kept or passed on.

The text is the file's bytes read as Latin-1: one character a byte, so offsets are byte offsets, and writing it back is exact
whatever the file's encoding is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import tree_sitter

from refine_tui.syntax.words import Words

Role = Literal["load", "store", "param", "none"]
"""What a node means to the code around it: a value read, a name bound, a parameter, or nothing that an edit may touch."""


class Mark(NamedTuple):
    """What a language's query says of a node, empty where it says nothing."""

    kind: str = ""
    field: str = ""
    role: Role = "load"


Marks = Mapping[int, Mark]
"""Marks by the node's id in its tree."""
_NO_MARK = Mark()
_NO_HEADER = frozenset({"body", "type", "return_type", "result"})


class Node:
    """One node; positions are byte offsets, lines 0-based. Kinds and fields have the names Python's grammar has for the like."""

    __slots__ = ("children", "end", "end_line", "field", "kind", "line", "named", "parent", "role", "source", "start", "words")

    def __init__(self, ts: tree_sitter.Node, field: str | None, parent: Node | None, source: str, words: Words, mark: Mark) -> None:
        self.kind = mark.kind or ts.type
        self.named = ts.is_named
        self.start = ts.start_byte
        self.end = ts.end_byte
        self.line = ts.start_point.row
        self.end_line = ts.end_point.row
        self.field = mark.field or field or ""
        self.parent = parent
        self.source = source
        self.words = words
        self.children: list[Node] = []
        self.role = mark.role

    def __repr__(self) -> str:
        return f"<{self.kind} {self.start}..{self.end}>"

    @property
    def text(self) -> str:
        """The node's own text."""
        return self.source[self.start : self.end]

    @property
    def body(self) -> Node | None:
        """The block with the statements of a definition, a loop or a condition."""
        return self.child("body") or self.child("consequence")

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

    def header(self, field: str) -> Node | None:
        """Return the first node with this field name outside of body and types: of C's `int *f(int a)` the `name` lies deep."""
        queue = list(self.children)
        for node in queue:
            if node.field == field:
                return node
            if node.field not in _NO_HEADER:
                queue += node.children
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


def convert(tree: tree_sitter.Tree, source: str, words: Words, marks: Marks) -> Node:
    """Return the tree as own nodes, with no roles but those of the marks; the children of an `inline` node take its place."""
    cursor = tree.walk()
    assert cursor.node is not None
    root = Node(cursor.node, None, None, source, words, marks.get(cursor.node.id, _NO_MARK))
    holders = [root]
    if not cursor.goto_first_child():
        return root
    while True:
        assert cursor.node is not None
        parent = holders[-1]
        node = Node(cursor.node, cursor.field_name, parent, source, words, marks.get(cursor.node.id, _NO_MARK))
        if node.kind != "inline":
            parent.children.append(node)
        if cursor.goto_first_child():
            holders.append(parent if node.kind == "inline" else node)
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent() or len(holders) == 1:
                return root
            holders.pop()
