"""Loops that cannot end: nothing in the body changes what the condition asks (kinds 20 and 22)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients, margin
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.layout import alone, begin
from refine_tui.syntax.operators.record import Draft, Operator, operators_of, put, ranked

_CHANGES = frozenset({
    "pop", "popleft", "remove", "append", "extend", "add", "clear", "discard", "insert", "put", "get", "read", "readline", "update",
})  # fmt: skip


def asked_in_vain(loop: Node) -> list[Node]:
    """Return the names in a `while` condition when nothing in the loop binds one of them or calls a method that changes it."""
    test = loop.child("condition")
    if loop.kind != "while_statement" or test is None:
        return []
    asked = [node for node in test.walk() if node.kind == "identifier" and node.role == "load" and node.field != "function"]
    names = {node.text for node in asked}
    return [] if names & {*_bound(loop), *_called_on(loop)} else asked


def _bound(loop: Node) -> list[str]:
    return list(dict.fromkeys(node.text for node in loop.walk() if node.kind == "identifier" and node.role == "store"))


def _called_on(loop: Node) -> Iterator[str]:
    for node in loop.walk():
        if node.kind == "attribute" and (name := node.child("attribute")) and name.text in _CHANGES and (holder := node.child("object")):
            yield from (inner.text for inner in holder.walk() if inner.kind == "identifier")
        elif node.kind == "subscript" and node.role == "store" and (value := node.child("value")):
            yield value.text


def _stuck(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Ask for what the loop changes, or for the rest from there on."""
    changed = _bound(node)
    for place in asked_in_vain(node):
        for name, weight in ranked(changed, 2, 0.7):
            yield put(place, name, weight=weight)
            if node.words.python:
                yield put(place, f"{place.text}[{name}:]", weight=weight * 0.4)
                yield put(place, f"{place.text}[:{name}]", weight=weight * 0.2)
            yield put(place, f"{place.text}[{name}]", weight=weight * 0.2)


def _step(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Change what the condition asks for, at the end of the body or at its beginning."""
    body = node.body
    if body is None or not body.parts or not alone(body.parts[0]) or body.parts[0].line == node.line:
        return
    texts = [text for name in dict.fromkeys(place.text for place in asked_in_vain(node)) for text in _steps(name, have)]
    start, last = body.parts[0], body.parts[-1]
    for text, weight in ranked(texts, 8, 0.8):
        yield Draft(last.end, last.end, f"{have.file.newline}{margin(last)}{text}", weight, f"{text} inserted")
        yield Draft(begin(start), begin(start), f"{margin(start)}{text}{have.file.newline}", weight * 0.3, f"{text} inserted")


def _steps(name: str, have: Ingredients) -> tuple[str, ...]:
    kinds, words = have.kinds.get(name, frozenset()), have.function.words
    if not words.python:
        return tuple(f"{name} {step}{words.ends}" for step in ("-= 1", "+= 1", "/= 2"))
    if kinds & {"items", "text"} and "number" not in kinds:
        return (f"{name} = {name}[1:]", f"{name}.pop()", f"{name} = {name}[:-1]", f"{name}.pop(0)")
    return (f"{name} -= 1", f"{name} += 1", f"{name} //= 2", f"{name} //= 10")


_WHILE = operators_of("while_statement")

OPERATORS = (
    Operator(
        "condition.stuck", 20, 0.03, "a loop's condition made to ask for what the loop changes",
        "def f(a, b):\n    c = 1\n    while a < b:\n        c = c * a\n    return c\n",
        "def f(a, b):\n    c = 1\n    while c < b:\n        c = c * a\n    return c\n",
        "name.other", _WHILE, _stuck, carries=True,
    ),
    Operator(
        "statement.step", 22, 0.04, "a step inserted into a loop that never changes what it asks",
        "def f(a, b):\n    while a > 0:\n        b += 1\n    return b\n",
        "def f(a, b):\n    while a > 0:\n        b += 1\n        a -= 1\n    return b\n",
        "statement.delete", _WHILE, _step, carries=True,
    ),
)  # fmt: skip
