"""How much the tests notice, as another tool asks for it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from refine_tui.bootstrap import Project
from refine_tui.cli import fixing, main
from refine_tui.cli.eval_document import schema_text
from refine_tui.cli.weighing import PLACES, changed_lines, executed_lines, some_of, weigh_proposals, words_of
from refine_tui.core.evidence import Baseline, Coverage, SuiteResult
from refine_tui.core.mutants import Mutant, Weight
from refine_tui.core.review import Review
from tests.e2e.test_e2e_eval import project, refine
from tests.evaluation.json_schema import violations
from tests.loop.test_loop_review import CLAMP_PROJECT, Shop, never

__all__ = ["project"]


@pytest.mark.e2e
def test_eval_tells_which_mistakes_in_what_changed_the_tests_notice(project: Path, tmp_path: Path) -> None:
    found = json.loads(refine(tmp_path, "eval", "--json", "--mutants", "100", "--project", str(project)).stdout)
    assert violations(found, json.loads(schema_text())) == []
    assert found["mutants"]["killed"] >= 1
    assert found["mutants"]["total"] <= found["mutants"]["possible"]
    assert found["tests"]["passed"] == 1
    assert "mutants" not in json.loads(refine(tmp_path, "eval", "--json", "--project", str(project)).stdout)


def fix(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    shop = Shop(CLAMP_PROJECT)

    @contextmanager
    def opened(_options: argparse.Namespace, *, writes: bool) -> Iterator[Project]:
        yield Project(Path("/project"), shop.settings, shop.parts, shop.session)

    monkeypatch.setattr(fixing, "open_project", opened)
    assert main(["fix", *arguments]) == 0


def finished(told: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(told.splitlines()[-1])
    return row


@pytest.mark.parametrize("more", [(), ("--apply",)])
def test_fix_tells_it_of_each_task_that_it_solved(
    more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fix(monkeypatch, "--json", "--seconds", "1000", *more)
    mutants = finished(capsys.readouterr().out)["mutants"]
    assert mutants
    assert all(one["task"].startswith("t") and one["total"] > 0 for one in mutants)


def test_nothing_is_measured_when_the_time_is_spent() -> None:
    shop = Shop(CLAMP_PROJECT)
    for _ in (*shop.session.survey(never), *shop.session.work_all(never)):
        pass
    runs = shop.evaluator.runs
    assert weigh_proposals(shop.session, 0.0, never) == []
    assert shop.evaluator.runs == runs
    assert weigh_proposals(shop.session, 100.0, never)


def test_a_person_reads_the_patch_before_it_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []
    monkeypatch.setattr("refine_tui.cli.fixing._print_patch", lambda text: order.append("patch"))

    def weighed(*_: object) -> list[Review]:
        order.append("weighed")
        return []

    monkeypatch.setattr("refine_tui.cli.fixing.weigh_proposals", weighed)
    fix(monkeypatch, "--seconds", "1000")
    assert order == ["patch", "weighed"]


def test_lines_of_a_change_are_those_that_differ_and_all_of_a_new_file() -> None:
    before = {"a.py": b"1\n2\n3\n", "gone.py": b"1\n", "new.py": None}
    after = {"a.py": b"1\nx\n3\n", "gone.py": None, "new.py": b"1\n2\n"}
    assert changed_lines(before, after) == {"a.py": frozenset({1}), "new.py": frozenset({0, 1})}


def test_of_a_whole_project_a_few_executed_lines_are_taken_the_same_every_time() -> None:
    ran = {"t::a": {"a.py": frozenset(range(100))}, "t::b": {"a.py": frozenset({100}), "b.py": frozenset({1})}}
    lines = executed_lines(Baseline(SuiteResult(), Coverage(ran), True, "", "", ""))
    assert lines == {"a.py": frozenset(range(101)), "b.py": frozenset({1})}
    assert sum(map(len, some_of(lines).values())) == PLACES
    assert some_of(lines) == some_of(lines)
    assert some_of({"b.py": {1}}) == {"b.py": frozenset({1})}


def test_a_person_reads_how_many_and_which_ones_are_missed() -> None:
    assert list(words_of(Weight(2, 2))) == ["tests notice 2 of 2 mistakes put into this code"]
    missed = Weight(1, 2, 9, (Mutant("a.py", 4, "x", "< to <="),))
    assert list(words_of(missed))[1:] == ["not noticed, some of them perhaps no mistakes at all (1):", "  a.py:5 < to <="]
