from __future__ import annotations

from typing import Any

import pytest

from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, SuiteResult
from refine_tui.core.patch import splice
from refine_tui.core.scope import Scope
from refine_tui.core.settings import Settings
from refine_tui.core.task import Budget, Task
from refine_tui.core.text import SourceFile
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.ports.thinking import Usage
from refine_tui.loop.wanted import Wanted
from refine_tui.syntax import TreeSitter
from tests.loop.loop_fakes import CLAMP
from tests.loop.test_loop_review import CLAMP_PROJECT, ROMAN_PROJECT, Shop, never, reviewed, with_writer


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


def test_a_source_in_an_older_encoding_is_parsed_where_it_stands() -> None:
    source = SourceFile("a.py", "# coding: latin-1\ndef grüße(n):\n    if n > 3:\n        return 'é'\n    return ''\n".encode("latin-1"))
    syntax = TreeSitter()
    assert syntax.is_valid(source)
    scope = syntax.scopes(source)[-1]
    assert source.slice(scope.span).startswith(b"def gr\xfc\xdfe(n)")
    for edit in syntax.edits(source, scope):
        assert splice(source.data, edit.edits) != source.data


def test_rewriting_one_line_of_a_hunk_keeps_the_bytes_of_the_others() -> None:
    shop = Shop(CLAMP_PROJECT)
    shop.workspace.tree["clamp.py"] = ("# coding: latin-1\n" + CLAMP.replace("high\n", "high  # é\n", 1)).encode("latin-1")
    id = reviewed(shop)
    (hunk,) = shop.session.state().review(id).hunks
    shop.session.replace_hunk(id, hunk.id, [*hunk.added, "        # by hand"])
    shop.session.change(id, lambda r: r.decide(hunk.id, "accepted"))
    shop.session.apply(id, red_is_fine=True)
    assert b"return low  # \xe9\n        # by hand\n" in shop.workspace.tree["clamp.py"]


def test_a_patch_larger_than_the_budget_is_not_tried() -> None:
    shop = Shop(CLAMP_PROJECT, settings=Settings(budget=Budget(changed_lines=1)))
    *_, end = fix(shop.session, shop.evaluator, shop.clock, Wanted(), None, never)
    assert isinstance(end, Fixed)
    assert end.candidates == 0 or all(len(file.edits) == 1 for file in end.patch.files)
    assert end.outcome == "unsolved"


def test_a_model_that_has_written_its_share_is_not_asked_again() -> None:
    shop, writer = with_writer(ROMAN_PROJECT, Budget(rounds=1, seconds=None, tokens=5, candidates=20))
    writer.usage = lambda: Usage(generated=5 * len(writer.prompts))  # type: ignore[method-assign]
    list(shop.session.survey(never))
    list(shop.session.work_all(never))
    assert len(writer.prompts) == 1
