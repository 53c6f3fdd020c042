"""Names: one in place of another, whole expressions in place of another (kind 11)."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, bare, level, operators_of, put, put_node, ranked, replaced


def _other(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.field == "function" or node.role != "load":
        return
    for name, weight in ranked(have.similar(node), 7, 0.75):
        yield put(node, name, weight=weight)


def _target(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.role != "store" or node.parent is None or node.parent.kind not in ("assignment", "augmented_assignment", "pattern_list"):
        return
    names = have.similar(node, [name for name in have.bound if name != node.text] + list(have.parameters))
    for name, weight in ranked(names, 3, 0.6):
        yield put(node, name, weight=weight)


def _beside(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Change what the other branches of the statement change."""
    statement = node.parent
    if node.role != "store" or statement is None or statement.kind not in ("assignment", "augmented_assignment"):
        return
    whole = next((above for above in node.above() if above.kind == "if_statement"), None)
    stored = [inner for inner in whole.walk() if inner.role == "store" and inner.kind == "identifier"] if whole else []
    likewise = [inner.text for inner in stored if inner.parent and inner.parent.kind == statement.kind and inner is not node]
    if node.text not in likewise:
        for name, weight in ranked(likewise, 2, 0.6):
            yield put(node, name, weight=weight)


def _function(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.field == "function" and node.role == "load":
        known = [name for name in dict.fromkeys([*have.file.functions, *have.calls]) if name != node.text]
        for name, weight in ranked([*get_close_matches(node.text, known, 2, 0.7), *known], 4, 0.7):
            yield put(node, name, weight=weight)


def _spelled(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Spell a name that nothing binds like one that something does."""
    known = have.known_names
    if node.kind == "decorator":
        node = next(inner for inner in node.walk() if inner.kind == "identifier")
    elif node.role != "load":
        return
    if node.text not in known and "*" not in known:
        for name, weight in ranked(get_close_matches(node.text, known, 3, 0.7), 3, 0.6):
            yield put(node, name, weight=weight)


def _defined(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Name a function or class as it is called, here or by a failing test."""
    name = node.child("name")
    if name is None:
        return
    asked = [value[1:-1] for value in have.compared if value[1:-1].isidentifier()]
    known = [other for other in dict.fromkeys([*asked, *have.file.calls]) if other != name.text and other not in have.file.functions]
    for other, weight in ranked(get_close_matches(name.text, known, 2, 0.7), 2):
        yield Draft(name.start, name.end, other, weight)


def _expression(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Put another expression of the function here, or a name."""
    if not _replaceable(node):
        return
    others = [other for other in have.expressions if other.text != node.text and not _holds(other, node)]
    near = sorted(others, key=lambda other: (other.kind != node.kind, abs(other.line - node.line)))
    for at, other in enumerate(near[:4]):
        yield put_node(node, other, 0.7**at)


def _name_for(node: Node, have: Ingredients) -> Iterator[Draft]:
    if _replaceable(node) and node.kind != "identifier":
        for name, weight in ranked(have.names_at(node), 4, 0.7):
            yield put(node, name, weight=weight)


def _for_name(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Put an expression of the function where a name stands: `numbers[i]` for `i`."""
    if node.role != "load" or node.field in ("function", "object") or node.parent is None or node.parent.kind == "subscript":
        return
    others = [other for other in have.expressions if not _holds(other, node)]
    holders = [other for other in others if any(inner.text == node.text for inner in other.parts)]
    rest = [other for other in others if other not in holders]
    for at, other in enumerate([*holders[:3], *_calls_first(rest)[:4]]):
        yield put_node(node, other, 0.75**at)
    yield from _elements(node, have)


def _calls_first(nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (node.kind != "call", node.end - node.start))


def _everywhere(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Use another name throughout a line; asked at its first place there."""
    places = [place for place in have.places.get(node.text, ()) if place.line == node.line and place.field != "function"]
    if len(places) >= 2 and places[0] is node:
        for name, weight in ranked(have.similar(node), 2, 0.6):
            yield replaced(places, name)._replace(weight=weight)


def _elements(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Look the name up in what the function holds: `items[i]` for `i`, `i` being an index."""
    if "number" in have.kinds.get(node.text, ()) or node.text in have.loop_names:
        holders = [name for name in have.names_at(node) if "items" in have.kinds.get(name, ()) and name != node.text]
        for name, weight in ranked(holders, 2):
            yield put(node, f"{name}[{node.text}]", weight=weight * 0.4)
    if node.words.python and node.text not in have.items:
        for name, weight in ranked(have.items, 2):
            yield put(node, f"len({name})", weight=weight * 0.5)


def _part(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Put a part of an expression in its place: `i` for `numbers[i]`."""
    if node.kind == "subscript":
        for part in node.parts:
            if part.kind != "slice":
                yield put(node, part.text, level(part))


def _replaceable(node: Node) -> bool:
    return node.role == "load" and node.field not in ("function", "object") and node.kind in _COMPOUND


def _holds(outer: Node, inner: Node) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _tuple(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Swap neighbours in `a, b`."""
    parts = [bare(part) for part in node.parts]
    for left, right in pairwise(parts):
        if left.text != right.text:
            between = node.source[left.end : right.start]
            yield Draft(left.start, right.end, f"{right.text}{between}{left.text}", note="swapped")


_COMPOUND = operators_of("call", "subscript", "attribute", "binary_operator")

OPERATORS = (
    Operator(
        "name.other", 11, 0.16, "another name in scope",
        "def f(a, b):\n    return a + a\n", "def f(a, b):\n    return a + b\n",
        "name.other", operators_of("identifier"), _other, carries=True,
    ),
    Operator(
        "name.everywhere", 11, 0.008, "another name throughout a line",
        "def f(a, b):\n    return a + a\n", "def f(a, b):\n    return b + b\n",
        "name.everywhere", operators_of("identifier"), _everywhere, carries=True,
    ),
    Operator(
        "name.target", 11, 0.012, "another variable assigned to",
        "def f(a):\n    b = c = 0\n    c = a\n    return b + c\n", "def f(a):\n    b = c = 0\n    b = a\n    return b + c\n",
        "name.target", operators_of("identifier"), _target, targets=True, carries=True,
    ),
    Operator(
        "name.beside", 11, 0.015, "the variable changed that other branches change",
        "def f(a, b, c):\n    if a:\n        b += 1\n    else:\n        c -= 1\n    return b, c\n",
        "def f(a, b, c):\n    if a:\n        b += 1\n    else:\n        b -= 1\n    return b, c\n",
        "name.target", operators_of("identifier"), _beside, targets=True,
    ),
    Operator(
        "name.function", 11, 0.01, "another function called, one of the module or one called elsewhere in it",
        "def f(a):\n    return f(a)\n\ndef g(a):\n    return a\n", "def f(a):\n    return g(a)\n\ndef g(a):\n    return a\n",
        "name.function", operators_of("identifier"), _function, carries=True,
    ),
    Operator(
        "name.spelled", 11, 0.1, "a name that nothing binds spelled like one that something does",
        "def f(a):\n    return lenn(a) + lenn(1)\n", "def f(a):\n    return len(a) + lenn(1)\n",
        "name.function", operators_of("identifier", "decorator"), _spelled,
    ),
    Operator(
        "name.defined", 11, 0.01, "a function or class named as it is called",
        "def total(a):\n    return total(a) + totals(a)\n", "def totals(a):\n    return total(a) + totals(a)\n",
        "name.defined", operators_of("function_definition", "class_definition"), _defined,
    ),
    Operator(
        "name.expression", 11, 0.03, "an expression replaced by another of the function",
        "def f(a, b):\n    c = a[0] + b[1]\n    return c * b[1]\n", "def f(a, b):\n    c = a[0] + b[1]\n    return c * a[0]\n",
        "name.expression", _COMPOUND, _expression, carries=True,
    ),
    Operator(
        "name.for-expression", 11, 0.015, "an expression replaced by a name",
        "def f(a, b):\n    return a[b] + b * a[b]\n", "def f(a, b):\n    return b + b * a[b]\n",
        "name.to-expression", _COMPOUND, _name_for, carries=True,
    ),
    Operator(
        "name.to-expression", 11, 0.02, "a name replaced by an expression of the function",
        "def f(a, b):\n    return b + b * a[b]\n", "def f(a, b):\n    return a[b] + b * a[b]\n",
        "name.for-expression", operators_of("identifier"), _for_name, carries=True,
    ),
    Operator(
        "name.part", 11, 0.01, "an expression replaced by a part of it",
        "def f(a, b):\n    return a[b] + b * a[b]\n", "def f(a, b):\n    return b + b * a[b]\n",
        "name.to-expression", operators_of("subscript"), _part, carries=True,
    ),
    Operator(
        "name.swap", 13, 0.02, "neighbours in a tuple or list swapped",
        "def f(a, b):\n    return a, b\n", "def f(a, b):\n    return b, a\n",
        "name.swap", operators_of("expression_list", "tuple", "list", "pattern_list"), _tuple, targets=True, carries=True,
    ),
)  # fmt: skip
