"""Which of many token sequences begin like a given one: a radix tree whose nodes know who passes through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Holder = TypeVar("Holder")


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many tokens two sequences share from the start."""
    bound = min(len(left), len(right))
    if left[:bound] == right[:bound]:
        return bound
    return next(place for place in range(bound) if left[place] != right[place])


@dataclass(eq=False)
class Node(Generic[Holder]):
    """One stretch of tokens that all its holders have, behind those of the nodes above."""

    edge: list[int]
    holders: set[Holder] = field(default_factory=set)
    children: dict[int, Node[Holder]] = field(default_factory=dict)
    """By the first token of their edge."""


class Trie(Generic[Holder]):
    """Sequences with a holder each; several may hold equal ones."""

    def __init__(self) -> None:
        self._root: Node[Holder] = Node([])

    def add(self, tokens: list[int], holder: Holder) -> None:
        """Let a holder hold a sequence; it holds no other."""
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None:
                child = node.children[tokens[at]] = Node(tokens[at:])
            else:
                cut(child, common_length(child.edge, tokens[at : at + len(child.edge)]))
            child.holders.add(holder)
            node, at = child, at + len(child.edge)

    def remove(self, tokens: Sequence[int], holder: Holder) -> None:
        """Forget that a holder holds a sequence."""
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children[tokens[at]]
            child.holders.discard(holder)
            if not child.holders:
                del node.children[tokens[at]]
                return
            node, at = child, at + len(child.edge)

    def along(self, tokens: Sequence[int]) -> Iterator[tuple[int, set[Holder]]]:
        """Yield, ever deeper, how many tokens some holders share with a sequence, and these holders."""
        node, at = self._root, 0
        while at < len(tokens) and (child := node.children.get(tokens[at])):
            shared = common_length(child.edge, tokens[at : at + len(child.edge)])
            yield at + shared, child.holders
            if shared < len(child.edge):
                return
            node, at = child, at + shared

    def nodes(self) -> Iterator[Node[Holder]]:
        """Yield every node."""
        waiting = list(self._root.children.values())
        while waiting:
            node = waiting.pop()
            waiting += node.children.values()
            yield node


def cut(node: Node[Holder], length: int) -> None:
    """Make a node end after `length` tokens of its edge, the rest a child of it."""
    if length == len(node.edge):
        return
    below = Node(node.edge[length:], set(node.holders), node.children)
    node.edge = node.edge[:length]
    node.children = {below.edge[0]: below}
