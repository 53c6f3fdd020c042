"""Arithmetic: operators, order, grouping, signs, and what an assignment does (kinds 3, 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, binding, bound, level, operand, operators_of, put, ranked

_OTHERS = {
    "+": ("-", "*", "//", "%"),
    "-": ("+", "*", "//", "%"),
    "*": ("+", "**", "//", "/", "-"),
    "/": ("//", "*", "%", "-"),
    "//": ("/", "%", "*", "-"),
    "%": ("//", "/", "*", "-"),
    "**": ("*", "//", "+"),
    "&": ("|", "^", "and"),
    "|": ("&", "^", "or"),
    "^": ("&", "|"),
    "<<": (">>",),
    ">>": ("<<",),
    "@": ("*",),
}
_AUGMENTED = {
    "+=": ("-=", "*=", "//=", "/="),
    "-=": ("+=", "*=", "//="),
    "*=": ("+=", "//=", "/=", "**="),
    "/=": ("//=", "*=", "-="),
    "//=": ("/=", "%=", "*=", "-="),
    "%=": ("//=", "-=", "/="),
    "**=": ("*=", "+="),
    "&=": ("|=", "^="),
    "|=": ("&=", "^="),
    "^=": ("&=", "|="),
    "<<=": (">>=",),
    ">>=": ("<<=",),
    "++": ("--",),
    "--": ("++",),
}


def _operator(node: Node, _have: Ingredients) -> Iterator[Draft]:
    left, sign, right = node.child("left"), node.child("operator"), node.child("right")
    if left is None or sign is None or right is None:
        return
    words = node.words
    for text, weight in ranked(words.all(_OTHERS.get(words.read(sign.text), ())), 5, 0.7):
        if words.read(text) in ("and", "or"):
            yield Draft(sign.start, sign.end, text, weight * 0.3)
        else:
            yield Draft(sign.start, sign.end, text, weight)
            if binding(words.read(text), words) != bound(node):
                yield _rebuilt(node, left, text, right, weight * 0.5)


def _rebuilt(node: Node, left: Node, sign: str, right: Node, weight: float) -> Draft:
    """Write an operation with an operator that binds otherwise, its operands kept together."""
    binds = binding(node.words.read(sign), node.words)
    text = f"{operand(left, binds + (binds == 13))} {sign} {operand(right, binds + (binds != 13))}"
    return put(node, text, binds, weight, f"{node.child('operator').text} to {sign}")  # type: ignore[union-attr]


def _order(node: Node, _have: Ingredients) -> Iterator[Draft]:
    left, sign, right = node.child("left"), node.child("operator"), node.child("right")
    if left and sign and right and node.words.read(sign.text) in ("-", "/", "//", "%", "**", "<<", ">>", "+", "@"):
        yield Draft(node.start, node.end, _swapped(node, left, right), 0.5 if sign.text == "+" else 1.0, "operands swapped")


def _swapped(node: Node, left: Node, right: Node) -> str:
    binds = bound(node)
    first, second = operand(right, binds + (binds == 13)), operand(left, binds + (binds != 13))
    return f"{first}{node.source[left.end : right.start]}{second}"


def _group(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """`a + b * c` to `(a + b) * c`, and `a * b + c` to `a * (b + c)`: the operand next door is drawn in."""
    left, right, source = node.child("left"), node.child("right"), node.source
    if left is not None and left.kind == "binary_operator" and (inner := left.child("right")):
        yield Draft(node.start, node.end, f"{source[node.start : inner.start]}({source[inner.start : node.end]})", note="grouped")
    if right is not None and right.kind == "binary_operator" and (inner := right.child("left")):
        yield Draft(node.start, node.end, f"({source[node.start : inner.end]}){source[inner.end : node.end]}", note="grouped")


def _ungroup(node: Node, _have: Ingredients) -> Iterator[Draft]:
    inner = node.parts[0] if len(node.parts) == 1 else None
    if inner is not None and inner.kind == "binary_operator" and node.parent is not None and node.parent.kind == "binary_operator":
        yield Draft(node.start, node.end, inner.text, note="parentheses dropped")


def _sign_add(node: Node, have: Ingredients) -> Iterator[Draft]:
    if (node.kind == "identifier" and "number" not in have.kinds.get(node.text, ())) or _is_callee(node):
        return
    if node.parent is not None and node.parent.kind in (
        "return_statement",
        "argument_list",
        "assignment",
        "initialiser",
        "binary_operator",
        "subscript",
    ):
        yield put(node, f"-{operand(node, 12)}", 12, 0.5)


def _is_callee(node: Node) -> bool:
    return node.field in ("function", "object") or (node.parent is not None and node.parent.kind == "subscript" and node.field == "value")


def _sign_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    sign, inner = node.child("operator"), node.child("argument")
    if sign is not None and inner is not None:
        yield put(node, inner.text, level(inner))


def _augmented(node: Node, _have: Ingredients) -> Iterator[Draft]:
    sign = node.child("operator")
    if sign is None:
        return
    for text, weight in ranked(node.words.all(_AUGMENTED.get(sign.text, ())), 4, 0.7):
        yield Draft(sign.start, sign.end, text, weight)


def _plain(node: Node, _have: Ingredients) -> Iterator[Draft]:
    sign = node.child("operator")
    if sign is not None:
        yield Draft(sign.start, sign.end, "=")


def _accumulate(node: Node, _have: Ingredients) -> Iterator[Draft]:
    left, right = node.child("left"), node.child("right")
    sign = next((child for child in node.children if child.text == "="), None)
    if left is None or right is None or sign is None or right.kind == "assignment" or node.child("type"):
        return
    if left.kind in ("identifier", "attribute", "subscript") and (node.parent is None or node.parent.kind != "assignment"):
        turned = right.kind == "unary_operator" and right.start == sign.end and right.parts and right.text[0] in "+-"
        if turned:  # `a =+ 1`
            yield Draft(sign.start, right.parts[-1].start, f"{right.text[0]}= ")
        for text, weight in ranked(("+=", "-=", "*="), 3, 0.6):
            yield Draft(sign.start, sign.end, text, weight * (0.3 if turned else 1.0))


def _keep(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Keep what a call gives back: `a.strip()` to `a = a.strip()`."""
    call = node.parts[0] if len(node.parts) == 1 else None
    name = call.child("function") if call is not None and call.kind == "call" else None
    holder = name.child("object") if name is not None and name.kind == "attribute" else None
    if holder is not None and holder.kind in ("identifier", "attribute"):
        yield Draft(node.start, node.start, f"{holder.text} = ", note=f"kept in {holder.text}")
    head = call.child("arguments") if call is not None and name is not None and name.kind == "identifier" else None
    if head is not None and head.kind == "argument_list" and head.parts and head.parts[0].kind == "identifier":
        yield Draft(node.start, node.start, f"{head.parts[0].text} = ", 0.6, f"kept in {head.parts[0].text}")


