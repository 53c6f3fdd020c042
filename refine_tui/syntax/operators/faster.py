"""The table of rewrites that make code faster, beside the table of repairs: one row a rewrite, one file a family."""

from __future__ import annotations

from refine_tui.syntax.operators import faster_building, faster_lookups, faster_loops, faster_order
from refine_tui.syntax.operators.rewriting import Rewrite, Speedup

__all__ = ["SPEEDUPS", "Rewrite", "Speedup"]

SPEEDUPS: tuple[Speedup, ...] = tuple(
    row for family in (faster_lookups, faster_loops, faster_building, faster_order) for row in family.SPEEDUPS
)
