"""Calls around an expression, and which function is called (kind 15)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.guesses import SEQUENCE_CALLS, TEXT_METHODS
from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, level, operand, operators_of, put, ranked, wants_bytes

_NUMBER = ("abs", "int", "round", "str", "float")
_ITEMS = ("len", "sorted", "set", "list", "sum", "reversed", "max", "min", "tuple")
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
    usual = _builtins(node, have) if node.words.python else ()
    told = [name for name in have.hinted if name in usual or name not in _ANY] if node.words.python else []
    names = [name for name in [*told[:2], *usual, *_own(node, have)] if name != already and not node.text.startswith(f"{name}(")]
    for name, weight in ranked(names, 5 if node.kind in ("attribute", "subscript") else 6, 0.8):
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
    if "items" in kinds:
        return _ITEMS
    return _TEXT if kinds == {"text"} else _ANY


def _own(_node: Node, have: Ingredients) -> list[str]:
    """Functions of one argument called in the file, and recursion."""
    return [name for name in (*have.calls, *have.file.functions) if name not in ("print", "range", "isinstance")][:4]


def _fold(node: Node, _have: Ingredients) -> Iterator[Draft]:
    value, index = node.child("value"), node.child("subscript")
    if value is not None and index is not None and index.text in ("0", "-1", "1"):
        for name, weight in ranked(("max", "min", "sum", "len"), 4):
            yield put(node, f"{name}({value.text})", weight=weight, note=f"{name}() instead of [{index.text}]")


def _element(node: Node, _have: Ingredients) -> Iterator[Draft]:
    name, head = node.child("function"), node.child("arguments")
    if name is not None and head is not None and name.text in ("max", "min", "sum", "len") and len(head.parts) == 1:
        inner = head.parts[0]
        if head.kind == "argument_list" and level(inner) == 15 and inner.kind != "list_splat":
            yield put(node, f"{inner.text}[0]", note=f"[0] instead of {name.text}()")
            yield put(node, f"{inner.text}[-1]", note=f"[-1] instead of {name.text}()")


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


def _both(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Wrap both sides of a comparison in the same call: `a == b` to `set(a) == set(b)`."""
    parts = [part for part in node.parts if part.field != "operators"]
    if len(parts) != 2 or any(part.kind in _NEVER_WRAPPED or part.kind == "generator_expression" for part in parts):
        return
    left, right = parts
    between = node.source[left.end : right.start]
    for name, weight in ranked(("sorted", "set", "len", "abs", "str", "int", "sum"), 7):
        yield Draft(node.start, node.end, f"{name}({left.text}){between}{name}({right.text})", weight, f"{name}() around both sides")
    for name, weight in ranked(("lower", "strip"), 2):
        text = f"{operand(left, 15)}.{name}(){between}{operand(right, 15)}.{name}()"
        yield Draft(node.start, node.end, text, weight * 0.3, f".{name}() on both sides")


def _both_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    parts = [part for part in node.parts if part.field != "operators"]
    if len(parts) != 2 or any(part.kind != "call" for part in parts) or len({part.children[0].text for part in parts}) != 1:
        return
    inner = [head.parts for part in parts if (head := part.child("arguments")) and head.kind == "argument_list" and len(head.parts) == 1]
    if len(inner) == 2:
        left, right = operand(inner[0][0], 6), operand(inner[1][0], 6)
        yield Draft(node.start, node.end, f"{left}{node.source[parts[0].end : parts[1].start]}{right}", note="both sides freed")


