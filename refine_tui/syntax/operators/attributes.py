"""Attributes and methods for others used on the like (kind 16)."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

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
    ("removeprefix", "removesuffix"), ("exists", "is_dir", "is_file"),
)  # fmt: skip


def _other(node: Node, have: Ingredients) -> Iterator[Draft]:
    receiver, name = node.child("object"), node.child("attribute")
    if receiver is None or name is None:
        return
    kin = [other for family in _KIN if name.text in family for other in family] if node.words.python else []
    kin += get_close_matches(name.text, have.file.attribute_names, 3, 0.8)
    used = have.file.attributes.get(receiver.text, ())
    called = node.field == "function"
    alike = [other for other in used if ((receiver.text, other) in have.file.methods) == called]
    for text, weight in ranked([other for other in [*kin, *alike] if other != name.text], 6, 0.75):
        yield Draft(name.start, name.end, text, weight)


def _receiver(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Use the same attribute of another name."""
    receiver = node.child("object")
    if receiver is not None and receiver.kind == "identifier":
        for name, weight in ranked(have.names_at(node), 3, 0.7):
            if name != receiver.text:
                yield Draft(receiver.start, receiver.end, name, weight)


def _self(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Read an attribute of `self` where a bare name stands, and the reverse."""
    own = have.file.attributes.get(node.words.own, ())
    if node.kind == "identifier" and node.role == "load" and node.field != "object" and node.text in own:
        yield Draft(node.start, node.end, f"{node.words.own}{_dot(node)}{node.text}")
    name, holder = node.child("attribute"), node.child("object")
    if name is not None and holder is not None and holder.text == node.words.own and name.text in have.parameters:
        yield Draft(node.start, node.end, name.text)


def _of_self(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Read an attribute of the object where a name stands."""
    if node.role != "load" or node.field in ("function", "object"):
        return
    own = node.words.own
    used = [name for name in have.file.attributes.get(own, ()) if (own, name) not in have.file.methods and name != node.text]
    if own in have.receivers:
        for name, weight in ranked(used, 3, 0.7):
            yield Draft(node.start, node.end, f"{own}.{name}", weight)


def _from_self(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Read a name where an attribute of the object stands."""
    holder = node.child("object")
    if holder is not None and holder.text == node.words.own and node.field not in ("function", "object"):
        for name, weight in ranked(have.names_at(node), 3, 0.7):
            yield Draft(node.start, node.end, name, weight)


def _dot(node: Node) -> str:
    """Return what stands between an object and its attribute in this file."""
    return "->" if f"{node.words.own}->" in node.source else "."


def _get(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Ask a dictionary for a key that may be missing: `a[b]` to `a.get(b)` and `a.get(b, 0)`."""
    value, inside = node.child("value"), [part for part in node.parts if part.field == "subscript"]
    plain = value is not None and value.kind in ("identifier", "attribute", "subscript")
    if not plain or len(inside) != 1 or inside[0].kind in ("slice", "integer", "unary_operator") or node.role != "load":
        return
    for text, weight in ranked(("", ", 0", ", []", ", ''"), 4, 0.6):
        yield Draft(value.end, node.end, f".get({inside[0].text}{text})", weight)  # type: ignore[union-attr]


def _of_get(node: Node, _have: Ingredients) -> Iterator[Draft]:
    name, head = node.child("function"), node.child("arguments")
    receiver = name.child("object") if name is not None and name.kind == "attribute" and name.text.endswith(".get") else None
    if receiver is not None and head is not None and head.kind == "argument_list" and len(head.parts) in (1, 2):
        yield Draft(receiver.end, node.end, f"[{head.parts[0].text}]")


OPERATORS = (
    Operator(
        "attribute.get", 16, 0.004, "a key asked for that may be missing",
        "def f(a, b):\n    return a[b]\n", "def f(a, b):\n    return a.get(b)\n",
        "attribute.of-get", operators_of("subscript"), _get,
    ),
    Operator(
        "attribute.of-get", 16, 0.003, "a key looked up that has to be there",
        "def f(a, b):\n    return a.get(b)\n", "def f(a, b):\n    return a[b]\n",
        "attribute.get", operators_of("call"), _of_get,
    ),
    Operator(
        "attribute.other", 16, 0.04, "another attribute or method of the same receiver",
        "def f(a, b):\n    a.append(b)\n", "def f(a, b):\n    a.extend(b)\n",
        "attribute.other", operators_of("attribute"), _other, targets=True, carries=True,
    ),
    Operator(
        "attribute.receiver", 16, 0.005, "the same attribute of another name",
        "def f(a, b):\n    return a.x\n", "def f(a, b):\n    return b.x\n",
        "attribute.receiver", operators_of("attribute"), _receiver, targets=True, carries=True,
    ),
    Operator(
        "attribute.of-self", 16, 0.008, "a name replaced by an attribute of `self`",
        "class A:\n    def f(self, a):\n        return self.b + a\n", "class A:\n    def f(self, a):\n        return self.b + self.b\n",
        "attribute.from-self", operators_of("identifier"), _of_self,
    ),
    Operator(
        "attribute.from-self", 16, 0.006, "an attribute of `self` replaced by a name",
        "class A:\n    def f(self, a):\n        return self.b + self.b\n", "class A:\n    def f(self, a):\n        return self.b + a\n",
        "attribute.of-self", operators_of("attribute"), _from_self,
    ),
    Operator(
        "attribute.self", 16, 0.005, "a name for the attribute of that name, or back",
        "class A:\n    def f(self, a):\n        return self.a + self.a\n", "class A:\n    def f(self, a):\n        return self.a + a\n",
        "attribute.self", operators_of("attribute", "identifier"), _self, carries=True,
    ),
)  # fmt: skip
