"""Conditions: connectives, operands, negation (kinds 6, 7, 8 and 20)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.guesses import SEQUENCE_CALLS
from refine_tui.syntax.ingredients import Ingredients, is_condition
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, bare, binding, level, negated, operand, operators_of, put, ranked, replaced

_ASKING = ("is", "has", "any", "all", "starts", "ends")


def _connective(node: Node, _have: Ingredients) -> Iterator[Draft]:
    sign = node.child("operator")
    if sign is not None:
        yield Draft(sign.start, sign.end, _turned(sign))


def _turned(sign: Node) -> str:
    other = "or" if sign.words.read(sign.text) == "and" else "and"
    return sign.words.say(other) or other


def _connective_all(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Turn every connective of a chain: `a and b and c` to `a or b or c`."""
    if node.parent is not None and node.parent.kind == "boolean_operator":
        return
    chain = [inner for inner in node.walk() if inner.field == "operator" and inner.parent and inner.parent.kind == "boolean_operator"]
    if len(chain) > 1 and len({sign.text for sign in chain}) == 1:
        yield replaced(chain, _turned(chain[0]))


def _drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    for part in node.parts:
        yield put(node, part.text, level(part), note=f"only {part.text}")


def _link_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """`a < b < c` to `a < b` and to `b < c`."""
    parts = [part for part in node.parts if part.field != "operators"]
    if len(parts) > 2:
        yield put(node, node.source[node.start : parts[-2].end], 5)
        yield put(node, node.source[parts[1].start : node.end], 5)