def _bracket(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Make a list of one element: `x` to `[x]`, and `[]` to `[[]]`."""
    parent = node.parent
    if parent is None or not _wrappable(node) or node.kind in ("list_comprehension", "comparison_operator", "boolean_operator", "call"):
        return
    sums = parent.kind == "binary_operator" and "number" not in have.kinds.get(node.text, ())
    if sums or parent.kind in ("argument_list", "return_statement", "yield") or node.kind == "list":
        yield put(node, f"[{node.text}]", weight=0.5 if node.kind == "list" or sums else 0.2)


def _unbracket(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if len(node.parts) == 1 and node.parts[0].kind != "list_splat":
        yield put(node, node.parts[0].text, level(node.parts[0]))


def _bounded(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Keep a value above or below another: `x` to `max(x, best)` and `max(x, 0)`."""
    parent = node.parent
    if parent is None or not (parent.kind == "return_statement" or (parent.kind == "assignment" and node.field == "right")):
        return
    if node.kind not in ("identifier", "binary_operator", "call", "subscript") or node.text.startswith(("max(", "min(")):
        return
    left = parent.child("left")
    own = [left.text] if left is not None and left.kind == "identifier" and left.text != node.text else []
    names = [name for name in have.similar(node) if "number" in have.kinds.get(name, ())]
    for text, weight in ranked([*own, "0", *names[:2]], 3, 0.7):
        yield put(node, f"max({text}, {node.text})", weight=weight)
        yield put(node, f"min({text}, {node.text})", weight=weight * 0.6)


def _method_wrap(node: Node, have: Ingredients) -> Iterator[Draft]:
    if node.kind not in ("identifier", "subscript", "call", "attribute") or not _wrappable(node):
        return
    if wants_bytes(node):
        yield put(node, f"{operand(node, 15)}.encode()", note=".encode() added")
    kinds = have.kinds.get(node.text, frozenset())
    if kinds and not kinds & {"text", "items"}:
        return
    names = [*(_TEXT_METHODS if "items" not in kinds or "text" in kinds else ()), *(_ITEM_METHODS if "items" in kinds else ())]
    if _gone_through(node):
        names = ["values", "items", *names]
    for name, weight in ranked(names, 5, 0.7):
        if not node.text.endswith(f".{name}()"):
            yield put(node, f"{operand(node, 15)}.{name}()", weight=weight, note=f".{name}() added")


def _gone_through(node: Node) -> bool:
    """Say whether the elements of a value are what its place asks for."""
    parent = node.parent
    if parent is None or parent.kind != "argument_list" or parent.parent is None:
        return parent is not None and parent.kind in ("for_statement", "for_in_clause") and node.field == "right"
    return parent.parent.children[0].text in SEQUENCE_CALLS - {"len", "reversed"}


def _method_unwrap(node: Node, _have: Ingredients) -> Iterator[Draft]:
    name = node.child("function")
    receiver = name.child("object") if name is not None and name.kind == "attribute" else None
    if receiver is not None and (node.parent is None or node.parent.kind != "expression_statement"):
        yield put(node, receiver.text, level(receiver), note=f"{node.source[receiver.end : node.end]} dropped")


def _receiver(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Make text of what a method of text is called on: `n.count('1')` to `str(n).count('1')`."""
    if node.kind in _NEVER_WRAPPED or not _of_text(node) or node.text.startswith(("str(", "self")):
        return
    for name, weight in ranked(("str", "bin", "list", "repr"), 4, 0.6):
        yield put(node, f"{name}({node.text})", weight=weight, note=f"{name}() around it")


def _of_text(node: Node) -> bool:
    parent = node.parent
    name = parent.child("attribute") if parent is not None and parent.kind == "attribute" and node.field == "object" else None
    return name is not None and name.text in TEXT_METHODS | {"count", "index", "find", "zfill", "encode", "isupper", "islower"}


def _unused(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Use a variable that nothing reads, with a call around it, where another name stands."""
    names = have.unused_at(node)[:1] if node.role == "load" and node.field != "function" else []
    for name in names:
        calls = ("str", "bin", "list", "repr") if _of_text(node) else (*have.hinted[:2], "len", "str", "abs", "int", "sum", "set")
        for call, weight in ranked(calls, 6, 0.7):
            if node.text != name:
                yield put(node, f"{call}({name})", weight=weight)


def _other(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if node.field != "function" and not (node.field == "attribute" and node.parent is not None and node.parent.field == "function"):
        return
    kin = [name for family in _KIN if node.text in family for name in family if name != node.text]
    for name, weight in ranked(kin, 5, 0.75):
        yield Draft(node.start, node.end, name, weight)


OPERATORS = (
    Operator(
        "wrap.both", 15, 0.012, "both sides of a comparison wrapped in the same call",
        "def f(a, b):\n    return a == b\n", "def f(a, b):\n    return set(a) == set(b)\n",
        "wrap.both-drop", operators_of("comparison_operator"), _both,
    ),
    Operator(
        "wrap.both-drop", 15, 0.004, "both sides of a comparison freed of a call",
        "def f(a, b):\n    return set(a) == set(b)\n", "def f(a, b):\n    return a == b\n",
        "wrap.both", operators_of("comparison_operator"), _both_drop,
    ),
    Operator(
        "wrap.bracket", 15, 0.006, "a value made a list of one",
        "def f(a, b):\n    return a + b\n", "def f(a, b):\n    return a + [b]\n",
        "wrap.unbracket", operators_of("value"), _bracket,
    ),
    Operator(
        "wrap.unbracket", 15, 0.006, "a list of one made its element",
        "def f(a, b):\n    return a + [b]\n", "def f(a, b):\n    return a + b\n",
        "wrap.bracket", operators_of("list"), _unbracket,
    ),
    Operator(
        "wrap.bounded", 15, 0.008, "a value kept above or below another",
        "def f(a, b):\n    b = a + 1\n    return b\n", "def f(a, b):\n    b = max(b, a + 1)\n    return b\n",
        "wrap.drop", operators_of("value"), _bounded,
    ),
    Operator(
        "wrap.element", 15, 0.012, "a fold of all elements for the first or the last",
        "def f(a):\n    return a[-1]\n", "def f(a):\n    return sum(a)\n",
        "wrap.fold", operators_of("subscript"), _fold,
    ),
    Operator(
        "wrap.fold", 15, 0.005, "the first or the last element for a fold",
        "def f(a):\n    return sum(a)\n", "def f(a):\n    return a[-1]\n",
        "wrap.element", operators_of("call"), _element,
    ),
    Operator(
        "wrap.add", 15, 0.05, "an expression wrapped in a call",
        "def f(a, b):\n    return a - b\n", "def f(a, b):\n    return abs(a - b)\n",
        "wrap.drop", operators_of("value"), _wrap, carries=True,
    ),
    Operator(
        "wrap.drop", 15, 0.03, "an expression freed of a call",
        "def f(a, b):\n    return abs(a - b)\n", "def f(a, b):\n    return a - b\n",
        "wrap.add", operators_of("call"), _unwrap, carries=True,
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
        "wrap.receiver", 15, 0.006, "what a method of text is called on made text",
        "def f(a):\n    return a.count('1')\n", "def f(a):\n    return str(a).count('1')\n",
        "wrap.drop", operators_of("identifier", "subscript", "attribute", "call"), _receiver,
    ),
    Operator(
        "wrap.unused", 15, 0.015, "a name replaced by a call on a variable that nothing reads",
        "def f(a):\n    return [abs(a) for b in a]\n", "def f(a):\n    return [abs(len(b)) for b in a]\n",
        "name.for-expression", operators_of("identifier"), _unused,
    ),
    Operator(
        "wrap.other", 15, 0.03, "a kindred function called instead",
        "def f(a):\n    return min(a)\n", "def f(a):\n    return max(a)\n",
        "wrap.other", operators_of("identifier"), _other,
    ),
)  # fmt: skip
