"""Statements across the border of a block, and the bodies of branches (kinds 21 and 22)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from refine_tui.syntax.ingredients import COMPOUND, Ingredients, is_plain, margin
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.layout import alone, begin, compound_of, lines_of, movable, shifted, siblings
from refine_tui.syntax.operators.record import Draft, Operator, operators_of


def _sink(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Move a statement into the beginning of the loop or branch after it: a first value set anew each time round."""
    group = siblings(node)
    after = group[group.index(node) + 1 :][:1]
    block = after[0].body if after and after[0].kind in COMPOUND else None
    if block is None or not block.parts or not alone(after[0]) or block.parts[0].line == after[0].line:
        return
    if movable(node) and alone(block.parts[0]) and is_plain(node):
        moved = shifted(lines_of(node, node), margin(node), margin(block.parts[0]))
        head = node.source[begin(after[0]) : begin(block.parts[0])]
        if moved is not None:
            yield Draft(begin(node), begin(block.parts[0]), f"{head}{moved}{have.file.newline}", note="moved into the block below")


def _hoist(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Move the first statement of a loop or branch out, to before it."""
    owner, group = compound_of(node), siblings(node)
    if owner is None or len(group) < 2 or group[0] is not node or not alone(owner) or not movable(node):
        return
    if is_plain(node) and node.parent is owner.body:
        moved = shifted(lines_of(node, node), margin(node), margin(owner))
        head = node.source[begin(owner) : begin(node)].rstrip("\r\n")
        if moved is not None and begin(owner) >= have.function.start:
            yield Draft(begin(owner), begin(node) + len(lines_of(node, node)), f"{moved}{have.file.newline}{head}", note="moved out")


def _bodies(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Swap what two branches do; the conditions stay."""
    clauses = [node, *(child for child in node.children if child.kind in ("elif_clause", "else_clause"))]
    bodies = [body for clause in clauses if (body := clause.body)]
    if len(bodies) != len(clauses):
        return
    for left, right in list(combinations(bodies, 2))[:3]:
        if left.text != right.text and margin(left.parts[0] if left.parts else left) == margin(right.parts[0] if right.parts else right):
            between = node.source[left.end : right.start]
            yield Draft(left.start, right.end, f"{right.text}{between}{left.text}", note="bodies of two branches swapped")


_EVERY = operators_of("statement")

OPERATORS = (
    Operator(
        "statement.sink", 22, 0.006, "a statement moved into the beginning of the block below",
        "def f(a):\n    c = 0\n    for b in a:\n        c += b\n    return c\n",
        "def f(a):\n    for b in a:\n        c = 0\n        c += b\n    return c\n",
        "statement.hoist", _EVERY, _sink, carries=True,
    ),
    Operator(
        "statement.hoist", 22, 0.01, "the first statement of a block moved out, to before it",
        "def f(a):\n    for b in a:\n        c = 0\n        c += b\n    return c\n",
        "def f(a):\n    c = 0\n    for b in a:\n        c += b\n    return c\n",
        "statement.sink", _EVERY, _hoist, carries=True,
    ),
    Operator(
        "branch.bodies", 21, 0.01, "what two branches do swapped",
        "def f(a, b):\n    if a:\n        b = 1\n    elif b:\n        b = 2\n    return b\n",
        "def f(a, b):\n    if a:\n        b = 2\n    elif b:\n        b = 1\n    return b\n",
        "branch.bodies", operators_of("if_statement"), _bodies, carries=True,
    ),
)  # fmt: skip
