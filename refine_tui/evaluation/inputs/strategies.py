"""Values for an annotation: a few at the boundaries, and a hypothesis strategy for many. Only what can be written as a literal."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_WORDS = ("a", "b", "Z", "é", "1", "0", " ", "-", "_", ".", ",", "\n", "word", "Two Words")
_ANY = (
    *("int", "str", "list[int]", "list[str]", "float", "dict[str, int]", "list[list[int]]", "bool", "tuple[int, int]"),
    *("list[dict[str, int]]", "list[tuple[str, int]]", "set[int]", "bytes", "None"),
)
"""What an unknown parameter is tried with, in this order."""
_SAME = {
    **dict.fromkeys(("List", "Sequence", "MutableSequence", "Iterable", "Collection", "Iterator"), "list"),
    **dict.fromkeys(("Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict", "Counter"), "dict"),
    **dict.fromkeys(("Set", "AbstractSet", "MutableSet"), "set"),
    **dict.fromkeys(("Text", "AnyStr", "LiteralString"), "str"),
    **dict.fromkeys(("Number", "Real"), "float"),
    **dict.fromkeys(("Tuple",), "tuple"),
    "SupportsFloat": "float",
    "SupportsInt": "int",
}


@dataclass(frozen=True)
class Source:
    """Where the values for one parameter come from."""

    bounds: tuple[Any, ...]
    """At least one; the first is an ordinary one."""
    many: Callable[[], SearchStrategy[Any]]


def source_for(annotation: str, constants: Sequence[Any] = ()) -> Source | None:
    """Return the values that fit an annotation, `None` when none of them could be written as a literal.

    `constants` are values of the function's body; they and their neighbours are tried where they fit.
    """
    try:
        return _source(ast.parse(annotation, mode="eval").body, constants)
    except (SyntaxError, ValueError, RecursionError):
        return None


def likely_annotations(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the annotations to try for a parameter without one: those that its uses speak for, then all others."""
    return tuple(dict.fromkeys((*kinds, *_ANY)))


def source_like(values: Sequence[Any], constants: Sequence[Any] = ()) -> Source:
    """Return values like those that were seen: the same, and changed a little."""

    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.one_of(strategies.sampled_from(list(values)), *(_like(value, constants) for value in islice(values, 6)))

    return Source(tuple(values), many)


def joined(first: Source, second: Source | None) -> Source:
    """Return the values of both."""
    if second is None:
        return first
    return Source((*first.bounds, *second.bounds), lambda: first.many() | second.many())


