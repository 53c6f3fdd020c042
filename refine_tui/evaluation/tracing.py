"""What tests execute, kept from one run of the tree to the next, so that an edit has only the tests traced anew that it can affect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from refine_tui.core.evidence import CaseResult
from refine_tui.evaluation.impact import coverage_of
from refine_tui.evaluation.stream import Gathered

LEAST_S = 0.02
"""Tests that take less than this together tell nothing of what tracing costs."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What one test executed, and the content of each file that it executed or imported then; `None` where it could not be read."""

    lines: Mapping[str, Sequence[int]]
    digests: Mapping[str, bytes | None]


class Traces:
    """The lines of tests that passed, for as long as no Python file that they executed or imported is another.

    What else may lead a test elsewhere, as a data file does, is seen when the test stops passing: then it is traced anew.
    """

    def __init__(self, project: Path) -> None:
        """Begin with nothing."""
        self._project = project
        self._kept: dict[str, _Kept] = {}

    def known(self) -> tuple[str, ...]:
        """Return the tests that need not be traced in a run of the tree as it is now."""
        digest = cache(self._digest)
        return tuple(node for node, kept in self._kept.items() if all(digest(path) == was for path, was in kept.digests.items()))

    def join(self, gathered: Gathered, known: Collection[str], trace: Callable[[tuple[str, ...]], Gathered]) -> None:
        """Give a run what is known of the tests it did not trace, and have those traced that should have been after all."""
        reached = coverage_of(gathered).lines if known else {}
        rest = []
        for node in known:
            if node in gathered.cases and node not in gathered.coverage:
                if gathered.cases[node].outcome == "passed" and reached[node].keys() <= self._kept[node].digests.keys():
                    gathered.coverage[node] = self._kept[node].lines
                else:
                    rest.append(node)
        if rest and not gathered.stopped:
            traced = trace(tuple(rest))
            gathered.coverage.update(traced.coverage)
            gathered.in_part |= traced.in_part

    def keep(self, gathered: Gathered) -> None:
        """Keep what a whole run of the tree as it is now executed, and nothing else."""
        digest, reached = cache(self._digest), coverage_of(gathered).lines
        lasting = (node for node in gathered.coverage if _lasts(gathered, node))
        self._kept = {node: _Kept(gathered.coverage[node], {path: digest(path) for path in reached[node]}) for node in lasting}

    def _digest(self, path: str) -> bytes | None:
        try:
            return hashlib.sha256((self._project / path).read_bytes()).digest()
        except OSError:
            return None


def cost_of_tracing(traced: Mapping[str, CaseResult], plain: Mapping[str, CaseResult], known: Collection[str]) -> float | None:
    """Return how many times as long tests take when they are traced, by those that passed both ways; `None` where they are too short."""
    both = [node for node in plain if node not in known and all(one.get(node) and one[node].outcome == "passed" for one in (traced, plain))]
    seconds = sum(plain[node].duration_s for node in both)
    return sum(traced[node].duration_s for node in both) / seconds if seconds >= LEAST_S else None


def _lasts(gathered: Gathered, node: str) -> bool:
    case = gathered.cases.get(node)
    return case is not None and case.outcome == "passed" and node not in gathered.in_part
