"""The table of edit operators: one row an operator, its inverse named in the row, one file a family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from refine_tui.syntax.operators import (
    arithmetic,
    attributes,
    blocks,
    branches,
    calls,
    comparisons,
    conditions,
    constants,
    guards,
    imports,
    jumps,
    loops,
    names,
    slices,
    statements,
    terms,
    wrapping,
)
from refine_tui.syntax.operators.record import Draft, Operator

__all__ = ["BY_KIND", "OPERATORS", "Draft", "Operator", "operator_named"]

_FAMILIES = (
    comparisons, arithmetic, conditions, constants, names, terms, calls, wrapping, attributes, slices, jumps, branches, loops, guards,
    blocks, statements, imports,
)  # fmt: skip

OPERATORS: tuple[Operator, ...] = tuple(operator for family in _FAMILIES for operator in family.OPERATORS)


def _by_kind() -> Mapping[str, tuple[Operator, ...]]:
    rows: dict[str, list[Operator]] = defaultdict(list)
    for operator in OPERATORS:
        for kind in operator.kinds:
            rows[kind].append(operator)
    return MappingProxyType({kind: tuple(operators) for kind, operators in rows.items()})


BY_KIND = _by_kind()
"""The operators that look at a node kind, or at a class of nodes (`value`, `condition`, `statement`)."""


def operator_named(name: str) -> Operator:
    """Return a row of the table.

    Raises:
        KeyError: no operator has this name.
    """
    for operator in OPERATORS:
        if operator.name == name:
            return operator
    raise KeyError(name)
