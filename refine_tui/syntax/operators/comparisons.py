"""Comparisons: the operator, and which side is which (kinds 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, operators_of, ranked

# Likeliest first: the boundary, then the opposite, then the rest.
_OTHERS = {
    "<": ("<=", ">", ">=", "==", "!="),
    "<=": ("<", ">=", ">", "==", "!="),
    ">": (">=", "<", "<=", "!=", "=="),
    ">=": (">", "<=", "<", "==", "!="),
    "==": ("!=", "<=", ">=", ">", "<", "in"),
    "!=": ("==", "<", ">", "<=", ">=", "not in"),
    "in": ("not in", "=="),
    "not in": ("in", "!="),
    "is": ("is not", "=="),
    "is not": ("is", "!="),
    "<>": ("!=", "=="),
}


def _operator(node: Node, _have: Ingredients) -> Iterator[Draft]:
    for sign in node.children:
        if sign.field in ("operators", "operator"):
            others = node.words.all(_OTHERS.get(node.words.read(sign.text), ()))
            for text, weight in ranked(others, 6, 0.6):
                yield Draft(sign.start, sign.end, text, weight)


def _sides(node: Node, _have: Ingredients) -> Iterator[Draft]:
    parts = [part for part in node.parts if part.field != "operators"]
    for left, right in pairwise(parts):
        between = node.source[left.end : right.start]
        yield Draft(left.start, right.end, f"{right.text}{between}{left.text}", note="sides swapped")


OPERATORS = (
    Operator(
        "compare.operator", 1, 0.11, "another comparison operator",
        "def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a <= b\n",
        "compare.operator", operators_of("comparison_operator"), _operator, carries=True,
    ),
    Operator(
        "compare.sides", 2, 0.02, "the two sides of a comparison swapped",
        "def f(a, b):\n    return a in b\n", "def f(a, b):\n    return b in a\n",
        "compare.sides", operators_of("comparison_operator"), _sides, carries=True,
    ),
)  # fmt: skip
