"""Branches: conditional expressions, filters of comprehensions, `if`, `elif` and `while` (kind 21, and its likes)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients, names_between
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import TEST, Draft, Operator, level, operand, operators_of, put, ranked


def _branches(node: Node) -> tuple[Node, Node] | None:
    """Return what a conditional expression gives if its condition holds, and what if not."""
    parts = node.parts
    if len(parts) != 3:
        return None
    return (parts[0] if node.words.python else parts[1]), parts[2]


def _swap(node: Node, _have: Ingredients) -> Iterator[Draft]:
    branches = _branches(node)
    if branches is not None:
        yes, no = branches
        middle = node.source[yes.end : no.start]
        yield Draft(yes.start, no.end, f"{operand(no, TEST)}{middle}{operand(yes, 1)}", note="branches swapped")


def _take(node: Node, _have: Ingredients) -> Iterator[Draft]:
    for branch, which in zip(_branches(node) or (), ("first", "second"), strict=False):
        yield put(node, branch.text, level(branch), note=f"always the {which}")


def _offer(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Make a value depend on a condition of the function or on a name being set."""
    parent = node.parent
    if parent is None or not (parent.kind in ("return_statement", "lambda") or (parent.kind == "assignment" and node.field == "right")):
        return
    if node.role == "param" or node.kind in (
        "conditional_expression",
        "boolean_operator",
        "parenthesized_expression",
        "lambda",
        "true",
        "false",
        "none",
    ):
        return
    nearest = names_between(node, have.function)[:1] if parent.kind == "lambda" else []
    tests = nearest + [other.text for other in have.conditions if level(other) >= TEST][:2] + list(have.parameters)[:1]
    others = ["None", "0", "[]", "''"] if parent.kind == "return_statement" else ["0", "None"]
    for at, test in enumerate(dict.fromkeys(tests)):
        for place, other in enumerate(others[: 4 if at == 0 else 2]):
            yield put(node, f"{operand(node, TEST)} if {test} else {other}", 1, 0.6 ** (at + place))


def _filter_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if node.parent is not None and node.parent.kind.endswith(("comprehension", "generator_expression")):
        before = node.source[: node.start].rstrip()
        yield Draft(len(before), node.end, "", note="filter dropped")


def _filter_add(node: Node, have: Ingredients) -> Iterator[Draft]:
    left = node.child("left")
    if left is None or left.kind != "identifier":
        return
    near = [other for other in have.conditions if left.text in {inner.text for inner in other.walk()}]
    for at, other in enumerate(near[:3]):
        yield Draft(node.end, node.end, f" if {operand(other, TEST)}", 0.7**at)
    yield Draft(node.end, node.end, f" if {left.text}", 0.4)
    for test, weight in ranked(("> 0", "% 2 == 0", "% 2 != 0", "is not None"), 4):
        yield Draft(node.end, node.end, f" if {left.text} {test}", weight * 0.2)
    for name in list(have.names_at(node))[:3]:
        if name != left.text and "items" in have.kinds.get(name, ()):
            yield Draft(node.end, node.end, f" if {left.text} in {name}", 0.3)
            yield Draft(node.end, node.end, f" if {left.text} not in {name}", 0.3)


def _loop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    word = node.children[0]
    if node.child("alternative") is not None or (node.parent is not None and node.parent.kind == "else_clause"):
        return
    if node.kind == "while_statement":
        if not _leaves(node):
            yield Draft(word.start, word.end, "if")
    elif node.field != "alternative":
        yield Draft(word.start, word.end, node.words.say("while") or "while")


def _leaves(node: Node) -> bool:
    """Say whether a loop holds a break or continue, which an `if` could not."""
    return any(inner.kind in ("break_statement", "continue_statement") for inner in node.walk())


def _elif_to_if(node: Node, _have: Ingredients) -> Iterator[Draft]:
    yield Draft(node.start, node.start + 4, "if", note="elif to if")


def _if_to_elif(node: Node, _have: Ingredients) -> Iterator[Draft]:
    siblings = node.parent.parts if node.parent is not None else []
    at = siblings.index(node) if node in siblings else 0
    before = siblings[at - 1] if at else None
    if before is not None and before.kind == "if_statement" and all(child.kind != "else_clause" for child in before.children):
        yield Draft(node.start, node.start + 2, "elif", note="if to elif")


