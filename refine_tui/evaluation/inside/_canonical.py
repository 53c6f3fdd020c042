"""Values as text: literals that can be read back, and a form of any value that does not depend on the run.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import ast
import collections.abc
import re
import types
from typing import Any, Callable

LONGEST = 4000
"""Characters of one value."""
DEEPEST = 12
ITEMS = 1000
"""Items that are taken from something that produces them one by one."""
_BITS = 4096
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,}")


class NoText(Exception):
    """Raised when a value cannot be written; says why, as a clause."""


def literal(value: Any) -> str:
    """Return text that `ast.literal_eval` reads back to an equal value of the same type.

    Raises:
        NoText: there is none.
    """
    return _bounded(_written(value, _no_object, 0))


def canonical(value: Any) -> str:
    """Return text that is equal for equal values, whatever the order of sets and dictionaries and wherever objects lie in memory.

    Builtin values are written as literals. An object is written by its own `repr`, or as `Class(**{attributes})` when its class has none;
    what produces items one by one as `generator([items])`.

    Raises:
        NoText: there is none.
    """
    if isinstance(value, collections.abc.Iterator):
        return _bounded(f"generator({_written(_taken(value), _object, 1)})")
    return _bounded(_written(value, _object, 0))


def _taken(iterator: Any) -> list[Any]:
    items = []
    for item in iterator:
        items.append(item)
        if len(items) > ITEMS:
            raise NoText(f"it produces more than {ITEMS} items")
    return items


def _bounded(text: str) -> str:
    if len(text) > LONGEST:
        raise NoText(f"it is longer than {LONGEST} characters")
    if _ADDRESS.search(text):
        raise NoText("its text holds an address in memory")
    return text


def _written(value: Any, otherwise: Callable[[Any, int], str], deep: int) -> str:
    kind = type(value)
    if value is None or kind in (bool, str, bytes):
        if value is not None and kind is not bool and len(value) > LONGEST:
            raise NoText(f"it is longer than {LONGEST} characters")
        return repr(value)
    if kind is int:
        if value.bit_length() > _BITS:
            raise NoText(f"a number of more than {_BITS} bits")
        return repr(value)
    if kind in (float, complex):
        return _number(value, otherwise is _no_object)
    if kind in (list, tuple, dict, set, frozenset):
        if deep >= DEEPEST:
            raise NoText("it is nested too deeply")
        return _container(value, kind, lambda item: _written(item, otherwise, deep + 1), otherwise)
    return otherwise(value, deep)


def _number(value: Any, must_read: bool) -> str:
    text = repr(value)
    if not must_read or "n" not in text:
        return text
    if type(value) is complex or value != value:
        raise NoText(f"{text} has no literal")
    return text.replace("inf", "1e999")


def _container(value: Any, kind: type, write: Callable[[Any], str], otherwise: Callable[[Any, int], str]) -> str:
    if len(value) > LONGEST:
        raise NoText(f"it has more than {LONGEST} items")
    if kind is dict:
        pairs = [(write(key), write(item)) for key, item in value.items()]
        return "{{{}}}".format(", ".join("{}: {}".format(*pair) for pair in (pairs if otherwise is _no_object else sorted(pairs))))
    items = [write(item) for item in value]
    if kind is list:
        return "[{}]".format(", ".join(items))
    if kind is tuple:
        return f"({items[0]},)" if len(items) == 1 else "({})".format(", ".join(items))
    if kind is frozenset:
        if otherwise is _no_object:
            raise NoText("a frozenset has no literal")
        return "frozenset({{{}}})".format(", ".join(sorted(items))) if items else "frozenset()"
    return "{{{}}}".format(", ".join(sorted(items))) if items else "set()"


def _no_object(value: Any, _deep: int) -> str:
    raise NoText(f"a {type(value).__name__} cannot be written as a value")


def _object(value: Any, deep: int) -> str:
    kind = type(value)
    if isinstance(value, types.CoroutineType):
        value.close()
        raise NoText("it is a coroutine")
    if getattr(kind, "__repr__", None) is not object.__repr__:
        text = str(repr(value))
        return f"{kind.__name__}({text})" if _is_literal(text) else text
    if deep >= DEEPEST:
        raise NoText("it is nested too deeply")
    return f"{kind.__name__}(**{_written(attributes(value), _object, deep + 1)})"


def attributes(value: Any) -> dict[str, Any]:
    """Return what an object holds, from its dictionary and its slots."""
    found = {}
    for kind in reversed(type(value).__mro__):
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    found.update(getattr(value, "__dict__", {}))
    return found


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
