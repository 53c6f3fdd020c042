"""Statements that watch over others: early returns, checks before a use, limits after a change, first values (kind 22)."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients, in_loop, is_plain, margin
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.layout import alone, siblings
from refine_tui.syntax.operators.record import Draft, Operator, operators_of, ranked

_BUILTIN = frozenset(dir(builtins))
_FIRST = ("0", "[]", "''", "None", "{}", "set()", "1")


def _before(node: Node, have: Ingredients, test: str, leave: str, weight: float) -> Draft:
    """Insert an `if` with one statement in it before a statement."""
    newline = have.file.newline
    text = node.words.guarded(test, f"{leave}{node.words.ends}", margin(node), have.indent, newline)
    return Draft(node.start, node.start, f"{text}{newline}{margin(node)}", weight, f"if {test}: {leave} inserted")


def _guard(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Leave early for an empty, missing, zero or boundary argument: before the first statement of the function."""
    group = [part for part in siblings(node) if part.role == "load"]
    if have.function.kind != "function_definition" or node.parent is not have.function.body:
        return
    if group[0] is not node or not alone(node):
        return
    words = node.words
    usual = words.all([*have.compared[:2], "None", "0", "[]", "''", "False", "True"])
    values = list(dict.fromkeys([*usual, *_returned(have)[-2:]]))
    for place, name in enumerate(have.parameters[:2]):
        for at, value in enumerate([*values[:8], name, "1", "-1"] if words.truthy else []):
            yield _before(node, have, words.negated.format(name), f"return {value}", 0.85 ** (at + 2 * place))
        others = [f"{name} {words.say('==')} {other}" for other in have.parameters[1:2] if other != name]
        for step, test in enumerate([*_boundaries(name, have), *others]):
            for at, value in enumerate(dict.fromkeys([*_returned(have)[-2:], name, *words.all(("None", "0", "1"))][:4])):
                yield _before(node, have, test, f"return {value}", 0.5 * 0.7 ** (at + step + 2 * place))


def _returned(have: Ingredients) -> list[str]:
    return [other.text[7:].removesuffix(";") for other in have.simple_statements if other.text.startswith("return ")]


def _boundaries(name: str, have: Ingredients) -> tuple[str, ...]:
    kinds = have.kinds.get(name, frozenset())
    if "number" in kinds:
        return (f"{name} <= 0", f"{name} < 2", f"{name} < 0")
    words = have.function.words
    if not words.python:
        return tuple(f"{name} {words.say('==')} {none}" for none in words.all(("None",)) if none != "None")
    return (f"len({name}) < 2", f"{name} is None") if kinds & {"items", "text"} else (f"{name} is None",)


