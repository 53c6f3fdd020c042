"""What an edit operator is, and the few words its generator is written with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from refine_tui.syntax.nodes import Node
from refine_tui.syntax.words import PYTHON, Words

if TYPE_CHECKING:
    from refine_tui.syntax.ingredients import Ingredients


class Draft(NamedTuple):
    """Put `text` in place of the bytes `start` to `end`."""

    start: int
    end: int
    text: str
    weight: float = 1.0
    """Share of the operator's prior that this draft gets, 0..1."""
    note: str = ""
    """For people; made from old and new text when empty."""


Generator = Callable[[Node, "Ingredients"], Iterable[Draft]]


@dataclass(frozen=True)
class Operator:
    """One kind of edit: a row of the table."""

    name: str
    """`family.what`, unique."""
    number: int
    """The kind of repair it belongs to, 1 to 22."""
    prior: float
    """Share of repairs of real one-place bugs that it makes, 0..1."""
    about: str
    before: str
    """A small example, a whole module."""
    after: str
    inverse: str
    """Name of the operator that leads back; often its own."""
    kinds: frozenset[str]
    """Node kinds it looks at, or the classes `value`, `condition` and `statement`."""
    make: Generator
    targets: bool = False
    """Whether it may also be applied to what an assignment binds."""
    carries: bool = False
    """Whether it carries over to every language of the table; else it is for Python alone."""

    @property
    def family(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]


# How tightly an expression binds; an operand that binds more loosely than its place asks for needs parentheses.
_BINARY = {"|": 6, "^": 7, "&": 8, "<<": 9, ">>": 9, "+": 10, "-": 10, "*": 11, "/": 11, "//": 11, "%": 11, "@": 11, "**": 13}
_LEVELS = {
    "named_expression": 0, "yield": 0, "expression_list": 0, "assignment": 0, "pattern_list": 0, "lambda": 1, "conditional_expression": 1,
    "comparison_operator": 5, "unary_operator": 12, "await": 14, "list_splat": 0, "dictionary_splat": 0,
}  # fmt: skip
ATOM = 15
TEST = 2


def binding(operator: str, words: Words = PYTHON) -> int:
    """Return how tightly a binary operator binds, given in Python's words; `and` is 3, `or` 2."""
    return words.levels.get(operator) or {"or": 2, "and": 3}.get(operator) or _BINARY.get(operator, 5)


def bound(node: Node) -> int:
    """Return how tightly the operator of a binary or boolean operation binds."""
    sign = node.child("operator")
    return binding(node.words.read(sign.text), node.words) if sign else ATOM


def level(node: Node) -> int:
    """Return how tightly the expression binds, 0 (walrus) to 15 (a name)."""
    if node.kind in ("binary_operator", "boolean_operator"):
        return bound(node)
    if node.kind == "not_operator":
        return node.words.negation_binds
    if node.kind == "concatenated_string":
        return 14
    return _LEVELS.get(node.kind, ATOM)


def operand(node: Node, minimum: int) -> str:
    """Return the node's text, in parentheses where it binds more loosely than `minimum`."""
    return node.text if level(node) >= minimum else f"({node.text})"


def required(node: Node) -> int:
    """Return how tightly an expression must bind to stand in this node's place without parentheses."""
    parent = node.parent
    if parent is None:
        return 0
    match parent.kind:
        case "binary_operator":
            binds = bound(parent)
            tighter = (node.field == "right") != (binds == 13)
            return binds + 1 if tighter else binds
        case "boolean_operator":
            return bound(parent) + (node.field == "right")
        case "comparison_operator" | "list_splat" | "dictionary_splat":
            return 6
        case "not_operator":
            return parent.words.negation_binds
        case "unary_operator":
            return 12
        case "attribute" | "call" | "await":
            return ATOM
        case "subscript":
            return ATOM if node.field == "value" else 1
        case "conditional_expression":
            return 1 if parent.parts and parent.parts[-1] is node else TEST
        case "if_clause" | "for_in_clause":
            return TEST
        case "expression_statement" | "return_statement" | "parenthesized_expression":
            return 0
        case _:
            return 1


def put(node: Node, text: str, binds: int = ATOM, weight: float = 1.0, note: str = "") -> Draft:
    """Replace a node by an expression that binds as given, with parentheses where the place needs them."""
    if binds < required(node) or node.field == "arguments" or (binds < ATOM and "\n" in text):
        text = f"({text})"
    return Draft(node.start, node.end, text, weight, note)


def negated(node: Node) -> tuple[str, int]:
    """Return the negation of an expression, and how tightly it binds."""
    binds = node.words.negation_binds
    return node.words.negated.format(operand(node, binds)), binds


def put_node(node: Node, other: Node, weight: float = 1.0) -> Draft:
    """Replace a node by a copy of another expression."""
    return put(node, other.text, level(other), weight)


def wants_bytes(node: Node) -> bool:
    """Say whether a node is an argument of a call that, by its name, works on bytes: a digest, a checksum, a socket."""
    parent = node.parent
    called = parent.parent.child("function") if parent is not None and parent.kind == "argument_list" and parent.parent else None
    return called is not None and re.search(r"md5|sha\d|digest|blake|hmac|crc|b64|compress|sendall|hexlify", called.text) is not None


def bare(node: Node) -> Node:
    """Return the expression inside parentheses, else the node itself."""
    while node.kind == "parenthesized_expression" and len(node.parts) == 1:
        node = node.parts[0]
    return node


def ranked(texts: Iterable[str], limit: int, fall: float = 0.8) -> Iterator[tuple[str, float]]:
    """Yield the first different texts with weights that fall from one to the next, likeliest first."""
    weight = 1.0
    for at, text in enumerate(dict.fromkeys(texts)):
        if at == limit:
            return
        yield text, weight
        weight *= fall


def replaced(nodes: Sequence[Node], text: str) -> Draft:
    """Replace several nodes, in order of the text, by the same new text, in one draft."""
    source, parts, at = nodes[0].source, [], nodes[0].start
    for node in nodes:
        parts += [source[at : node.start], text]
        at = node.end
    return Draft(nodes[0].start, at, "".join(parts), note=f"{nodes[0].text} to {text}, {len(nodes)} times")


def operators_of(*kinds: str) -> frozenset[str]:
    """Return the kinds as a set; reads better in the table."""
    return frozenset(kinds)


def first(nodes: Sequence[Node]) -> Node | None:
    """Return the first node, if there is one."""
    return nodes[0] if nodes else None
