"""The table of rewrites that make code faster, beside the table of repairs: one row a rewrite, one file a family."""

from __future__ import annotations

from refine_tui.syntax.operators import faster_lookups
from refine_tui.syntax.operators.rewriting import Rewrite, Speedup

__all__ = ["SPEEDUPS", "Rewrite", "Speedup"]

SPEEDUPS: tuple[Speedup, ...] = tuple(row for family in (faster_lookups,) for row in family.SPEEDUPS)
