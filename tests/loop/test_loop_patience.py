from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from refine_tui.core.evidence import CaseResult, Frame, SuiteResult
from refine_tui.core.patch import Patch
from refine_tui.core.settings import Settings
from refine_tui.core.task import Budget
from refine_tui.loop.events import TaskFinished
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.running import Cancelled, OnCase
from refine_tui.loop.session.session import Session
from refine_tui.loop.wanted import Wanted
from refine_tui.prompting.profiles import LineEdit, profile_for
from refine_tui.syntax import TreeSitter
from tests.loop.loop_fakes import ForkEvaluator, MemoryJournal, MemoryWorkspace

FILES = {
    "clamp.py": "def clamp(value, low):\n    if value < low:\n        return value\n    return value\n",
    "test_clamp.py": "from clamp import clamp\n\ndef test_low():\n    assert clamp(-5, 0) == 0\n\n"
    "def test_in():\n    assert clamp(5, 0) == 5\n",
}


class Hasty(ForkEvaluator):
    """Cuts every trial short that would succeed, unless all its time was asked for; calls the base stale for a number of proofs."""

    def __init__(self, workspace: MemoryWorkspace, stale: int = 0) -> None:
        super().__init__(workspace)
        self.full: list[Patch] = []
        self.surveys = 0
        self._stale = stale

    def baseline(self, *arguments: object, **more: object):  # type: ignore[no-untyped-def]
        self.surveys += 1
        return super().baseline(*arguments, **more)  # type: ignore[arg-type]

    def run(
        self,
        patch: Patch,
        node_ids: Sequence[str],
        cancelled: Cancelled,
        *,
        limit_s: float,
        stop_at_first: bool = False,
        better_than: Collection[str] | None = None,
        full_time: bool = False,
    ) -> SuiteResult:
        suite = super().run(patch, node_ids, cancelled, limit_s=limit_s)
        if full_time:
            self.full.append(patch)
        if better_than is None or full_time or suite.red:
            return suite
        return replace(suite, cases=(CaseResult(node_ids[0], "failed", timed_out=True, cut_short_s=0.3),), stopped="no better")

    def confirm(self, patch: Patch, on_case: OnCase, cancelled: Cancelled, *, limit_s: float) -> SuiteResult:
        if self._stale:
            self._stale -= 1
            return SuiteResult(complete=False, stopped="stale")
        return super().confirm(patch, on_case, cancelled, limit_s=limit_s)


def session_on(evaluator: ForkEvaluator, workspace: MemoryWorkspace) -> Session:
    ticks = itertools.count()
    parts = Parts(workspace, evaluator, TreeSitter(), MemoryJournal(), lambda: next(ticks) * 0.1, None, LineEdit(), profile_for)
    return Session(parts, Settings(budget=Budget(rounds=3, seconds=2_000)))


def never() -> bool:
    return False


def test_a_right_candidate_that_was_cut_short_gets_all_its_time_before_the_search_ends() -> None:
    workspace = MemoryWorkspace(FILES)
    evaluator = Hasty(workspace)
    *_, end = fix(session_on(evaluator, workspace), evaluator, itertools.count().__next__, Wanted(), None, never)
    assert isinstance(end, Fixed)
    assert end.outcome == "solved"
    assert end.patch in evaluator.full
    assert len(evaluator.full) == len(set(evaluator.full))


def test_a_proof_that_shows_the_base_to_be_another_begins_again_with_a_new_survey() -> None:
    workspace = MemoryWorkspace(FILES)
    evaluator = Hasty(workspace, stale=1)
    session = session_on(evaluator, workspace)
    told = [*session.survey(never), *session.work_all(never)]
    assert evaluator.surveys == 2
    assert [event.outcome for event in told if isinstance(event, TaskFinished)] == ["solved"]


class Sociable(ForkEvaluator):
    """Has a fixture whose tear-down only holds where another test ran as well."""

    def run(self, patch: Patch, node_ids: Sequence[str], cancelled: Cancelled, **more: Any) -> SuiteResult:
        suite = super().run(patch, node_ids, cancelled, limit_s=more["limit_s"])
        last = suite.cases[-1]
        if len(node_ids) > 1 or last.is_red:
            return suite
        alone = CaseResult(
            last.node_id, "error", message="assert 0 >= 1", frames=(Frame("conftest.py", 3, "table"),), error="AssertionError"
        )
        return replace(suite, cases=(*suite.cases[:-1], alone))


def test_a_fixture_that_holds_only_beside_other_tests_does_not_hide_the_right_candidate() -> None:
    workspace = MemoryWorkspace(FILES)
    evaluator = Sociable(workspace)
    *_, end = fix(session_on(evaluator, workspace), evaluator, itertools.count().__next__, Wanted(), None, never)
    assert isinstance(end, Fixed)
    assert (end.outcome, end.after.passed) == ("solved", 2)
