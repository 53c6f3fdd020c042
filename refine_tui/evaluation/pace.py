"""How long the tests of a project take, and so how long a candidate's tests may take before they count as stuck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from refine_tui.core.evidence import CaseResult

SLOWER = 5.0
"""A test gets so many times what it, and the slowest passing test beside it, took on the base."""
LEAST_S = 0.3


class Pace:
    """What the tests took on the base."""

    def __init__(self) -> None:
        self._own: dict[str, float] = {}
        self._passing: set[str] = set()
        self._slowest: dict[str, float] = {}
        self._is_known = False

    def learn(self, cases: Iterable[CaseResult]) -> None:
        """Take in a run of the base. Of a test that ran twice the later time counts: the first run is slowed down by tracing."""
        for case in cases:
            self._is_known = True
            if not case.timed_out:
                self._own[case.node_id] = case.duration_s
            if case.outcome == "passed":
                self._passing.add(case.node_id)
        self._slowest = {}
        for node in self._passing:
            file = node.split("::", 1)[0]
            self._slowest[file] = max(self._own[node], self._slowest.get(file, 0.0))

    def limits(self, node_ids: Iterable[str], full_s: float) -> Mapping[str, float]:
        """Return the seconds for each test, never more than `full_s`; nothing when nothing is known of the base.

        A test that fails may stop early, so those that pass beside it tell more: in its file, else anywhere.
        """
        if not self._is_known:
            return {}
        anywhere = max(self._slowest.values(), default=0.0)
        found = {}
        for node in node_ids:
            beside = self._slowest.get(node.split("::", 1)[0], anywhere)
            found[node] = min(full_s, max(LEAST_S, SLOWER * max(beside, self._own.get(node, 0.0))))
        return found
