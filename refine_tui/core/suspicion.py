"""How suspicious each line is, from which tests executed it.

Source: Abreu, Zoeteweij, van Gemund, "On the Accuracy of Spectrum-based Fault Localization" (2007): the Ochiai coefficient.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from math import sqrt

from refine_tui.core.evidence import Coverage

Suspicion = dict[tuple[str, int], float]
"""(path, 0-based line) → 0..1."""


def ochiai(coverage: Coverage, failing: Collection[str]) -> Suspicion:
    """Score every line executed by a failing test: failed(line) / sqrt(all failed * executed(line))."""
    failed: dict[tuple[str, int], int] = defaultdict(int)
    executed: dict[tuple[str, int], int] = defaultdict(int)
    for node, files in coverage.lines.items():
        for path, lines in files.items():
            for line in lines:
                executed[path, line] += 1
                failed[path, line] += node in failing
    total = sum(node in failing for node in coverage.lines)
    return {place: hits / sqrt(total * executed[place]) for place, hits in failed.items() if hits}
