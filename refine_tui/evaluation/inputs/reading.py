"""What the source of a Python function tells about its parameters. Nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from refine_tui.evaluation.inputs.uses import kinds_by_use

Form = Literal["bare", "positional", "keyword", "rest"]
Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that a caller gives."""

    name: str
    form: Form
    """`bare` has no name for its callers; `rest` takes any number of positional arguments."""
    annotation: str = ""
    """As the source has it; empty without one."""
    default: str | None = None
    """The default's text when it is a literal."""
    required: bool = True
    kinds: tuple[str, ...] = ()
    """Annotations that would fit how the function uses it, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function is called."""

    name: str
    """Without its class."""
    parameters: tuple[Parameter, ...]
    receiver: tuple[Parameter, ...] | None = None
    """The parameters of the constructor of its object; `None`: it is called without one."""
    literals: tuple[str, ...] = ()
    """Constants of its body."""
    is_property: bool = False


def read_signature(source: str, symbol: str, first_line: int) -> Signature | None:
    """Return how the function `symbol` is called, `None` when the source has no such function.

    Args:
        source: the whole file.
        symbol: qualified name.
        first_line: 0-based, decorators included; chooses among several of that name.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    *holders, name = symbol.split(".")
    body, owner = module.body, None
    for holder in holders:
        owner = next((node for node in body if isinstance(node, ast.ClassDef) and node.name == holder), None)
        if owner is None:
            return None
        body = owner.body
    found = [node for node in _statements(body) if isinstance(node, Definition) and node.name == name]
    if not found:
        return None
    node = next((node for node in found if _first_line(node) == first_line + 1), found[-1])
    marks = _names(node.decorator_list)
    parameters = tuple(_parameters(node))
    is_bound = owner is not None and "staticmethod" not in marks
    receiver = tuple(_constructor(owner, module)) if owner is not None and is_bound and "classmethod" not in marks else None
    is_property = bool(marks & {"property", "cached_property"})
    return Signature(name, parameters[is_bound:], receiver, tuple(_literals(node)), is_property)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, those under conditions and `try` too, where definitions sometimes stand."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)):
            yield from _statements([*node.body, *node.orelse])


def _first_line(node: Definition) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _names(decorators: list[ast.expr]) -> set[str]:
    bare = (node.func if isinstance(node, ast.Call) else node for node in decorators)
    return {node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "" for node in bare}


def _parameters(node: Definition) -> Iterator[Parameter]:
    given, kinds = node.args, kinds_by_use(node)
    positional = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(given.defaults))
    bare = len(given.posonlyargs)
    paired = zip(positional, [*defaults, *given.defaults], strict=True)
    forms = [(one, default, "bare" if at < bare else "positional") for at, (one, default) in enumerate(paired)]
    forms += [(one, default, "keyword") for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    for one, default, form in forms:
        annotation = _unparsed(one.annotation)
        yield Parameter(one.arg, form, annotation, _literal(default), default is None, kinds.get(one.arg, ()))  # type: ignore[arg-type]
    if given.vararg is not None:
        yield Parameter(given.vararg.arg, "rest", _unparsed(given.vararg.annotation), required=False)


def _constructor(owner: ast.ClassDef, module: ast.Module, deep: int = 0) -> Iterator[Parameter]:
    """Yield what the constructor of a class takes, as far as this file tells."""
    own = next((node for node in _statements(owner.body) if isinstance(node, Definition) and node.name == "__init__"), None)
    if own is not None:
        yield from list(_parameters(own))[1:]
        return
    bases = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    for base in owner.bases:
        if isinstance(base, ast.Name) and base.id in bases and deep < 5:
            yield from _constructor(bases[base.id], module, deep + 1)
    if "dataclass" in _names(owner.decorator_list) or {"NamedTuple"} & _names(owner.bases):
        yield from _fields(owner)


def _fields(owner: ast.ClassDef) -> Iterator[Parameter]:
    for node in owner.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and "ClassVar" not in _unparsed(node.annotation):
            yield Parameter(node.target.id, "positional", _unparsed(node.annotation), _literal(node.value), node.value is None)


def _literals(node: Definition) -> Iterator[str]:
    """Yield the constants of a function, its doc string left out, each once."""
    documented = ast.get_docstring(node, clean=False)
    seen: set[str] = set()
    for one in ast.walk(ast.Module(list(node.body), [])):
        if isinstance(one, ast.Constant) and isinstance(one.value, (int, float, str, bytes)) and one.value != documented:
            text = repr(one.value)
            if text not in seen and len(text) <= 80:
                seen.add(text)
                yield text


def _literal(node: ast.expr | None) -> str | None:
    if node is None:
        return None
    try:
        return repr(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _unparsed(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value  # a quoted annotation
    return ast.unparse(node) if node is not None else ""
