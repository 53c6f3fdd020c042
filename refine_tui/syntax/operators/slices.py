"""Slices and indices (kind 17)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, operand, operators_of, put, ranked

_SLICED = frozenset({"identifier", "call", "subscript", "attribute", "list_comprehension", "list"})
_SLICES = ("[::-1]", "[1:]", "[:-1]")


def _index(node: Node, _have: Ingredients) -> Iterator[Draft]:
    inside = [part for part in node.parts if part.field == "subscript"]
    if len(inside) != 1 or inside[0].kind == "slice":
        return
    for text, weight in ranked(("-1", "0", "1", "-2"), 4, 0.7):
        if text != inside[0].text and inside[0].kind in ("integer", "unary_operator"):
            yield Draft(inside[0].start, inside[0].end, text, weight)


def _to_slice(node: Node, _have: Ingredients) -> Iterator[Draft]:
    inside = [part for part in node.parts if part.field == "subscript"]
    if len(inside) == 1 and inside[0].kind not in ("slice", "string"):
        yield Draft(inside[0].end, inside[0].end, ":", 0.5, "from there on")
        yield Draft(inside[0].start, inside[0].start, ":", 0.5, "up to there")


def _to_index(node: Node, _have: Ingredients) -> Iterator[Draft]:
    parts = node.parts
    if node.parent is not None and node.parent.kind == "subscript" and len(parts) == 1:
        yield Draft(node.start, node.end, parts[0].text, note="index")


def _bound_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    for part in node.parts:
        yield Draft(part.start, part.end, "", note=f"bound {part.text} dropped")


def _bound_add(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Fill an empty bound; the step only where both bounds are there already or none is."""
    colons = [child for child in node.children if child.text == ":"]
    starts, ends = [node.start, *(colon.end for colon in colons)], [*(colon.start for colon in colons), node.end]
    names = list(have.names_at(node))[:2]
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if node.source[start:end].strip():
            continue
        texts = (("1", *names, "2"), ("-1", *names, "1"), ("2", "-1"))[min(at, 2)]
        for text, weight in ranked(texts, 4, 0.7):
            yield Draft(start, start, text, weight, f"bound {text} added")
    if len(colons) == 1:
        for text, weight in ranked((":-1", ":2"), 2):
            yield Draft(node.end, node.end, text, weight * 0.6, f"step {text[1:]} added")


def _transpose(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Swap two indices: `a[i][j]` to `a[j][i]`, and `a[i, j]` to `a[j, i]`."""
    inside = [part for part in node.parts if part.field == "subscript"]
    if len(inside) == 2 and inside[0].text != inside[1].text:
        between = node.source[inside[0].end : inside[1].start]
        yield Draft(inside[0].start, inside[1].end, f"{inside[1].text}{between}{inside[0].text}", note="indices swapped")
    inner = node.child("value")
    if inner is None or inner.kind != "subscript":
        return
    first, second = ([part for part in owner.parts if part.field == "subscript"] for owner in (inner, node))
    if len(first) == len(second) == 1 and first[0].text != second[0].text:
        between = node.source[first[0].end : second[0].start]
        yield Draft(first[0].start, second[0].end, f"{second[0].text}{between}{first[0].text}", note="indices swapped")


def _shift(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Move a slice as a whole: `[i:j]` to `[i:j + i]`."""
    parts = node.parts
    if len(parts) == 2 and len([child for child in node.children if child.text == ":"]) == 1:
        start, end = parts
        yield Draft(end.start, end.end, f"{operand(start, 10)} + {operand(end, 11)}", 0.5)


def _add(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.kind not in _SLICED or node.field in ("function", "object") or node.parent is None:
        return
    if node.parent.kind in ("expression_statement", "subscript") or "number" in have.kinds.get(node.text, ()):
        return
    inside = {inner.text for inner in node.walk() if inner.kind == "identifier"}
    counts = [name for name in have.similar(node, have.names_at(node)) if name not in inside and have.may_count(name)]
    named = [text for name in counts[:2] for text in (f"[:{name}]", f"[{name}:]", f"[{name}]")]
    texts = [*_SLICES, "[0]", "[-1]", *named] if not counts or counts[0] not in have.unused else [*named, *_SLICES]
    for text, weight in ranked(texts, 9 if node.kind == "identifier" else 5, 0.85):
        yield put(node, f"{node.text}{text}", weight=weight, note=f"{text} added")


def _drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    value = node.child("value")
    if value is not None and (node.role == "load" or value.kind in ("identifier", "attribute", "subscript")):
        yield put(node, value.text, note=f"{node.source[value.end : node.end]} dropped")


_SUBSCRIPT, _SLICE = operators_of("subscript"), operators_of("slice")

OPERATORS = (
    Operator(
        "slice.index", 17, 0.02, "the first or the last instead",
        "def f(a):\n    return a[0]\n", "def f(a):\n    return a[-1]\n",
        "slice.index", _SUBSCRIPT, _index, targets=True,
    ),
    Operator(
        "slice.widen", 17, 0.005, "an index made a slice",
        "def f(a):\n    return a[0]\n", "def f(a):\n    return a[0:]\n",
        "slice.narrow", _SUBSCRIPT, _to_slice, targets=True,
    ),
    Operator(
        "slice.narrow", 17, 0.005, "a slice made an index",
        "def f(a):\n    return a[0:]\n", "def f(a):\n    return a[0]\n",
        "slice.widen", _SLICE, _to_index,
    ),
    Operator(
        "slice.bound-drop", 17, 0.01, "a bound or step dropped",
        "def f(a):\n    return a[1:]\n", "def f(a):\n    return a[:]\n",
        "slice.bound-add", _SLICE, _bound_drop,
    ),
    Operator(
        "slice.bound-add", 17, 0.01, "a bound or step added",
        "def f(a):\n    return a[:]\n", "def f(a):\n    return a[1:]\n",
        "slice.bound-drop", _SLICE, _bound_add,
    ),
    Operator(
        "slice.transpose", 17, 0.01, "two indices swapped",
        "def f(a, b, c):\n    return a[b][c]\n", "def f(a, b, c):\n    return a[c][b]\n",
        "slice.transpose", _SUBSCRIPT, _transpose, targets=True,
    ),
    Operator(
        "slice.length", 17, 0.002, "the upper bound counted from the lower",
        "def f(a, b):\n    return a[b:2]\n", "def f(a, b):\n    return a[b:b + 2]\n",
        "terms.drop", _SLICE, _shift,
    ),
    Operator(
        "slice.add", 17, 0.03, "a slice or index taken: reversed, without the first, without the last",
        "def f(a):\n    return a\n", "def f(a):\n    return a[::-1]\n",
        "slice.drop", operators_of("value"), _add,
    ),
    Operator(
        "slice.drop", 17, 0.02, "a slice or index dropped",
        "def f(a):\n    return a[::-1]\n", "def f(a):\n    return a\n",
        "slice.add", _SUBSCRIPT, _drop, targets=True,
    ),
)  # fmt: skip
