"""Calls around an expression, and which function is called (kind 15)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, level, operand, operators_of, put, ranked

_NUMBER = ("abs", "int", "round", "str", "float")
_ITEMS = ("len", "sorted", "set", "list", "reversed", "sum", "max", "min", "tuple")
_TEXT = ("len", "int", "ord", "str", "sorted", "list", "set")
_ANY = ("str", "int", "len", "abs", "sorted", "list", "set", "float", "sum", "round")
_TEXT_METHODS = ("lower", "upper", "strip", "split", "title")
_ITEM_METHODS = ("keys", "values", "items", "copy")
_KIN = (
    ("min", "max", "sum"), ("any", "all"), ("int", "float", "round", "str"), ("list", "set", "tuple", "sorted", "reversed"),
    ("sum", "len", "max", "min"), ("abs", "int", "round"), ("str", "repr", "len"), ("range", "enumerate", "len"),
    ("ord", "chr", "int", "str"), ("floor", "ceil", "sqrt"), ("bin", "hex", "oct", "str"), ("map", "filter"),
    ("isinstance", "issubclass"), ("int", "ceil", "floor", "round"), ("dict", "list", "set"), ("zip", "enumerate"), ("divmod", "pow"),
    ("print", "str"),
)  # fmt: skip
_NEVER_WRAPPED = frozenset({
    "string", "integer", "float", "true", "false", "none", "lambda", "tuple", "dictionary", "parenthesized_expression",
})  # fmt: skip


def _wrap(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.kind in _NEVER_WRAPPED or not _wrappable(node):
        return
    already = _around(node)
    names = [name for name in [*_builtins(node, have), *_own(node, have)] if name != already and not node.text.startswith(f"{name}(")]
    for name, weight in ranked(names, 7 if node.kind != "identifier" else 5, 0.8):
        inner = node.text[1:-1] if node.kind == "generator_expression" else node.text
        yield put(node, f"{name}({inner})", weight=weight, note=f"{name}() around it")


def _around(node: Node) -> str:
    parent = node.parent
    if parent is None or parent.kind != "argument_list" or parent.parent is None or len(parent.parts) != 1:
        return ""
    return parent.parent.children[0].text


def _wrappable(node: Node) -> bool:
    parent = node.parent
    if parent is None or node.field in ("function", "object") or parent.kind in ("expression_statement", "dotted_name", "with_item"):
        return False
    return not (parent.kind == "subscript" and node.field == "value" and node.kind == "identifier")


def _builtins(node: Node, have: Ingredients) -> tuple[str, ...]:
    kinds = have.kinds.get(node.text, frozenset()) if node.kind == "identifier" else frozenset()
    match node.kind:
        case "binary_operator" | "unary_operator":
            return _NUMBER
        case "list" | "list_comprehension" | "generator_expression" | "set_comprehension" | "set":
            return ("sorted", "sum", "list", "set", "len", "max", "min", "any", "all", "tuple")
        case "comparison_operator" | "boolean_operator" | "not_operator":
            return ("int",) if node.parent is not None and node.parent.kind != "if_statement" else ()
    if kinds == {"number"}:
        return _NUMBER
    if kinds == {"items"}:
        return _ITEMS
    return _TEXT if kinds == {"text"} else _ANY


def _own(_node: Node, have: Ingredients) -> list[str]:
    """Functions of one argument called in the file, and recursion."""
    return [name for name in (*have.calls, *have.file.functions) if name not in ("print", "range", "isinstance")][:4]


def _unwrap(node: Node, _have: Ingredients) -> Iterator[Draft]:
    name, head = node.child("function"), node.child("arguments")
    if name is None or head is None:
        return
    if head.kind == "generator_expression":
        yield put(node, f"[{head.text[1:-1]}]", weight=0.5, note=f"{name.text}() dropped")
        return
    parts = head.parts
    if parts and parts[0].kind not in ("keyword_argument", "list_splat", "dictionary_splat"):
        yield put(node, parts[0].text, level(parts[0]), 1.0 if len(parts) == 1 else 0.4, f"{name.text}() dropped")
    for other in parts[1:2]:
        if other.kind not in ("keyword_argument", "list_splat", "dictionary_splat"):
            yield put(node, other.text, level(other), 0.3, f"{name.text}() dropped")


def _method_wrap(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.kind not in ("identifier", "subscript", "call", "attribute") or not _wrappable(node):
        return
    kinds = have.kinds.get(node.text, frozenset())
    if kinds and not kinds & {"text", "items"}:
        return
    names = [*(_TEXT_METHODS if "items" not in kinds or "text" in kinds else ()), *(_ITEM_METHODS if "items" in kinds else ())]
    for name, weight in ranked(names, 4, 0.7):
        if not node.text.endswith(f".{name}()"):
            yield put(node, f"{operand(node, 15)}.{name}()", weight=weight, note=f".{name}() added")


def _method_unwrap(node: Node, _have: Ingredients) -> Iterator[Draft]:
    name = node.child("function")
    receiver = name.child("object") if name is not None and name.kind == "attribute" else None
    if receiver is not None and (node.parent is None or node.parent.kind != "expression_statement"):
        yield put(node, receiver.text, level(receiver), note=f"{node.source[receiver.end : node.end]} dropped")


def _other(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if node.field != "function" and not (node.field == "attribute" and node.parent is not None and node.parent.field == "function"):
        return
    kin = [name for family in _KIN if node.text in family for name in family if name != node.text]
    for name, weight in ranked(kin, 5, 0.75):
        yield Draft(node.start, node.end, name, weight)


OPERATORS = (
    Operator(
        "wrap.add", 15, 0.05, "an expression wrapped in a call",
        "def f(a, b):\n    return a - b\n", "def f(a, b):\n    return abs(a - b)\n",
        "wrap.drop", operators_of("value"), _wrap,
    ),
    Operator(
        "wrap.drop", 15, 0.03, "an expression freed of a call",
        "def f(a, b):\n    return abs(a - b)\n", "def f(a, b):\n    return a - b\n",
        "wrap.add", operators_of("call"), _unwrap,
    ),
    Operator(
        "wrap.method-add", 15, 0.02, "a method called on a value",
        "def f(a, b):\n    return a + b\n", "def f(a, b):\n    return a.lower() + b\n",
        "wrap.method-drop", operators_of("value"), _method_wrap,
    ),
    Operator(
        "wrap.method-drop", 15, 0.02, "a method call dropped",
        "def f(a, b):\n    return a.lower() + b\n", "def f(a, b):\n    return a + b\n",
        "wrap.method-add", operators_of("call"), _method_unwrap,
    ),
    Operator(
        "wrap.other", 15, 0.03, "a kindred function called instead",
        "def f(a):\n    return min(a)\n", "def f(a):\n    return max(a)\n",
        "wrap.other", operators_of("identifier"), _other,
    ),
)  # fmt: skip
