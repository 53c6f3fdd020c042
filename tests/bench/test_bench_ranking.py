from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from refine_tui.bench.ranking import Injected, Ranks, inject, ranks, report
from refine_tui.cli.parser import parse
from refine_tui.cli.ranking_benching import run_ranking_bench
from refine_tui.core.errors import UsageError
from refine_tui.core.text import SourceFile
from refine_tui.prompting.profiles import LineEdit
from refine_tui.syntax import TreeSitter
from tests.loop.loop_script import ScriptedModel

SHOP = """class Cart:
    def total(self, prices, rate):
        total = 0
        for price in prices:
            total += price * rate
        return total


def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)
"""
SYNTAX = TreeSitter()


def injected(count: int = 8) -> list[Injected]:
    return list(inject([SourceFile("shop.py", SHOP.encode())] * 3, SYNTAX, count, 0))


def test_each_function_gets_one_bug_the_same_ones_for_a_seed() -> None:
    cases = injected()
    assert [case.source.data for case in cases] == [case.source.data for case in injected()]
    assert {case.scope.name for case in cases} == {"total", "clamp"}, "what is written twice counts once"
    assert all(SYNTAX.normalised(case.source) != case.right for case in cases)


def test_the_right_edit_has_a_place_in_each_order_and_a_model_that_knows_nothing_leaves_it_there() -> None:
    class Indifferent(ScriptedModel):
        def score(self, prompt: str, answers: Sequence[str], cancelled: Callable[[], bool]) -> list[float]:
            return [-5.0] * len(answers)

    cases = injected()
    found = [ranks(case, SYNTAX, None, LineEdit()) for case in cases]
    assert any(one.by_search is not None for one in found)
    assert all((one.by_search is None) == (one.in_file is None) for one in found)
    assert all(one.by_model is None for one in found)
    for case, one in zip(cases, found, strict=True):
        assert ranks(case, SYNTAX, Indifferent(lambda _: ()), LineEdit()).by_model == one.by_search


def test_the_report_holds_the_orders_against_that_of_the_file() -> None:
    found = [Ranks(100, 50, 9, 1), Ranks(100, 10, 11, 2), Ranks(300, 80, None, None), Ranks(100, 90, 3, 4)]
    rows = {row.row: row for row in report(found)}
    assert rows["median place of the right edit: the file's order"].value == 65
    assert rows["right edit among the first 10: the file's order"].note == "1 of 4"
    assert rows["right edit among the first 10: search"].ok is None
    best = rows["right edit among the first 10: search and model"]
    assert (best.value, best.baseline, best.ratio, best.ok) == (0.75, 0.25, 3.0, True)
    assert not list(report([]))


def test_the_command_prints_the_rows_and_refuses_what_holds_no_function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    assert run_ranking_bench(parse(["bench", "ranking", str(tmp_path), "--model", "none", "--json"])) in (0, 1)
    assert [json.loads(line)["runs"] for line in capsys.readouterr().out.splitlines()] == [2] * 4
    (tmp_path / "shop.py").write_text("x = 1\n")
    with pytest.raises(UsageError, match="no Python function"):
        run_ranking_bench(parse(["bench", "ranking", str(tmp_path), "--model", "none"]))
    with pytest.raises(UsageError, match=r"none\.py: cannot be read"):
        run_ranking_bench(parse(["bench", "ranking", str(tmp_path / "none.py"), "--model", "none"]))
