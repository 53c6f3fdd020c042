"""Attributes and methods for others used on the like (kind 16)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, operators_of, ranked

_KIN = (
    ("append", "extend", "add", "insert"), ("lower", "upper", "swapcase", "title", "capitalize"), ("startswith", "endswith"),
    ("keys", "values", "items"), ("find", "rfind", "index", "count"), ("strip", "lstrip", "rstrip"), ("isupper", "islower", "isalpha"),
    ("isdigit", "isalpha", "isalnum", "isnumeric", "isspace"), ("add", "remove", "discard", "update"), ("pop", "popleft", "remove"),
    ("append", "appendleft"), ("union", "intersection", "difference", "symmetric_difference"), ("get", "pop", "setdefault"),
    ("split", "rsplit", "splitlines", "partition"), ("floor", "ceil", "trunc", "sqrt"), ("sort", "reverse"), ("join", "split"),
    ("read", "readline", "readlines"), ("left", "right"), ("first", "last"), ("start", "end"), ("min", "max"), ("x", "y"),
    ("width", "height"), ("row", "column"), ("issubset", "issuperset"), ("ljust", "rjust", "center", "zfill"), ("encode", "decode"),
    ("head", "tail"), ("prev", "next"), ("group", "groups"), ("match", "search", "fullmatch", "findall"), ("sin", "cos", "tan"),
    ("removeprefix", "removesuffix"),
)  # fmt: skip


def _other(node: Node, have: Ingredients) -> Iterator[Draft]:
    receiver, name = node.child("object"), node.child("attribute")
    if receiver is None or name is None:
        return
    kin = [other for family in _KIN if name.text in family for other in family]
    used = have.file.attributes.get(receiver.text, ())
    called = node.field == "function"
    alike = [other for other in used if _is_called(node, receiver, other) == called]
    for text, weight in ranked([other for other in [*kin, *alike] if other != name.text], 6, 0.75):
        yield Draft(name.start, name.end, text, weight)


def _is_called(node: Node, receiver: Node, name: str) -> bool:
    return f"{receiver.text}.{name}(" in node.source


def _receiver(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Use the same attribute of another name."""
    receiver = node.child("object")
    if receiver is not None and receiver.kind == "identifier":
        for name, weight in ranked(have.names_at(node), 3, 0.7):
            if name != receiver.text:
                yield Draft(receiver.start, receiver.end, name, weight)


def _self(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Read an attribute of `self` where a bare name stands, and the reverse."""
    own = have.file.attributes.get("self", ())
    if node.kind == "identifier" and node.role == "load" and node.field != "object" and node.text in own:
        yield Draft(node.start, node.end, f"self.{node.text}")
    name = node.child("attribute")
    if name is not None and node.text == f"self.{name.text}" and name.text in have.parameters:
        yield Draft(node.start, node.end, name.text)


OPERATORS = (
    Operator(
        "attribute.other", 16, 0.04, "another attribute or method of the same receiver",
        "def f(a, b):\n    a.append(b)\n", "def f(a, b):\n    a.extend(b)\n",
        "attribute.other", operators_of("attribute"), _other, targets=True,
    ),
    Operator(
        "attribute.receiver", 16, 0.005, "the same attribute of another name",
        "def f(a, b):\n    return a.x\n", "def f(a, b):\n    return b.x\n",
        "attribute.receiver", operators_of("attribute"), _receiver, targets=True,
    ),
    Operator(
        "attribute.self", 16, 0.005, "a name for the attribute of that name, or back",
        "class A:\n    def f(self, a):\n        return self.a + self.a\n", "class A:\n    def f(self, a):\n        return self.a + a\n",
        "attribute.self", operators_of("attribute", "identifier"), _self,
    ),
)  # fmt: skip
