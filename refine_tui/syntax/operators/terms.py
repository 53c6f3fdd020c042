"""Terms: an offset of one, and whole operands added or dropped (kind 12)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, binding, level, operand, operators_of, put, ranked

_CALLED_WITH_ITEMS = frozenset({
    "sum", "sorted", "any", "all", "list", "set", "tuple", "len", "enumerate", "reversed", "zip", "map", "print",
})  # fmt: skip


def _offset_add(node: Node, have: Ingredients) -> Iterator[Draft]:
    if not _may_count(node, have):
        return
    for sign in "+-":
        yield put(node, f"{operand(node, 10)} {sign} 1", 10, note=f"{sign} 1 added")


def _may_count(node: Node, have: Ingredients) -> bool:
    """Say whether a node could hold a number and stands where a number makes sense."""
    parent = node.parent
    if parent is None or node.field in ("function", "object", "operator") or node.kind in ("integer", "float", "parenthesized_expression"):
        return False
    if node.kind == "identifier":
        kinds = have.kinds.get(node.text, frozenset())
        if kinds and "number" not in kinds:
            return False
    elif node.kind not in ("call", "binary_operator", "subscript", "attribute"):
        return False
    return _takes_number(node, parent)


def _takes_number(node: Node, parent: Node) -> bool:
    match parent.kind:
        case "subscript":
            return node.field == "subscript"
        case "binary_operator":
            inner = parent.parent is not None and parent.parent.kind == "binary_operator"
            return node.kind != "binary_operator" and (node.field == "right" or not inner)
        case "argument_list":
            name = parent.parent.children[0].text if parent.parent else ""
            return name not in _CALLED_WITH_ITEMS
        case (
            "slice"
            | "comparison_operator"
            | "assignment"
            | "initialiser"
            | "return_statement"
            | "augmented_assignment"
            | "conditional_expression"
        ):
            return True
        case "list_comprehension" | "generator_expression":
            return node.field == "body"
    return False


def _offset_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    left, sign, right = node.child("left"), node.child("operator"), node.child("right")
    if left is None or right is None or sign is None or sign.text not in "+-":
        return
    if right.text == "1":
        yield put(node, left.text, level(left), note=f"{sign.text} 1 dropped")
    elif left.text == "1" and sign.text == "+":
        yield put(node, right.text, level(right), note="1 + dropped")


def _drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    left, sign, right = node.child("left"), node.child("operator"), node.child("right")
    if left is None or right is None or sign is None:
        return
    yield put(node, left.text, level(left), note=f"{sign.text} {right.text} dropped")
    yield put(node, right.text, level(right), 0.6, note=f"{left.text} {sign.text} dropped")
    if left.kind == "binary_operator" and (inner := left.child("left")) is not None and (second := left.child("operator")) is not None:
        # The middle of `a + b - c`.
        for kept in dict.fromkeys((sign.text, second.text)):
            binds = binding(node.words.read(kept), node.words)
            text = f"{operand(inner, binds + (binds == 13))} {kept} {operand(right, binds + (binds != 13))}"
            yield put(node, text, binds, 0.5, f"{second.text} dropped from the middle")


def _add(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.parent is None or not _extendable(node, node.parent):
        return
    inside = {inner.text for inner in node.walk() if inner.kind == "identifier"}
    names = [name for name in have.similar(node) if "callable" not in have.kinds.get(name, ())]
    numeric = "number" in have.kinds.get(node.text, ()) or node.kind in ("integer", "float", "binary_operator")
    fresh = [name for name in names if name not in inside] + [name for name in names if name in inside]
    signs = (("+", 1.0), ("*", 0.6), ("-", 0.6), ("%", 0.2)) if numeric or node.kind == "call" else (("+", 1.0),)
    for at, (name, weight) in enumerate(ranked(fresh, 3, 0.6)):
        for sign, share in signs[: (4, 3, 1)[at]]:
            binds = binding(sign)
            yield put(node, f"{operand(node, binds)} {sign} {name}", binds, weight * share, f"{sign} {name} added")
        if not numeric:
            yield put(node, f"{name} + {operand(node, 11)}", 10, weight * 0.5, f"{name} + added")
    yield from _constant_terms(node, have)


def _add_expression(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Add a call or an element that the function computes elsewhere: `return a` to `return a + f(b)`."""
    parent = node.parent
    if (
        parent is None
        or parent.kind not in ("return_statement", "assignment", "initialiser", "augmented_assignment")
        or not _extendable(node, parent)
    ):
        return
    others = [other for other in have.expressions if other.kind in ("call", "subscript") and not _overlaps(other, node)]
    near = sorted(others, key=lambda other: (other.kind != "call", abs(other.line - node.line)))
    for at, other in enumerate([other for other in near if other.text not in node.text][:3]):
        yield put(node, f"{operand(node, 10)} + {other.text}", 10, 0.7**at, f"+ {other.text} added")
        yield put(node, f"{other.text} + {operand(node, 11)}", 10, 0.4 * 0.7**at, f"{other.text} + added")


