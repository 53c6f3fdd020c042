"""Larger inputs of the same shape: what is slow shows on many things, and generated inputs hold few."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from refine_tui.loop.ports.observing import CallInput

SIZES = (30, 200, 1000)
"""Elements of a grown container."""
FACTORS = (2, 5, 20, 100, 1000)
"""By which numbers grow, where a call is given nothing but numbers."""
SEEDS = 6
"""Inputs that are grown: those with most to grow from."""
_LONGEST = 20_000
"""Bytes of a grown input's text at most."""


def grown(inputs: Iterable[CallInput]) -> tuple[CallInput, ...]:
    """Return larger inputs made of these, smallest sizes first: elements repeated as they are, and repeated with others in their place."""
    seeds = sorted(dict.fromkeys(inputs), key=lambda one: -len(one.text + one.receiver))[:SEEDS]
    made = [larger for step in range(max(len(SIZES), len(FACTORS))) for seed in seeds for larger in _larger(seed, step)]
    return tuple(one for one in dict.fromkeys(made) if one not in seeds and len(one.text) + len(one.receiver) <= _LONGEST)


def _larger(seed: CallInput, step: int) -> Iterator[CallInput]:
    call = ast.literal_eval(seed.text)
    receiver = ast.literal_eval(seed.receiver) if seed.receiver else None
    if not _holds_items((call, (receiver or ())[:2])):
        for more in (0, 1) if step < len(FACTORS) else ():
            yield replace(seed, text=repr(_scaled(call, FACTORS[step], more)))
        return
    for spread in (True, False) if step < len(SIZES) else ():
        held = "" if receiver is None else repr((*_sized(receiver[:2], SIZES[step], spread, 0), *receiver[2:]))
        yield CallInput(repr(_sized(call, SIZES[step], spread, 0)), held)


def _holds_items(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > 1
    if isinstance(value, (list, set, frozenset)):
        return len(value) > 0
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return any(_holds_items(one) for one in inside)


def _scaled(value: Any, factor: int, more: int) -> Any:
    """Return a call with its whole numbers multiplied, and one more each: what has divisors and what may have none."""
    if isinstance(value, tuple):
        return tuple(_scaled(one, factor, more) for one in value)
    if isinstance(value, dict):
        return {key: _scaled(one, factor, more) for key, one in value.items()}
    return value * factor + more if type(value) is int else value


def _sized(value: Any, size: int, spread: bool, depth: int) -> Any:
    """Return a value with its lists, sets, dictionaries and texts at a size; tuples keep theirs, since each place means something."""
    if isinstance(value, tuple):
        return tuple(_sized(one, size, spread, depth) for one in value)
    if isinstance(value, str):
        return (value * (size // len(value) + 1))[:size] if len(value) > 1 and depth == 0 else value
    if isinstance(value, dict) and depth == 0 and all(isinstance(key, str) and key.isidentifier() for key in value):
        return {key: _sized(one, size, spread, depth) for key, one in value.items()}
    if isinstance(value, list) and value:
        return _repeated([_sized(one, 8, spread, 1) if depth == 0 else one for one in value], size if depth == 0 else len(value), spread)
    if isinstance(value, set) and value and depth == 0:
        return set(_repeated(sorted(value, key=repr), size, True))
    return value


def _repeated(items: list[Any], size: int, spread: bool) -> list[Any]:
    numbers = [one for one in items if type(one) in (int, float)]
    reach = max(numbers) - min(numbers) + 1 if numbers else 1
    return [_other(items[at % len(items)], at // len(items) if spread else 0, reach) for at in range(max(size, len(items)))]


def _other(value: Any, number: int, reach: float) -> Any:
    """Return a value like this one that is another; the zeroth is itself. Numbers move on by the reach of all, so that order stays."""
    if not number or isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return value + number * reach
    if isinstance(value, str):
        return f"{value}{number}"
    if isinstance(value, (list, tuple)):
        return type(value)(_other(one, number, reach) for one in value)
    return value
