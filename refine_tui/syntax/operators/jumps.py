"""What is returned, and the statements that leave: break, continue, return, yield (kinds 18 and 19)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients, in_loop
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, level, operators_of, put, ranked

_VALUES = ("None", "True", "False", "0", "[]", "''", "-1", "1")


def _value(node: Node, have: Ingredients) -> Iterator[Draft]:
    value = node.parts[0] if node.parts else None
    returned = [other.parts[0].text for other in have.nodes if other.kind == "return_statement" and other.parts and other is not node]
    usual = node.words.all(_VALUES)
    if value is None:
        at = node.children[0].end
        for text, weight in ranked([*returned, *have.names_at(node), *usual], 8, 0.75):
            yield Draft(at, at, f" {text}", weight)
        return
    names = list(have.similar(value)) if value.kind == "identifier" else list(have.names_at(node))
    for text, weight in ranked([*returned, *names[:4], *node.words.all(have.compared[:2]), *usual], 12, 0.8):
        if text != value.text:
            yield Draft(value.start, value.end, text, weight)


def _drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if node.parts:
        yield Draft(node.children[0].end, node.parts[-1].end, "", note="value dropped")


def _truth(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Return the outcome of a condition used elsewhere, or of a comparison with what is returned."""
    if node.parts and node.parts[0].kind in ("true", "false", "identifier"):
        for other in have.conditions[:4]:
            if other.text != node.parts[0].text:
                yield put(node.parts[0], other.text, level(other))
    if node.parts and node.parts[0].kind in ("true", "false"):
        for name, weight in ranked(have.names_at(node), 3, 0.7):
            yield put(node.parts[0], node.words.negated.format(name), node.words.negation_binds, weight * 0.5)
            yield put(node.parts[0], f"{name} {node.words.say('==')} 0", 5, weight * 0.4)


def _exchange(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Swap what is returned here and at one of the next three returns."""
    if not node.parts:
        return
    value, source = node.parts[0], node.source
    later = [other for other in have.nodes if other.kind == "return_statement" and other.start > node.end and other.parts]
    for other in [other for other in later if other.parts[0].text != value.text][:3]:
        there = other.parts[0]
        text = f"{there.text}{source[value.end : there.start]}{value.text}"
        yield Draft(value.start, there.end, text, note=f"{value.text} and {there.text} returned the other way round")


def _jump(node: Node, have: Ingredients) -> Iterator[Draft]:
    inside = in_loop(node)
    others = ["break", "continue", "return", "pass"] if inside else ["return", "pass"]
    if node.kind == "return_statement" and node.parts:
        others = others[:2] if inside else []
    if node.kind in ("break_statement", "continue_statement", "pass_statement"):
        returned = [other.text for other in have.simple_statements if other.kind == "return_statement" and other.parts]
        others += [*returned[:3], *(f"return {name}" for name in have.parameters[:2]), "return True", "return False"]
    if node.kind == "raise_statement":
        others += ["return None", "return False", "return True"]
    else:
        others += [other.text for other in have.simple_statements if other.kind == "raise_statement"][:1]
    ends = ";" if node.text.endswith(";") else ""
    if not node.words.python:
        others = [text for text in others if text not in ("pass", "return None", "return True", "return False")]
    for text, weight in ranked([text for text in others if text != node.text.removesuffix(ends)], 8, 0.75):
        yield Draft(node.start, node.end, f"{text.removesuffix(ends)}{ends}", weight)


def _yield(node: Node, _have: Ingredients) -> Iterator[Draft]:
    word = node.children[0]
    if node.kind == "return_statement":
        yield Draft(word.start, word.end, "yield")
    elif node.parent is not None and node.parent.kind == "expression_statement" and not _is_from(node):
        yield Draft(word.start, word.end, "return")


def _yield_from(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if _is_from(node):
        yield Draft(node.children[0].start, node.children[1].end, "yield", note="yield from to yield")
    elif len(node.parts) == 1 and node.parts[0].kind != "expression_list":
        yield Draft(node.children[0].start, node.children[0].end, "yield from", note="yield to yield from")


def _is_from(node: Node) -> bool:
    return len(node.children) > 1 and node.children[1].kind == "from"


def _return_add(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Return what is only computed."""
    if len(node.parts) == 1 and node.parts[0].kind in ("call", "identifier", "binary_operator", "comparison_operator", "await"):
        yield Draft(node.start, node.start, "return ", note="returned")
        if node.parts[0].kind == "call" and node.words.python:
            yield Draft(node.start, node.start, "yield from ", 0.1, note="yielded")


def _return_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if node.parts and node.parts[0].kind in ("call", "await"):
        yield Draft(node.start, node.parts[0].start, "", note="no longer returned")


_RETURN = operators_of("return_statement")
_LEAVING = operators_of("break_statement", "continue_statement", "pass_statement", "return_statement", "raise_statement")

OPERATORS = (
    Operator(
        "return.value", 18, 0.035, "another value returned",
        "def f(a):\n    return a\n", "def f(a):\n    return None\n",
        "return.value", _RETURN, _value, carries=True,
    ),
    Operator(
        "return.empty", 18, 0.005, "nothing returned",
        "def f(a):\n    return a\n", "def f(a):\n    return\n",
        "return.value", _RETURN, _drop, carries=True,
    ),
    Operator(
        "return.truth", 18, 0.01, "a condition of the function returned",
        "def f(a):\n    if a > 1:\n        return True\n", "def f(a):\n    if a > 1:\n        return a > 1\n",
        "return.value", _RETURN, _truth, carries=True,
    ),
    Operator(
        "return.exchange", 18, 0.012, "what two returns return swapped",
        "def f(a):\n    if a:\n        return True\n    return False\n", "def f(a):\n    if a:\n        return False\n    return True\n",
        "return.exchange", _RETURN, _exchange, carries=True,
    ),
    Operator(
        "jump.other", 19, 0.02, "break, continue, return, raise or pass for another",
        "def f(a):\n    for b in a:\n        break\n", "def f(a):\n    for b in a:\n        continue\n",
        "jump.other", _LEAVING, _jump, carries=True,
    ),
    Operator(
        "jump.yield", 19, 0.005, "a value yielded instead of returned, or back",
        "def f(a):\n    return a\n", "def f(a):\n    yield a\n",
        "jump.yield", operators_of("return_statement", "yield"), _yield,
    ),
    Operator(
        "jump.yield-from", 19, 0.01, "`yield from` for `yield`, or back",
        "def f(a):\n    yield a\n", "def f(a):\n    yield from a\n",
        "jump.yield-from", operators_of("yield"), _yield_from,
    ),
    Operator(
        "jump.return-add", 19, 0.02, "a computed value returned",
        "def f(a):\n    f(a)\n", "def f(a):\n    return f(a)\n",
        "jump.return-drop", operators_of("expression_statement"), _return_add, carries=True,
    ),
    Operator(
        "jump.return-drop", 19, 0.003, "a value computed but no longer returned",
        "def f(a):\n    return f(a)\n", "def f(a):\n    f(a)\n",
        "jump.return-add", _RETURN, _return_drop, carries=True,
    ),
)  # fmt: skip