def _check(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Look before a use in the statement: a divisor that is zero, a key or an index that is not there."""
    if not alone(node) or not (is_plain(node) or node.kind in ("return_statement", "if_statement")):
        return
    leaves = ["continue", "break"] if in_loop(node) else []
    values = dict.fromkeys([*_returned(have)[-2:], *node.words.all(("0", "None"))])
    leaves += [f"return {value}" for value in values if f"return {value}" != node.text]
    for test, weight in ranked(_dangers(node), 3):
        for leave, share in ranked(leaves, 3, 0.7):
            yield _before(node, have, test, leave, weight * share)


def _dangers(node: Node) -> Iterator[str]:
    for inner in node.walk():
        if inner.kind in ("block", "lambda"):
            return
        sign, right, index, value = (inner.child(field) for field in ("operator", "right", "subscript", "value"))
        if inner.kind == "binary_operator" and sign and right and sign.text in ("/", "//", "%") and right.kind in ("identifier", "call"):
            yield f"{right.text} {node.words.say('==')} 0"
        elif not node.words.python:
            continue
        elif inner.kind == "subscript" and inner.role == "load" and value and index and value.kind == "identifier":
            if index.kind == "identifier":
                yield f"{index.text} not in {value.text}"
                yield f"{index.text} >= len({value.text})"
            elif index.kind in ("integer", "unary_operator"):
                yield f"not {value.text}"


def _limit(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Leave once what a statement just changed has gone too far: after `count += 1`."""
    change = node.parts[0] if node.kind == "expression_statement" and node.parts else node
    left = change.child("left") if change.kind == "augmented_assignment" else None
    if left is None or not alone(node) or not in_loop(node):
        return
    leaves = list(dict.fromkeys([*(f"return {value}" for value in _returned(have)[-2:]), "break"]))
    bounds = list(dict.fromkeys([*have.told[:2], *have.unused[:1], "1", "2"]))
    for bound, weight in ranked(bounds, 4):
        for sign in (">", "=="):
            for leave, share in ranked(leaves, 2, 0.7):
                test = f"{left.text} {node.words.say(sign)} {bound}"
                text = node.words.guarded(test, f"{leave}{node.words.ends}", margin(node), have.indent, have.file.newline)
                likely = weight * share * (1.0 if sign == ">" else 0.6)
                yield Draft(node.end, node.end, f"{have.file.newline}{margin(node)}{text}", likely, f"if {test}: {leave} inserted")


def _initialise(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Give a name a first value before the statement that reads it, when nothing did on the way there."""
    body = have.function.body
    if have.function.kind != "function_definition" or node.parent is not body or not alone(node):
        return
    for name, weight in ranked(_unset(node, have), 2):
        for text, share in ranked(_FIRST, 7, 0.75):
            line = f"{name} = {text}"
            yield Draft(node.start, node.start, f"{line}{have.file.newline}{margin(node)}", weight * share, f"{line} inserted")


def _unset(node: Node, have: Ingredients) -> list[str]:
    """Return names that the statement adds to, or reads, and that nothing before it has bound."""
    known = {*have.parameters, *have.file.names, *have.file.functions, *have.file.imported, *_BUILTIN, "self", "cls"}
    if "*" in have.file.imported:
        return []
    known |= {*have.outer.bound, *have.outer.parameters} if have.outer else set()
    earlier = {name for name, start in have.bound.items() if start < node.start}
    names = [inner for inner in node.walk() if inner.kind == "identifier" and inner.role in ("load", "store")]
    stored = {inner.text for inner in names if inner.role == "store" and not _augmented(inner)}
    read = [inner.text for inner in names if inner.role == "load" or _augmented(inner)]
    loose = [name for name in dict.fromkeys(read) if name not in known | earlier]
    return [name for name in loose if name not in stored or node.kind in ("for_statement", "while_statement")][:2]


def _augmented(node: Node) -> bool:
    return node.role == "store" and node.parent is not None and node.parent.kind == "augmented_assignment"


_EVERY = operators_of("statement")

OPERATORS = (
    Operator(
        "statement.guard", 22, 0.015, "an early return for an empty, missing, zero or boundary argument",
        "def f(a):\n    return a[0]\n", "def f(a):\n    if not a:\n        return None\n    return a[0]\n",
        "statement.delete", _EVERY, _guard, carries=True,
    ),
    Operator(
        "statement.check", 22, 0.006, "a way out before a use that could fail: a zero divisor, a missing key",
        "def f(a, b):\n    for c in b:\n        a += 1 / c\n    return a\n",
        "def f(a, b):\n    for c in b:\n        if c == 0:\n            continue\n        a += 1 / c\n    return a\n",
        "statement.delete", _EVERY, _check, carries=True,
    ),
    Operator(
        "statement.limit", 22, 0.006, "a way out once what is counted has gone too far",
        "def f(a, b):\n    for c in a:\n        b += c\n    return b\n",
        "def f(a, b):\n    for c in a:\n        b += c\n        if b > 1:\n            return b\n    return b\n",
        "statement.delete", _EVERY, _limit, carries=True,
    ),
    Operator(
        "statement.initialise", 22, 0.02, "a first value for a name that nothing has bound before",
        "def f(a):\n    for b in a:\n        c += b\n    return c\n",
        "def f(a):\n    c = 0\n    for b in a:\n        c += b\n    return c\n",
        "statement.delete", _EVERY, _initialise,
    ),
)  # fmt: skip
