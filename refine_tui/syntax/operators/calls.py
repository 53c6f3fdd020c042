"""Calls: arguments swapped, dropped, added (kinds 13 and 14)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, level, operators_of, ranked

# What a call of a builtin or common method often lacks.
_USUAL = {
    "sorted": ("reverse=True", "key=len", "key=abs", "key=str", "key=lambda x: x[0]", "key=lambda x: x[1]"),
    "sort": ("reverse=True", "key=len"),
    "min": ("key=len", "default=None"),
    "max": ("key=len", "default=None", "key=abs"),
    "split": ("' '", "','", "'\\n'"),
    "join": (),
    "round": ("2", "1"),
    "int": ("2", "16"),
    "sum": ("0",),
    "enumerate": ("1",),
    "get": ("0", "None"),
    "pop": ("0", "-1"),
    "strip": ("' '",),
    "replace": ("1",),
    "zip": ("strict=True",),
}
_KEYED = frozenset({"sorted", "sort", "min", "max"})


def _arguments(node: Node) -> list[Node]:
    head = node.child("arguments")
    return head.parts if head is not None and head.kind == "argument_list" else []


def _swap(node: Node, _have: Ingredients) -> Iterator[Draft]:
    plain = [part for part in _arguments(node) if part.kind not in ("keyword_argument", "list_splat", "dictionary_splat")]
    for at, left in enumerate(plain):
        for right in plain[at + 1 : at + 3]:
            if left.text != right.text:
                between = node.source[left.end : right.start]
                yield Draft(left.start, right.end, f"{right.text}{between}{left.text}", note="arguments swapped")


def _drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    parts = node.parts if node.kind != "call" else _arguments(node)
    if node.kind == "tuple" and len(parts) < 3:
        return
    for at, part in enumerate(parts):
        start = parts[at - 1].end if at else part.start
        end = part.end if at or len(parts) == 1 else parts[1].start
        yield Draft(start, end, "", 1.0 if node.kind == "call" else 0.5, f"{part.text} dropped")


def _add(node: Node, have: Ingredients) -> Iterator[Draft]:
    head, name = node.child("arguments"), node.child("function")
    if head is None or head.kind != "argument_list" or name is None or head.text.rstrip(" )").endswith(","):
        return
    called, parts = name.text.rpartition(".")[2], head.parts
    if called == "range":
        yield from _range(parts, have)
    if called in _KEYED and node.words.python:
        yield from _keyed(head, parts, have)
    given = dict.fromkeys(part.text for part in parts)
    room = [
        text
        for text in (_USUAL.get(called, ()) if node.words.python else ())
        if text not in given and (parts or "=" not in text or called == "sort")
    ]
    names = [text for text in have.names_at(node) if text not in given]
    names = [*names, *given] if called in have.file.functions else names
    yield from _in_place(head, parts, called, have)
    keyed = [f"{name}={name}" for name in have.file.signatures.get(called, ()) if name in names and f"{name}={name}" not in given]
    for text, weight in ranked([*room, *keyed[:2], *names[:3]] if called != "range" else [], 6, 0.7):
        yield _appended(head, parts, text, weight)
        if "=" not in text and len(parts) == 1 and called in have.file.functions:
            yield Draft(parts[0].start, parts[0].start, f"{text}, ", weight * 0.5, f"{text} added")


def _in_place(head: Node, parts: list[Node], called: str, have: Ingredients) -> Iterator[Draft]:
    """Pass a name in scope where the called function of the file takes a parameter of that name."""
    given, names = {part.text for part in parts}, set(have.names_at(head))
    signature = [name for name in have.file.signatures.get(called, ()) if name not in ("self", "cls")]
    for at, name in enumerate(signature[: len(parts)]):
        if name in names and name not in given:
            yield Draft(parts[at].start, parts[at].start, f"{name}, ", 0.5, f"{name} added")


def _keyed(head: Node, parts: list[Node], have: Ingredients) -> Iterator[Draft]:
    """Sort or choose by what the docstring's words ask for, alone or with the value itself to decide between equals."""
    measures = [f"{name}({{}})" for name in have.hinted if name in ("len", "abs", "sum", "str", "bin", "int")]
    measures = ["len(set({}))", *measures] if "set" in have.hinted else measures
    if any(part.text.startswith("key=") for part in parts):
        return
    for text, weight in ranked([*measures, "len({})", "{}[1]", "{}[0]"], 4, 0.7):
        measure = text.format("x")
        for key, share in ((measure, 0.6), (f"(-{measure}, x)", 0.5), (f"({measure}, x)", 0.5), (f"-{measure}", 0.2)):
            yield _appended(head, parts, f"key=lambda x: {key}", weight * share * 0.3)


