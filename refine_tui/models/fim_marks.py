"""How the families of completion models write filling in the middle: tokens that are looked for in a vocabulary."""

from __future__ import annotations

from collections.abc import Set

from refine_tui.loop.ports.thinking import FillMarks

FAMILIES = (
    FillMarks("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    FillMarks("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    FillMarks("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    FillMarks("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"),
    FillMarks("\u2581<PRE>", "\u2581<SUF>", "\u2581<MID>"),
    FillMarks("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", suffix_first=True),
    FillMarks("[PREFIX]", "[SUFFIX]", "", suffix_first=True),
)
FIM_MARKS = frozenset(mark.encode() for family in FAMILIES for mark in (family.prefix, family.suffix, family.middle) if mark)


def fill_marks(vocabulary: Set[bytes]) -> FillMarks | None:
    """Return the marks of the first family that is wholly in a vocabulary, or in the part of it that was kept."""
    for family in FAMILIES:
        if all(mark.encode() in vocabulary for mark in (family.prefix, family.suffix, family.middle) if mark):
            return family
    return None
