"""What a name or an expression seems to hold, guessed from how it is written and used: only the order of edits rests on it."""

from __future__ import annotations

import re

from refine_tui.syntax.nodes import Node

SEQUENCE_CALLS = frozenset({
    "len", "sorted", "reversed", "enumerate", "sum", "min", "max", "any", "all", "list", "set", "tuple", "zip", "map",
})  # fmt: skip
TEXT_METHODS = frozenset({"lower", "upper", "strip", "split", "startswith", "endswith", "join", "replace", "isdigit", "isalpha", "format"})
_RESULTS = {
    **dict.fromkeys(("len", "int", "float", "sum", "abs", "round", "ord"), frozenset({"number"})),
    **dict.fromkeys(("list", "sorted", "dict", "deque", "defaultdict", "Counter"), frozenset({"items"})),
    "set": frozenset({"items", "unique"}),
    "str": frozenset({"text"}),
    "input": frozenset({"text"}),
}
ANNOTATIONS = {"int": "number", "float": "number", "str": "text", "bool": "truth", "list": "items", "List": "items", "dict": "items",
               "Dict": "items", "set": "items", "tuple": "items", "Tuple": "items"}  # fmt: skip


def kind_of(node: Node | None) -> frozenset[str]:
    """Guess what an expression holds."""
    if node is None:
        return frozenset()
    match node.kind:
        case "integer" | "float" | "unary_operator":
            return frozenset({"number"})
        case "string" | "concatenated_string":
            return frozenset({"text"})
        case "list" | "list_comprehension" | "tuple" | "dictionary" | "dictionary_comprehension":
            return frozenset({"items"})
        case "set" | "set_comprehension":
            return frozenset({"items", "unique"})
        case "true" | "false" | "comparison_operator" | "not_operator":
            return frozenset({"truth"})
        case "binary_operator":
            sign = node.child("operator")
            # Long sums nest deeply; the ends tell enough.
            guess = frozenset[str]().union(*(kind_of(part) for part in node.parts if part.kind != "binary_operator"))
            return guess or (frozenset({"number"}) if sign and sign.text in ("-", "*", "/", "//", "**") else guess)
        case "call":
            name = node.children[0].text
            return _RESULTS.get(name, frozenset())
    return frozenset()


def kind_by_use(node: Node) -> set[str]:
    """Guess what a node's place asks for."""
    parent = node.parent
    if parent is None:
        return set()
    match parent.kind:
        case "subscript":
            return {"items", "text"} if node.field == "value" else {"number"}
        case "for_statement" | "for_in_clause":
            return {"items", "text"}
        case "call":
            return {"callable"}
        case "argument_list" if parent.parent is not None and parent.parent.kind == "call":
            return _kind_by_call(parent.parent.children[0].text)
        case "attribute":
            name = parent.child("attribute")
            return {"text"} if name and name.text in TEXT_METHODS else {"items"}
        case "binary_operator":
            sign = parent.child("operator")
            others = frozenset().union(*(kind_of(part) for part in parent.parts if part is not node))
            return set(others) or ({"number"} if sign and sign.text != "+" else set())
        case "comparison_operator" | "augmented_assignment":
            return set(frozenset().union(*(kind_of(part) for part in parent.parts if part is not node)))
    return set()


def _kind_by_call(name: str) -> set[str]:
    if name in ("range", "abs", "round", "chr", "pow"):
        return {"number"}
    return {"items", "text"} if name in SEQUENCE_CALLS else set()


def annotated_kind(node: Node, found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what a parameter's annotation says, added to what is known of it."""
    kind = node.child("type")
    names = [part.text for part in node.parts if part.kind == "identifier"]
    word = re.match(r"\w+", kind.text) if kind else None
    if names and word and word.group() in ANNOTATIONS:
        return {names[0]: found[names[0]] | {ANNOTATIONS[word.group()]}}
    return {}