def _like(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Pass what another call of the same function in the file passes."""
    head, name = node.child("arguments"), node.child("function")
    if head is None or name is None or head.kind != "argument_list":
        return
    known = {*have.names_at(node), *have.file.imported, *have.file.functions}
    others = [texts for texts, names in have.file.arguments.get(name.text, ()) if texts != head.text and names <= known]
    for text, weight in ranked(others, 3, 0.6):
        yield Draft(head.start, head.end, text, weight)


def _appended(head: Node, parts: list[Node], text: str, weight: float) -> Draft:
    """Append an argument; one without a name goes before the first that has one."""
    plain = parts if "=" in text else [part for part in parts if part.kind not in ("keyword_argument", "dictionary_splat")]
    if plain:
        at = plain[-1].end
        return Draft(at, at, f", {text}", weight, f"{text} added")
    at = head.start + 1
    return Draft(at, at, f"{text}, " if parts else text, weight, f"{text} added")


def _range(parts: list[Node], have: Ingredients) -> Iterator[Draft]:
    if len(parts) == 1:
        for text, weight in ranked(("1", "2", *have.similar(parts[0])[:3]), 5, 0.7):
            yield Draft(parts[0].start, parts[0].start, f"{text}, ", weight, f"from {text}")
    elif len(parts) == 2:
        for text, weight in ranked(("2", "-1", *have.names_at(parts[1])), 4, 0.6):
            yield Draft(parts[1].end, parts[1].end, f", {text}", weight, f"step {text}")


def _element(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Put one more element into a list, tuple or set that has some, or the first into an empty list."""
    if len(node.parts) > 8 or (node.kind == "tuple" and len(node.parts) < 2) or (node.kind == "set" and not node.parts):
        return
    inside = {part.text for part in node.parts}
    texts = [name for name in have.names_at(node) if name not in inside][:3]
    at = node.parts[-1].end if node.parts else node.start + 1
    for text, weight in ranked([*texts, *have.integers[:2], "0", "1"], 5, 0.7):
        if text not in inside:
            yield Draft(at, at, f", {text}" if node.parts else text, weight, f"{text} added")


def _splat(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Spread an argument, or stop spreading it."""
    for part in _arguments(node):
        if part.kind == "list_splat":
            yield Draft(part.start, part.end, part.text[1:].strip())
            yield Draft(part.start, part.start, "*", 0.3)
        elif part.kind == "dictionary_splat":
            yield Draft(part.start, part.start + 1, "", 0.5)
        elif part.kind in ("identifier", "call", "list_comprehension") and len(_arguments(node)) == 1 and level(part) == 15:
            yield Draft(part.start, part.start, "*", 0.5)


_CALL = operators_of("call")

OPERATORS = (
    Operator(
        "call.swap", 13, 0.02, "two arguments swapped",
        "def f(a, b):\n    return f(a, b)\n", "def f(a, b):\n    return f(b, a)\n",
        "call.swap", _CALL, _swap, carries=True,
    ),
    Operator(
        "call.drop", 14, 0.02, "an argument or element dropped",
        "def f(a, b):\n    return f(a, b)\n", "def f(a, b):\n    return f(a)\n",
        "call.add", operators_of("call", "list", "tuple", "set", "dictionary"), _drop, carries=True,
    ),
    Operator(
        "call.add", 14, 0.03, "an argument added: a usual one for a builtin, or a name in scope",
        "def f(a, b):\n    return f(a)\n", "def f(a, b):\n    return f(a, b)\n",
        "call.drop", _CALL, _add, carries=True,
    ),
    Operator(
        "call.like", 14, 0.004, "what another call of the same function passes",
        "def f(a, b):\n    return f(a, b) + f(b, a) + f(a, b)\n", "def f(a, b):\n    return f(a, b) + f(b, a) + f(b, a)\n",
        "call.like", _CALL, _like, carries=True,
    ),
    Operator(
        "call.element-add", 14, 0.01, "an element added to a list, tuple or set",
        "def f(a, b):\n    return [a]\n", "def f(a, b):\n    return [a, b]\n",
        "call.drop", operators_of("list", "tuple", "set"), _element, carries=True,
    ),
    Operator(
        "call.splat", 14, 0.002, "an argument spread with a star, or no longer",
        "def f(a):\n    return print(a)\n", "def f(a):\n    return print(*a)\n",
        "call.splat", _CALL, _splat,
    ),
)  # fmt: skip