def _discard(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Call for the effect alone: `a = a.sort()` to `a.sort()`."""
    left, right = node.child("left"), node.child("right")
    if left is not None and right is not None and right.kind == "call" and node.parent and node.parent.kind == "expression_statement":
        yield Draft(node.start, right.start, "", 1.0 if right.text.startswith(f"{left.text}.") else 0.2, "result not kept")


def _turn(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Assign the other way round: `a = b` to `b = a`."""
    left, right = node.child("left"), node.child("right")
    plain = ("identifier", "attribute", "subscript")
    if left is not None and right is not None and node.child("type") is None and left.kind in plain and right.kind in plain:
        yield Draft(node.start, node.end, f"{right.text}{node.source[left.end : right.start]}{left.text}", note="turned round")


def _count(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Add to what a dictionary holds: `a[b] = 1` to `a[b] = a.get(b, 0) + 1`."""
    left, right = node.child("left"), node.child("right")
    value, index = (left.child("value"), left.child("subscript")) if left is not None and left.kind == "subscript" else (None, None)
    if value is None or index is None or right is None or index.kind in ("slice", "integer") or right.kind == "assignment":
        return
    if right.kind in ("integer", "identifier", "float") and node.child("type") is None:
        yield Draft(right.start, right.start, f"{value.text}.get({index.text}, 0) + ", note="added to what is there")
    if right.kind == "list" and node.child("type") is None:
        yield Draft(right.start, right.start, f"{value.text}.get({index.text}, []) + ", note="added to what is there")


_NUMBERS = operators_of("identifier", "integer", "float", "call", "subscript")
_SUMS = operators_of("binary_operator")

OPERATORS = (
    Operator(
        "arithmetic.operator", 3, 0.08, "another arithmetic or bitwise operator",
        "def f(a, b):\n    return a + b\n", "def f(a, b):\n    return a - b\n",
        "arithmetic.operator", _SUMS, _operator, carries=True,
    ),
    Operator(
        "arithmetic.order", 4, 0.01, "operands swapped",
        "def f(a, b):\n    return a - b\n", "def f(a, b):\n    return b - a\n",
        "arithmetic.order", _SUMS, _order, carries=True,
    ),
    Operator(
        "arithmetic.group", 4, 0.006, "two operands taken together first",
        "def f(a, b):\n    return a + b * 2\n", "def f(a, b):\n    return (a + b) * 2\n",
        "arithmetic.ungroup", _SUMS, _group, carries=True,
    ),
    Operator(
        "arithmetic.ungroup", 4, 0.006, "parentheses dropped, so that precedence decides",
        "def f(a, b):\n    return (a + b) * 2\n", "def f(a, b):\n    return a + b * 2\n",
        "arithmetic.group", operators_of("parenthesized_expression"), _ungroup, carries=True,
    ),
    Operator(
        "arithmetic.sign-add", 3, 0.004, "a value negated",
        "def f(a):\n    return abs(a)\n", "def f(a):\n    return -abs(a)\n",
        "arithmetic.sign-drop", _NUMBERS, _sign_add, carries=True,
    ),
    Operator(
        "arithmetic.sign-drop", 3, 0.01, "a sign dropped",
        "def f(a):\n    return -abs(a)\n", "def f(a):\n    return abs(a)\n",
        "arithmetic.sign-add", operators_of("unary_operator"), _sign_drop, carries=True,
    ),
    Operator(
        "assign.operator", 5, 0.04, "another operator in an augmented assignment",
        "def f(a):\n    a += 1\n    return a\n", "def f(a):\n    a -= 1\n    return a\n",
        "assign.operator", operators_of("augmented_assignment", "step"), _augmented, carries=True,
    ),
    Operator(
        "assign.plain", 5, 0.015, "an augmented assignment made plain",
        "def f(a):\n    a += 1\n    return a\n", "def f(a):\n    a = 1\n    return a\n",
        "assign.accumulate", operators_of("augmented_assignment"), _plain, carries=True,
    ),
    Operator(
        "assign.keep", 5, 0.006, "what a call gives back kept",
        "def f(a):\n    a.strip()\n    return a\n", "def f(a):\n    a = a.strip()\n    return a\n",
        "assign.discard", operators_of("expression_statement"), _keep,
    ),
    Operator(
        "assign.discard", 5, 0.004, "what a call gives back not kept",
        "def f(a):\n    a = a.strip()\n    return a\n", "def f(a):\n    a.strip()\n    return a\n",
        "assign.keep", operators_of("assignment"), _discard,
    ),
    Operator(
        "assign.turn", 5, 0.004, "an assignment turned round",
        "def f(a, b):\n    a[0] = b\n    return b\n", "def f(a, b):\n    b = a[0]\n    return b\n",
        "assign.turn", operators_of("assignment"), _turn, carries=True,
    ),
    Operator(
        "assign.count", 5, 0.004, "a value added to what a dictionary holds for the key",
        "def f(a, b):\n    a[b] = 1\n", "def f(a, b):\n    a[b] = a.get(b, 0) + 1\n",
        "terms.drop", operators_of("assignment"), _count,
    ),
    Operator(
        "assign.accumulate", 5, 0.02, "a plain assignment made to add up",
        "def f(a):\n    a = 1\n    return a\n", "def f(a):\n    a += 1\n    return a\n",
        "assign.plain", operators_of("assignment"), _accumulate, carries=True,
    ),
)  # fmt: skip
