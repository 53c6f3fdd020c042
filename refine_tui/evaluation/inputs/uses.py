"""Which kinds of value would fit how a function uses its parameters."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict

_METHODS = {
    "str": set(dir(str)) - set(dir(list)) - set(dir(dict)) - set(dir(bytes))
    | {"split", "strip", "lower", "upper", "replace", "startswith"},
    "list[int]": set(dir(list)) - set(dir(str)) - set(dir(dict)) - set(dir(set)) - set(dir(tuple)),
    "dict[str, int]": set(dir(dict)) - set(dir(list)) - set(dir(str)) - set(dir(set)),
    "set[int]": set(dir(set)) - set(dir(list)) - set(dir(dict)),
}
_CALLS = {
    **dict.fromkeys(("range", "chr", "bin", "hex"), ("int",)),
    **dict.fromkeys(("round", "abs", "float", "sqrt", "floor", "ceil", "isnan"), ("float", "int")),
    **dict.fromkeys(("len", "sorted", "enumerate", "reversed", "list", "set", "tuple", "zip"), ("list[int]", "str", "list[str]")),
    **dict.fromkeys(("sum", "min", "max"), ("list[int]", "list[float]")),
    "int": ("str", "int"),
    "ord": ("str",),
}
_NUMBERS = (ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr, ast.LShift, ast.RShift)


def kinds_by_use(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, tuple[str, ...]]:
    """Return for each parameter annotations that would fit its uses, the one with most uses first."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for node in ast.walk(function):
        for name, kinds in _told_by(node):
            found[name].update({kind: len(kinds) - at for at, kind in enumerate(kinds)})
    return {name: tuple(kind for kind, _ in counts.most_common()) for name, counts in found.items()}


def _told_by(node: ast.AST) -> list[tuple[str, tuple[str, ...]]]:
    """Return what one node says: a name with the kinds that fit there."""
    match node:
        case ast.Attribute(ast.Name(name), method):
            return [(name, tuple(kind for kind, methods in _METHODS.items() if method in methods))]
        case ast.Call(ast.Name(called) | ast.Attribute(attr=called), arguments):
            return [(one.id, _CALLS[called]) for one in arguments if isinstance(one, ast.Name) and called in _CALLS]
        case ast.For(iter=ast.Name(name)) | ast.comprehension(iter=ast.Name(name)):
            return [(name, ("list[int]", "str", "list[str]"))]
        case ast.Subscript(ast.Name(name), index):
            is_key = isinstance(index, ast.Constant) and isinstance(index.value, str)
            return [(name, ("dict[str, int]",) if is_key else ("list[int]", "str")), *_index(index)]
        case ast.BinOp(left, operator, right):
            if isinstance(left, ast.Constant) and isinstance(left.value, str):
                return []  # formatting
            kinds = _beside(right) or _beside(left) or (("int", "float") if isinstance(operator, _NUMBERS) else ())
            return [(one.id, kinds) for one in (left, right) if isinstance(one, ast.Name)]
        case ast.Compare(left, operators, others):
            return _compared([left, *others], operators)
    return []


def _index(index: ast.expr) -> list[tuple[str, tuple[str, ...]]]:
    return [(index.id, ("int",))] if isinstance(index, ast.Name) else []


def _compared(sides: list[ast.expr], operators: list[ast.cmpop]) -> list[tuple[str, tuple[str, ...]]]:
    if any(isinstance(operator, (ast.In, ast.NotIn)) for operator in operators):
        return [(side.id, ("list[int]", "str")) for side in sides[1:] if isinstance(side, ast.Name)]
    kinds = next((kinds for side in sides if (kinds := _beside(side))), ())
    ordered = any(isinstance(operator, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) for operator in operators)
    return [(side.id, kinds or (("int", "float") if ordered else ())) for side in sides if isinstance(side, ast.Name)]


def _beside(node: ast.expr) -> tuple[str, ...]:
    """Return the kinds that fit beside a constant."""
    if not isinstance(node, ast.Constant) or node.value is None or isinstance(node.value, bool):
        return ()
    return {int: ("int",), float: ("float",), str: ("str",), bytes: ("bytes",)}.get(type(node.value), ())