def _else_to_elif(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Give the last branch a condition: one of the function's."""
    chain = node.parent
    if chain is None or chain.kind != "if_statement" or not node.text.startswith("else"):
        return
    used = {part.text for clause in (chain, *chain.parts) for part in clause.children if part.field == "condition"}
    for at, other in enumerate([other for other in have.conditions if other.text not in used][:2]):
        yield Draft(node.start, node.start + 4, f"elif {operand(other, TEST)}", 0.6**at)


def _elif_to_else(node: Node, _have: Ingredients) -> Iterator[Draft]:
    chain, test = node.parent, node.child("condition")
    if chain is not None and test is not None and chain.children[-1] is node:
        yield Draft(node.start, test.end, "else", note="elif to else")


_TERNARY, _ELIF = operators_of("conditional_expression"), operators_of("elif_clause")

OPERATORS = (
    Operator(
        "branch.swap", 21, 0.02, "the branches of a conditional expression swapped",
        "def f(a, b):\n    return a if b else 0\n", "def f(a, b):\n    return 0 if b else a\n",
        "branch.swap", _TERNARY, _swap, carries=True,
    ),
    Operator(
        "branch.take", 21, 0.01, "one branch of a conditional expression kept",
        "def f(a):\n    return a[0] if a else None\n", "def f(a):\n    return a[0]\n",
        "branch.offer", _TERNARY, _take, carries=True,
    ),
    Operator(
        "branch.offer", 21, 0.01, "a value made to depend on a condition",
        "def f(a):\n    return a[0]\n", "def f(a):\n    return a[0] if a else None\n",
        "branch.take", operators_of("value"), _offer,
    ),
    Operator(
        "branch.filter-drop", 21, 0.01, "the filter of a comprehension dropped",
        "def f(a):\n    return [b for b in a if b]\n", "def f(a):\n    return [b for b in a]\n",
        "branch.filter-add", operators_of("if_clause"), _filter_drop,
    ),
    Operator(
        "branch.filter-add", 21, 0.01, "a filter added to a comprehension",
        "def f(a):\n    return [b for b in a]\n", "def f(a):\n    return [b for b in a if b]\n",
        "branch.filter-drop", operators_of("for_in_clause"), _filter_add,
    ),
    Operator(
        "branch.loop", 20, 0.01, "`while` for `if`, or back",
        "def f(a):\n    if a:\n        a -= 1\n", "def f(a):\n    while a:\n        a -= 1\n",
        "branch.loop", operators_of("if_statement", "while_statement"), _loop, carries=True,
    ),
    Operator(
        "branch.elif-to-if", 20, 0.01, "a branch made a test of its own",
        "def f(a):\n    if a:\n        a -= 1\n    elif not a:\n        a += 1\n",
        "def f(a):\n    if a:\n        a -= 1\n    if not a:\n        a += 1\n",
        "branch.if-to-elif", _ELIF, _elif_to_if,
    ),
    Operator(
        "branch.if-to-elif", 20, 0.01, "a test made a branch of the one before",
        "def f(a):\n    if a:\n        a -= 1\n    if not a:\n        a += 1\n",
        "def f(a):\n    if a:\n        a -= 1\n    elif not a:\n        a += 1\n",
        "branch.elif-to-if", operators_of("if_statement"), _if_to_elif,
    ),
    Operator(
        "branch.else-to-elif", 20, 0.003, "the last branch given a condition",
        "def f(a):\n    b = a > 1\n    if a:\n        return 1\n    else:\n        return b\n",
        "def f(a):\n    b = a > 1\n    if a:\n        return 1\n    elif a > 1:\n        return b\n",
        "branch.elif-to-else", operators_of("else_clause"), _else_to_elif,
    ),
    Operator(
        "branch.elif-to-else", 20, 0.003, "the last branch freed of its condition",
        "def f(a):\n    b = a > 1\n    if a:\n        return 1\n    elif a > 1:\n        return b\n",
        "def f(a):\n    b = a > 1\n    if a:\n        return 1\n    else:\n        return b\n",
        "branch.else-to-elif", _ELIF, _elif_to_else,
    ),
)  # fmt: skip