def _add(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.kind == "parenthesized_expression" or (node.parent is not None and node.parent.kind == "not_operator"):
        return
    siblings = [other for other in have.conditions if other.text not in node.text and node.text not in other.text]
    near = sorted(siblings, key=lambda other: abs(other.line - node.line))[:5]
    for at, other in enumerate(near):
        for sign in ("and", "or"):
            binds, said = binding(sign), node.words.say(sign)
            text = f"{operand(node, binds)} {said} {operand(other, binds + 1)}"
            yield put(node, text, binds, 0.7**at, f"{said} {other.text}")
        # The other way round matters where the first operand guards the second.
        if at < 2:
            both = node.words.say("and")
            yield put(node, f"{operand(other, 3)} {both} {operand(node, 4)}", 3, 0.5 * 0.7**at, f"{other.text} {both}")
    yield from _truths(node, have)


def _truths(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Ask for the truth of a name as well: `if a and b`."""
    inside = {inner.text for inner in node.walk() if inner.kind == "identifier"}
    names = [name for name in have.names_at(node) if name not in inside]
    both, either, no = node.words.say("and"), node.words.say("or"), node.words.negated.format
    for name, weight in ranked(names, 2):
        yield put(node, f"{operand(node, 3)} {both} {name}", 3, weight * 0.3, f"{both} {name}")
        yield put(node, f"{operand(node, 3)} {both} {no(name)}", 3, weight * 0.2, f"{both} {no(name)}")
        yield put(node, f"{operand(node, 2)} {either} {no(name)}", 2, weight * 0.3, f"{either} {no(name)}")
        yield put(node, f"{operand(node, 2)} {either} {name}", 2, weight * 0.2, f"{either} {name}")


def _default(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Take something empty where there may be nothing: `len(a)` to `len(a or [])`."""
    parent = node.parent
    if parent is None or node.kind not in ("identifier", "attribute", "call") or node.field in ("function", "object"):
        return
    called = parent.parent.children[0].text if parent.kind == "argument_list" and parent.parent is not None else ""
    if not (called in SEQUENCE_CALLS or (parent.kind in ("for_statement", "for_in_clause", "assignment") and node.field == "right")):
        return
    kinds = have.kinds.get(node.text, frozenset())
    texts = [text for text, kind in (("[]", "items"), ("''", "text"), ("{}", "items"), ("0", "number")) if not kinds or kind in kinds]
    for text, weight in ranked(texts, 3, 0.6):
        yield put(node, f"{operand(node, 2)} or {text}", 2, weight, f"or {text}")


def _siblings(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Ask for another attribute of the same object as well: `a.x` to `a.y and a.x`."""
    receiver, name = node.child("object"), node.child("attribute")
    if receiver is None or name is None:
        return
    others = [f"{receiver.text}.{other}" for other in have.file.attributes.get(receiver.text, ()) if other != name.text]
    plain = [text for text in others if tuple(text.rsplit(".", 1)) not in have.file.methods]
    for text, weight in ranked(plain, 3, 0.6):
        yield put(node, f"{text} and {node.text}", 3, weight, f"{text} and")
        yield put(node, f"{node.text} or {text}", 2, weight * 0.5, f"or {text}")


def _replace(node: Node, have: Ingredients) -> Iterator[Draft]:
    others = [other for other in have.conditions if other.text != node.text]
    for other in sorted(others, key=lambda other: abs(other.line - node.line))[:3]:
        yield put(node, other.text, level(other))


def _vary(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Ask what a condition nearby asks, of another number: `i % 3 == 0` beside it gives `i % 4 == 0`."""
    if node.kind == "parenthesized_expression":
        return
    others = [other for other in have.conditions if other.kind == "comparison_operator" and other.text not in (node.text, bare(node).text)]
    for at, other in enumerate(sorted(others, key=lambda other: abs(other.line - node.line))[:2]):
        numbers = [inner for inner in other.walk() if inner.kind == "integer"]
        for place in numbers:
            texts = [text for text in [*have.told, *have.integers, "1", "2"] if text != place.text]
            for text, weight in ranked(texts, 3, 0.7):
                varied = f"{other.source[other.start : place.start]}{text}{other.source[place.end : other.end]}"
                yield put(node, varied, 5, weight * 0.6**at)


def _compose(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Ask something more that is usual for the names at hand: not zero, positive, not the same."""
    if node.kind == "parenthesized_expression" or (node.parent is not None and node.parent.kind in ("not_operator", "boolean_operator")):
        return
    loops = [name for name in have.names_at(node) if name in have.loop_names][:2]
    numbers = [name for name in have.names_at(node) if "number" in have.kinds.get(name, ())][:2]
    unlike, both = node.words.say("!="), node.words.say("and")
    texts = [f"{loops[1]} {unlike} {loops[0]}"] if len(loops) == 2 else []
    texts += [f"{name} {test}" for name in numbers for test in ("> 0", f"{unlike} 0", ">= 0")]
    for text, weight in ranked([text for text in texts if text not in node.text], 5, 0.8):
        yield put(node, f"{operand(node, 3)} {both} {text}", 3, weight, f"{both} {text}")


def _none_add(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Tell an empty value from none: `if a` to `if a is not None`."""
    inner = node.child("argument") if node.kind == "not_operator" else node
    if inner is not None and inner.kind in ("identifier", "attribute", "call", "subscript"):
        asked = "is None" if node.kind == "not_operator" else "is not None"
        yield put(node, f"{inner.text} {asked}", 5, note=f"{asked} added")


def _none_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    parts = [part for part in node.parts if part.field != "operators"]
    sign = node.child("operators")
    if len(parts) == 2 and sign is not None and parts[1].kind == "none":
        inner = operand(parts[0], 6)
        if sign.text in ("is", "=="):
            yield put(node, f"not {inner}", 4, note="is None dropped")
        elif is_condition(node):
            yield put(node, parts[0].text, level(parts[0]), note="is not None dropped")


def _not_add(node: Node, _have: Ingredients) -> Iterator[Draft]:
    inner, parent = bare(node), node.parent
    if inner.kind in ("not_operator", "integer", "string", "lambda") or parent is None or parent.kind == "parenthesized_expression":
        return
    plain = parent.kind in ("return_statement", "assignment", "initialiser", "argument_list")
    if parent.kind == "boolean_operator" or (plain and _may_be_truth(inner)):
        text, binds = negated(inner)
        yield put(node, text, binds)


def _may_be_truth(node: Node) -> bool:
    if node.kind in ("comparison_operator", "boolean_operator", "true", "false", "identifier"):
        return True
    name = node.child("function") if node.kind == "call" else None
    return name is not None and name.text.rpartition(".")[2].startswith(_ASKING)


def _not_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    inner, parent = node.child("argument"), node.parent
    if inner is not None and (not is_condition(node) or (parent is not None and parent.kind == "boolean_operator")):
        yield _freed(node, inner)


def _freed(node: Node, inner: Node) -> Draft:
    inner = bare(inner)
    return put(node, inner.text, level(inner))


def _negate(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Turn the whole condition of an `if`, `while`, `assert` or filter round."""
    if node.parent is None or node.parent.kind in ("boolean_operator", "not_operator", "parenthesized_expression"):
        return
    inner = bare(node)
    argument = inner.child("argument") if inner.kind == "not_operator" else None
    if argument is not None:
        yield _freed(node, argument)
    else:
        text, binds = negated(inner)
        yield put(node, text, binds)


def _always(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if node.field == "condition" and node.kind not in ("true", "false"):
        for text, weight in zip(node.words.all(("True", "False")), (0.5, 0.3), strict=False):
            yield put(node, text, weight=weight)


def _truth(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Ask for a name instead of a constant: `while True` to `while queue`."""
    if node.field == "condition" and node.kind in ("true", "false", "integer"):
        inside = {inner.text for inner in node.parent.walk() if inner.kind == "identifier"} if node.parent else set()
        names = sorted(have.names_at(node), key=lambda name: name not in inside)
        for name, weight in ranked(names, 5):
            yield put(node, name, weight=weight)
            yield put(node, node.words.negated.format(name), node.words.negation_binds, weight * 0.3)
        for other in have.conditions[:3]:
            if other is not node:
                yield put(node, other.text, level(other), 0.4)


_CONNECTED = operators_of("boolean_operator")
_CONDITION = operators_of("condition")

OPERATORS = (
    Operator(
        "condition.connective", 6, 0.02, "`and` for `or`, or back",
        "def f(a, b):\n    return a and b\n", "def f(a, b):\n    return a or b\n",
        "condition.connective", _CONNECTED, _connective, carries=True,
    ),
    Operator(
        "condition.connective-all", 6, 0.01, "every connective of a chain turned",
        "def f(a, b, c):\n    return a and b and c\n", "def f(a, b, c):\n    return a or b or c\n",
        "condition.connective-all", _CONNECTED, _connective_all, carries=True,
    ),
    Operator(
        "condition.drop", 7, 0.04, "an operand of a condition dropped",
        "def f(a, b):\n    if b:\n        return 1\n    if b and a > 1:\n        return 2\n",
        "def f(a, b):\n    if b:\n        return 1\n    if a > 1:\n        return 2\n",
        "condition.add", _CONNECTED, _drop, carries=True,
    ),
    Operator(
        "condition.link-drop", 7, 0.005, "an end of a chained comparison dropped",
        "def f(a, b):\n    if b and 0 < a < b:\n        return 1\n", "def f(a, b):\n    if b and 0 < a:\n        return 1\n",
        "terms.compare-add", operators_of("comparison_operator"), _link_drop,
    ),
    Operator(
        "condition.add", 7, 0.025, "an operand added, taken from a condition nearby",
        "def f(a, b):\n    if a > 1:\n        return 1\n    if b:\n        return 2\n",
        "def f(a, b):\n    if a > 1:\n        return 1\n    if b and a > 1:\n        return 2\n",
        "condition.drop", _CONDITION, _add, carries=True,
    ),
    Operator(
        "condition.replace", 7, 0.005, "a condition replaced by another of the function",
        "def f(a, b):\n    if a:\n        return 1\n    return (2 if b else 3) - (4 if b else 5)\n",
        "def f(a, b):\n    if a:\n        return 1\n    return (2 if a else 3) - (4 if b else 5)\n",
        "condition.replace", _CONDITION, _replace, carries=True,
    ),
    Operator(
        "condition.default", 7, 0.005, "something empty taken where there may be nothing",
        "def f(a):\n    return len(a)\n", "def f(a):\n    return len(a or [])\n",
        "condition.drop", operators_of("value"), _default,
    ),
    Operator(
        "condition.sibling", 7, 0.004, "another attribute of the same object asked for as well",
        "def f(a):\n    if a.x:\n        return a.y\n", "def f(a):\n    if a.y and a.x:\n        return a.y\n",
        "condition.drop", _CONDITION, _siblings,
    ),
    Operator(
        "condition.vary", 7, 0.008, "a condition nearby taken, with another number",
        "def f(a, b):\n    if b:\n        return 0\n    if a == 3:\n        return 1\n    if b:\n        return 2\n",
        "def f(a, b):\n    if b:\n        return 0\n    if a == 3:\n        return 1\n    if a == 1:\n        return 2\n",
        "condition.replace", _CONDITION, _vary, carries=True,
    ),
    Operator(
        "condition.compose", 7, 0.008, "something usual asked as well: positive, not zero, not the same",
        "def f(a, b):\n    if b < 2:\n        return 1 / b\n", "def f(a, b):\n    if b < 2 and b != 0:\n        return 1 / b\n",
        "condition.drop", _CONDITION, _compose, carries=True,
    ),
    Operator(
        "condition.none-add", 8, 0.006, "a value asked for being None rather than for its truth",
        "def f(a):\n    if a:\n        return 1\n", "def f(a):\n    if a is not None:\n        return 1\n",
        "condition.none-drop", _CONDITION, _none_add,
    ),
    Operator(
        "condition.none-drop", 8, 0.006, "a value asked for its truth rather than for being None",
        "def f(a):\n    if a is not None:\n        return 1\n", "def f(a):\n    if a:\n        return 1\n",
        "condition.none-add", operators_of("comparison_operator"), _none_drop,
    ),
    Operator(
        "condition.not-add", 8, 0.02, "`not` added to a value or an operand",
        "def f(a, b):\n    return a == b\n", "def f(a, b):\n    return not a == b\n",
        "condition.not-drop", operators_of("value"), _not_add, carries=True,
    ),
    Operator(
        "condition.not-drop", 8, 0.02, "`not` removed from a value or an operand",
        "def f(a, b):\n    return not a == b\n", "def f(a, b):\n    return a == b\n",
        "condition.not-add", operators_of("not_operator"), _not_drop, carries=True,
    ),
    Operator(
        "condition.negate", 20, 0.03, "a whole condition turned round",
        "def f(a):\n    if a:\n        return 1\n", "def f(a):\n    if not a:\n        return 1\n",
        "condition.negate", _CONDITION, _negate, carries=True,
    ),
    Operator(
        "condition.always", 20, 0.004, "a condition replaced by True or False",
        "def f(a):\n    while a:\n        a -= 1\n    return True\n", "def f(a):\n    while True:\n        a -= 1\n    return True\n",
        "condition.truth", _CONDITION, _always, carries=True,
    ),
    Operator(
        "condition.truth", 20, 0.01, "a constant condition replaced by a name or a condition of the function",
        "def f(a):\n    while True:\n        a -= 1\n    return True\n", "def f(a):\n    while a:\n        a -= 1\n    return True\n",
        "condition.always", operators_of("true", "false", "integer"), _truth, carries=True,
    ),
)  # fmt: skip
