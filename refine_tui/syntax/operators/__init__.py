"""The table of edit operators: one row an operator, its inverse named in the row, one file a family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from refine_tui.syntax.operators import (
    arithmetic,
    attributes,
    branches,
    calls,
    comparisons,
    conditions,
    constants,
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

OPERATORS: tuple[Operator, ...] = (
    *comparisons.OPERATORS, *arithmetic.OPERATORS, *conditions.OPERATORS, *constants.OPERATORS, *names.OPERATORS, *terms.OPERATORS,
    *calls.OPERATORS, *wrapping.OPERATORS, *attributes.OPERATORS, *slices.OPERATORS, *jumps.OPERATORS, *branches.OPERATORS, *loops.OPERATORS,
    *statements.OPERATORS,
)  # fmt: skip


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
