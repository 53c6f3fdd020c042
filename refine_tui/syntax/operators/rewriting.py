"""What rewrites that make code faster are written with: what a loop repeats, what it may change, and several changes as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from refine_tui.syntax.facts import COMPREHENSIONS
from refine_tui.syntax.ingredients import Ingredients, in_block, margin
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import operators_of

LOOPS = frozenset({"for_statement", "while_statement", "lambda"}) | COMPREHENSIONS
CONSTANTS = frozenset({"integer", "float", "string", "true", "false", "none"})
PLAIN = CONSTANTS | {"identifier", "attribute", "subscript", "tuple"}
"""Expressions that may be written twice."""
CALL, COMPARISON, STATEMENT = operators_of("call"), operators_of("comparison_operator"), operators_of("expression_statement")
FOR, LOOP = operators_of("for_statement"), operators_of("while_statement", "for_statement")
"""What rewrites look at, by node kind."""
_CHANGING = frozenset({
    "append", "extend", "insert", "remove", "pop", "popleft", "appendleft", "clear", "sort", "reverse", "add", "discard", "update",
    "setdefault", "popitem", "write", "read", "readline", "send", "difference_update", "intersection_update", "symmetric_difference_update",
})  # fmt: skip
_CHANGING_FIRST = frozenset({
    "bisect.insort", "bisect.insort_left", "heapq.heapify", "heapq.heappush", "heapq.heappop", "heapq.heapreplace", "heapq.heappushpop",
    "insort", "heapify", "heappush", "heappop", "random.shuffle", "shuffle", "setattr", "delattr", "next",
})  # fmt: skip
"""Functions that change their first argument."""


class Rewrite(NamedTuple):
    """Put `text` in place of the bytes `start` to `end`, with the imports that takes."""

    start: int
    end: int
    text: str
    note: str
    imports: tuple[str, ...] = ()
    """Whole import statements."""
    weight: float = 1.0
    """Share of the prior that this one gets, 0..1."""


@dataclass(frozen=True)
class Speedup:
    """One way to make code faster: a row of the table. What it keeps of the behaviour is for the tests and the observer to say."""

    name: str
    """`family.what`, unique."""
    prior: float
    """How likely it helps where it applies, 0..1; only ratios matter."""
    about: str
    before: str
    """A small example, a whole module."""
    after: str
    kinds: frozenset[str]
    """Node kinds it looks at."""
    make: Callable[[Node, Ingredients], Iterable[Rewrite]]


class Change(NamedTuple):
    """One of several replacements."""

    start: int
    end: int
    text: str


def together(source: str, changes: Iterable[Change], note: str, imports: tuple[str, ...] = (), weight: float = 1.0) -> Rewrite:
    """Return several changes, not overlapping, as one rewrite of all that lies between the first and the last."""
    ordered = sorted(set(changes))
    parts, at = [], ordered[0].start
    for start, end, text in ordered:
        parts += [source[at:start], text]
        at = end
    return Rewrite(ordered[0].start, at, "".join(parts), note, imports, weight)


def instead(node: Node, text: str) -> Change:
    """Replace a node."""
    return Change(node.start, node.end, text)


def line_before(statement: Node, text: str, have: Ingredients) -> Change:
    """Insert a line before a statement, at its margin."""
    return Change(statement.start, statement.start, f"{text}{have.file.newline}{margin(statement)}")


def line_after(statement: Node, text: str, have: Ingredients) -> Change:
    """Insert a line after a statement, at its margin."""
    return Change(statement.end, statement.end, f"{have.file.newline}{margin(statement)}{text}")


def fresh(name: str, have: Ingredients) -> str:
    """Return a name made of words that nothing in the file has yet."""
    name = re.sub(r"\W+", "_", name).strip("_") or "value"
    while re.search(rf"\b{name}\b", have.function.source):
        name += "_"
    return name


def statement_of(node: Node) -> Node:
    """Return the statement of a block that holds a node."""
    while not in_block(node) and node.parent is not None:
        node = node.parent
    return node


def repeated_by(node: Node, function: Node) -> Iterator[Node]:
    """Yield the loops, comprehensions and lambdas of the function that evaluate a node again and again, innermost first."""
    below = node
    for above in node.above():
        if above is function or above.kind in ("function_definition", "class_definition"):
            return
        if above.kind in LOOPS and _repeats(above, below):
            yield above
        below = above


def _repeats(loop: Node, below: Node) -> bool:
    """Say whether the part of a loop that begins with `below` runs more than once."""
    if loop.kind == "for_statement":
        return below.field == "body"
    if loop.kind in COMPREHENSIONS:
        clauses = [part for part in loop.parts if part.kind == "for_in_clause"]
        return below is not clauses[0]
    return below.field in ("body", "condition")


def outermost(node: Node, function: Node) -> Node | None:
    """Return the outermost loop that repeats a node and changes nothing of what it reads; `None` where there is none."""
    read, found = names_in(node), None
    for loop in repeated_by(node, function):
        if read & touched(loop):
            break
        found = loop
    return found


def names_in(node: Node) -> set[str]:
    """Return the names that an expression reads, those left out that it binds itself."""
    own = {inner.text for inner in node.walk() if inner.kind == "identifier" and inner.role in ("store", "param")}
    return {inner.text for inner in node.walk() if inner.kind == "identifier" and inner.role == "load"} - own


def touched(node: Node) -> set[str]:
    """Return the names that a piece of code may bind, or change what they hold; what it hands to functions counts as left alone."""
    found = set()
    for inner in node.walk():
        if inner.role in ("store", "param"):
            found |= _bases(inner)
        if inner.kind == "delete_statement":
            found |= {name.text for name in inner.walk() if name.kind == "identifier"}
        if inner.kind == "attribute" and inner.field == "function" and (name := inner.child("attribute")) and name.text in _CHANGING:
            found |= _bases(inner)
        if inner.kind == "call" and inner.parts[0].text in _CHANGING_FIRST and (given := arguments(inner)):
            found |= names_in(given[0])
    return found


def _bases(node: Node) -> set[str]:
    """Return the first name of an attribute or subscript, or all names of a pattern."""
    while node.kind in ("attribute", "subscript"):
        node = node.child("object") or node.child("value") or node.children[0]
    if node.kind == "identifier":
        return {node.text}
    return {inner.text for inner in node.walk() if inner.kind == "identifier" and inner.role in ("store", "param")}


def called(node: Node) -> str:
    """Return the name of the function that a call calls, `.name` for a method, else an empty string."""
    function = node.child("function") if node.kind == "call" else None
    if function is None:
        return ""
    if function.kind == "attribute" and (name := function.child("attribute")):
        return f".{name.text}"
    return function.text if function.kind == "identifier" else ""


def receiver(node: Node) -> Node | None:
    """Return what a method is called on."""
    function = node.child("function")
    return function.child("object") if function is not None and function.kind == "attribute" else None


def arguments(node: Node) -> list[Node]:
    """Return the arguments of a call; a generator that is the only one has no parentheses of its own."""
    head = node.child("arguments")
    if head is None:
        return []
    return [head] if head.kind == "generator_expression" else head.parts


def same(node: Node, text: str) -> list[Node]:
    """Return the expressions below a node with this very text, that are read."""
    return [inner for inner in node.walk() if inner.text == text and inner.role == "load" and inner.named and inner.kind != "argument_list"]


def binary_sign(node: Node) -> str:
    """Return the operator of a binary operation, an augmented assignment or a comparison of two, else an empty string."""
    sign = node.child("operator") or node.child("operators")
    return " ".join(sign.text.split()) if sign is not None and (node.kind != "comparison_operator" or len(node.parts) == 2) else ""


def sides(node: Node) -> tuple[Node, Node] | None:
    """Return both operands of a comparison or a binary operation."""
    operands = [child for child in node.parts if child.field not in ("operators", "operator")]
    return (operands[0], operands[1]) if len(operands) == 2 else None


def assigned(statement: Node) -> tuple[Node, Node] | None:
    """Return what a plain assignment statement binds, and to what."""
    inner = statement.parts[0] if statement.kind == "expression_statement" and len(statement.parts) == 1 else statement
    left, right = inner.child("left"), inner.child("right")
    return (left, right) if inner.kind == "assignment" and left and right and inner.child("type") is None else None


def body_of(loop: Node) -> list[Node]:
    """Return the statements of a loop or a branch."""
    return loop.body.parts if loop.body is not None else []


def only_if(statements: list[Node]) -> Node | None:
    """Return the statement when there is just one, an `if` without any other branch."""
    if len(statements) != 1 or statements[0].kind != "if_statement":
        return None
    return None if any(part.kind in ("else_clause", "elif_clause") for part in statements[0].parts) else statements[0]


def previous(statement: Node) -> Node | None:
    """Return the statement just before, in the same block."""
    group = statement.parent.parts if statement.parent is not None else []
    at = group.index(statement) if statement in group else 0
    return group[at - 1] if at else None


def following(statement: Node) -> Node | None:
    """Return the statement just after, in the same block."""
    group = statement.parent.parts if statement.parent is not None else []
    at = group.index(statement) + 1 if statement in group else len(group)
    return group[at] if at < len(group) else None