def _source(node: ast.expr, constants: Sequence[Any]) -> Source | None:
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return _plain(_SAME.get(name, name), constants)
        case ast.Constant(None):
            return _plain("None", constants)
        case ast.Constant(str(text)):
            return source_for(text, constants)
        case ast.BinOp(left, ast.BitOr(), right):
            return _either([left, right], constants)
        case ast.Subscript(ast.Name(name) | ast.Attribute(attr=name), inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _generic(_SAME.get(name, name), parts, constants)
    return None


def _either(nodes: Sequence[ast.expr], constants: Sequence[Any]) -> Source | None:
    found = [source for node in nodes if (source := _source(node, constants)) is not None]
    if not found:
        return None
    bounds = tuple(value for source in found for value in source.bounds)

    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.one_of(*(source.many() for source in found))

    return Source(bounds, many)


def _plain(name: str, constants: Sequence[Any]) -> Source | None:
    if name in ("list", "set", "dict", "tuple"):
        inner = "str" if name == "dict" else "int"
        return _generic(name, [ast.Name(inner), ast.Name("int" if name == "dict" else "...")], constants)
    makers = {"int": _integers, "float": _floats, "str": _texts, "bytes": _bytes, "bool": _booleans, "None": _nones}
    return makers[name](constants) if name in makers else None


def _integers(constants: Sequence[Any]) -> Source:
    near = [number + step for number in constants if type(number) is int for step in (0, -1, 1)]
    bounds = tuple(dict.fromkeys((3, 0, 1, -1, 2, 10, *near)))

    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.sampled_from(bounds) | strategies.integers(-20, 20) | strategies.integers(-(10**6), 10**6)

    return Source(bounds, many)


def _floats(constants: Sequence[Any]) -> Source:
    near = [float(number) + step for number in constants if type(number) in (int, float) for step in (0.0, -0.5, 0.5)]
    bounds = tuple(dict.fromkeys((2.5, 0.0, 1.0, -1.5, 10.0, *near)))

    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.sampled_from(bounds) | strategies.integers(-1000, 1000).map(lambda number: number / 8)

    return Source(bounds, many)


def _texts(constants: Sequence[Any]) -> Source:
    own = [text for text in constants if type(text) is str]
    bounds = tuple(dict.fromkeys(("Two Words", "", "a", " ab ", "12", *own)))
    pieces = (*_WORDS, *(text for text in own if text))

    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.sampled_from(bounds) | strategies.lists(strategies.sampled_from(pieces), max_size=6).map("".join)

    return Source(bounds, many)


def _bytes(constants: Sequence[Any]) -> Source:
    texts = _texts([text.decode("latin-1") for text in constants if type(text) is bytes])
    bounds = tuple(text.encode("utf-8") for text in texts.bounds)
    return Source(bounds, lambda: texts.many().map(lambda text: text.encode("utf-8")))


def _booleans(_constants: Sequence[Any]) -> Source:
    return _fixed((True, False))


def _nones(_constants: Sequence[Any]) -> Source:
    return _fixed((None,))


def _fixed(values: tuple[Any, ...]) -> Source:
    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.sampled_from(values)

    return Source(values, many)


def _generic(name: str, parts: Sequence[ast.expr], constants: Sequence[Any]) -> Source | None:
    if name == "Literal":
        return _fixed(tuple(ast.literal_eval(part) for part in parts))
    if name in ("Optional", "Union", "Annotated", "Final"):
        kept = parts[:1] if name in ("Annotated", "Final") else parts
        return _either([*kept, *([ast.Constant(None)] if name == "Optional" else [])], constants)
    is_open = name == "tuple" and (
        len(parts) < 2 or (isinstance(parts[1], (ast.Constant, ast.Name)) and len(parts) == 2 and _is_dots(parts[1]))
    )
    inner = [_source(part, constants) for part in (parts[:1] if is_open or name in ("list", "set") else parts)]
    known = [source for source in inner if source is not None]
    if len(known) < len(inner) or not known:
        return None
    if name == "dict":
        return _mappings(known[0], known[-1], constants)
    if name == "tuple" and not is_open:
        return _rows(known)
    return _many_of({"list": list, "set": set, "tuple": tuple}[name], known[0]) if name in ("list", "set", "tuple") else None


def _is_dots(node: ast.expr) -> bool:
    return (isinstance(node, ast.Constant) and node.value is ...) or (isinstance(node, ast.Name) and node.id == "...")


def _many_of(make: Callable[[Any], Any], inner: Source) -> Source:
    few = list(inner.bounds[:5])
    samples: list[list[Any]] = [[few[0], *few[2:4], few[-1]], [], few[:1], few[1:2], [few[-1], few[0], few[0]]]
    if make is set:
        samples = [[item for item in sample if item.__hash__] for sample in samples]
    bounds = _different(make(sample) for sample in samples if make is not set or sample)

    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.lists(inner.many(), min_size=1 if make is set else 0, max_size=6).map(make)

    return Source(bounds, many)


def _mappings(keys: Source, values: Source, constants: Sequence[Any]) -> Source:
    # What the body looks up is more likely to be a key than anything else.
    names = sorted(keys.bounds, key=lambda key: key not in constants)
    few = list(zip(names, values.bounds[:4], strict=False))
    bounds = _different([dict(few[:2]), {}, dict(few[:1]), dict(few)])

    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.dictionaries(keys.many(), values.many(), max_size=4)

    return Source(bounds, many)


def _rows(parts: Sequence[Source]) -> Source:
    bounds = [tuple(part.bounds[min(at, len(part.bounds) - 1)] for part in parts) for at in range(4)]

    def many() -> SearchStrategy[Any]:
        from hypothesis import strategies

        return strategies.tuples(*(part.many() for part in parts))

    return Source(_different(bounds), many)


def _different(values: Any) -> tuple[Any, ...]:
    return tuple({repr(value): value for value in values}.values())


def _like(value: Any, constants: Sequence[Any]) -> SearchStrategy[Any]:
    """Return values of the same shape as one that was seen."""
    from hypothesis import strategies

    same = strategies.just(value)
    if type(value) is int:
        return strategies.sampled_from([value - 1, value + 1, -value, 2 * value]) | _integers(constants).many()
    if type(value) is str:
        made = {value[1:], value[:-1], value * 2, value.upper(), value.lower(), " " + value, value[::-1]}
        return strategies.sampled_from(sorted(made)) | _texts((*constants, value)).many()
    if type(value) in (list, tuple) and value:
        items = strategies.one_of(*(_like(item, constants) for item in value[:4]), strategies.sampled_from(list(value)))
        grown = strategies.lists(items, min_size=0, max_size=len(value) + 2)
        return grown if type(value) is list else strategies.tuples(*(_like(item, constants) | strategies.just(item) for item in value))
    if type(value) is dict and value:
        fixed = {key: strategies.just(item) | _like(item, constants) for key, item in value.items()}
        return strategies.fixed_dictionaries(fixed)
    found = source_for(type(value).__name__ if value is not None else "None", constants)
    return found.many() if found is not None else same