def _overlaps(one: Node, other: Node) -> bool:
    return one.start < other.end and other.start < one.end


def _constant_terms(node: Node, have: Ingredients) -> Iterator[Draft]:
    texts = [text for text in have.integers if text not in ("0", "1", node.text)]
    for text, weight in ranked([*texts, "2"], 2):
        for sign in node.words.all(("*", "//", "%")):
            yield put(node, f"{operand(node, 11)} {sign} {text}", 11, weight * 0.25, f"{sign} {text} added")
    for text, weight in ranked(have.strings, 2):
        if node.kind in ("call", "identifier", "binary_operator", "string") and "number" not in have.kinds.get(node.text, ()):
            yield put(node, f"{operand(node, 10)} + {text}", 10, weight * 0.2, f"+ {text} added")


def _extendable(node: Node, parent: Node) -> bool:
    if node.field in ("function", "object", "operator") or node.kind in ("parenthesized_expression", "true", "false", "none"):
        return False
    if parent.kind in ("return_statement", "assignment", "initialiser", "augmented_assignment", "conditional_expression"):
        return node.field != "left" and node.kind in ("identifier", "call", "binary_operator", "subscript", "integer")
    if parent.kind == "argument_list":
        return node.kind in ("identifier", "binary_operator", "subscript")
    if parent.kind in ("comparison_operator", "binary_operator"):
        return node.kind in ("identifier", "integer", "call", "subscript")
    return parent.kind in ("list_comprehension", "generator_expression", "slice") and node.kind in ("identifier", "subscript", "call")


def _compare_add(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Bound a comparison from the other side: `0 < a` to `0 < a < b`, and `a < b` to `0 < a < b`."""
    parts = [part for part in node.parts if part.field != "operators"]
    sign = node.child("operators")
    if len(parts) != 2 or sign is None or sign.text not in ("<", "<=", ">", ">="):
        return
    inside = {part.text for part in parts}
    names = [name for name in have.similar(parts[1]) if name not in inside]
    for name, weight in ranked(names, 2):
        yield Draft(node.start, node.end, f"{node.text} {sign.text} {name}", weight, f"{sign.text} {name} added")
    if sign.text[0] == "<" and parts[0].kind != "integer":
        yield Draft(node.start, node.end, f"0 {sign.text} {node.text}", 0.7, f"0 {sign.text} added")


_PLACES = operators_of("identifier", "call", "binary_operator", "subscript", "attribute", "integer", "string")

OPERATORS = (
    Operator(
        "terms.offset-add", 12, 0.05, "one added or taken away",
        "def f(a):\n    return range(len(a))\n", "def f(a):\n    return range(len(a) - 1)\n",
        "terms.offset-drop", _PLACES, _offset_add, carries=True,
    ),
    Operator(
        "terms.offset-drop", 12, 0.04, "an offset of one dropped",
        "def f(a):\n    return range(len(a) - 1)\n", "def f(a):\n    return range(len(a))\n",
        "terms.offset-add", operators_of("binary_operator"), _offset_drop, carries=True,
    ),
    Operator(
        "terms.drop", 12, 0.06, "an operand dropped",
        "def f(a, b):\n    return a + b\n", "def f(a, b):\n    return a\n",
        "terms.add", operators_of("binary_operator"), _drop, carries=True,
    ),
    Operator(
        "terms.add", 12, 0.045, "an operand added: a name in scope, or a constant used nearby",
        "def f(a, b):\n    return a\n", "def f(a, b):\n    return a + b\n",
        "terms.drop", _PLACES, _add, carries=True,
    ),
    Operator(
        "terms.add-expression", 12, 0.006, "an operand added: a call or an element of the function",
        "def f(a, b):\n    if a[0]:\n        return b\n    return f(a)\n",
        "def f(a, b):\n    if a[0]:\n        return b + a[0]\n    return f(a)\n",
        "terms.drop", _PLACES, _add_expression, carries=True,
    ),
    Operator(
        "terms.compare-add", 12, 0.005, "a comparison bounded from the other side as well",
        "def f(a, b):\n    if b and 0 < a:\n        return 1\n", "def f(a, b):\n    if b and 0 < a < b:\n        return 1\n",
        "condition.link-drop", operators_of("comparison_operator"), _compare_add,
    ),
)  # fmt: skip
