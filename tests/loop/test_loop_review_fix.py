from __future__ import annotations

from typing import Any

import pytest

from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, SuiteResult
from refine_tui.core.scope import Scope
from refine_tui.core.task import Task
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.wanted import Wanted
from tests.loop.test_loop_review import CLAMP_PROJECT, ROMAN_PROJECT, Shop, never


def case(node_id: str, outcome: Any = "failed") -> CaseResult:
    return CaseResult(node_id, outcome)


def baseline_of(*cases: CaseResult, complete: bool = True, stopped: str = "") -> Baseline:
    return Baseline(SuiteResult(cases, complete, stopped), Coverage(), True, "", "python", "fork")


def test_a_test_in_a_file_with_another_name_is_a_target_and_no_scope() -> None:
    known = baseline_of(case("spec/checks.py::TestCart::test_total[a b::c]"), case("spec/checks.py::TestCart::test_other"))
    wanted = Wanted(("spec/checks.py::TestCart::test_total",))
    asked: list[str] = []

    def scope(label: str) -> Scope:
        asked.append(label)
        raise UsageError(label)

    assert wanted.targets_in(known, scope) == ("spec/checks.py::TestCart::test_total[a b::c]",)
    assert wanted.applied_to(Task("t1", "goal", ()), scope, known).scopes == ()
    assert asked == []


def test_a_protected_file_is_no_scope_even_when_asked_for() -> None:
    shop = Shop(CLAMP_PROJECT)
    with pytest.raises(SafetyError, match=r"test_clamp\.py"):
        list(fix(shop.session, shop.evaluator, shop.clock, Wanted(scopes=("test_clamp.py::test_low",)), None, never))


@pytest.mark.parametrize("stopped", ["time", "cancelled"])
def test_tests_that_were_not_all_run_are_not_called_passing(stopped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(CLAMP_PROJECT)
    early = baseline_of(case("test_clamp.py::test_high", "passed"), complete=False, stopped=stopped)
    monkeypatch.setattr(shop.evaluator, "baseline", lambda *_, **__: early)
    *_, end = fix(shop.session, shop.evaluator, shop.clock, Wanted(), None, lambda: stopped == "cancelled")
    assert isinstance(end, Fixed)
    assert (end.outcome, end.stop_reason) == (
        ("cancelled", "cancelled") if stopped == "cancelled" else ("unsolved", "the first run of the tests ended early: time")
    )
    assert end.handoff


def test_tasks_without_time_cost_next_to_nothing_and_still_have_a_note() -> None:
    shop = Shop({**CLAMP_PROJECT, **ROMAN_PROJECT})
    began = shop.evaluator.runs
    *_, end = fix(shop.session, shop.evaluator, shop.clock, Wanted(), 0.05, never)
    assert isinstance(end, Fixed)
    assert (end.outcome, end.stop_reason, shop.evaluator.runs - began) == ("unsolved", "time budget spent", 1)
    assert "test_low" in end.handoff
    assert "test_four" in end.handoff
