from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from refine_tui.bench.repair import Conditions, RepairResult, Results, Way, read_tasks, result_row, write_project
from refine_tui.bench.repair_report import report
from refine_tui.cli.benching import Job, run_bench, solve
from refine_tui.cli.parser import parse
from refine_tui.core.errors import UsageError

TASK = {
    "id": "made-up/1",
    "suite": "made-up",
    "note": "wrong operator",
    "files": {
        "solution.py": "def area(width, height):\n    return width + height\n",
        "test_solution.py": (
            "from solution import area\n\ndef test_one():\n    assert area(3, 5) == 15\n\ndef test_two():\n    assert area(2, 2) == 4\n"
        ),
    },
    "examples": {"test_solution.py": "from solution import area\n\ndef test_one():\n    assert area(3, 5) == 15\n"},
    "hidden": {"test_hidden.py": "from solution import area\n\ndef test_three():\n    assert area(7, 6) == 42\n"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(TASK) + "\n")
    return path


CONDITIONS = Conditions("tests", 60.0, "none", 0)


def result(id: str, note: str = "", correct: bool = True, way: Way = "search", **more: object) -> RepairResult:
    outcome = "solved" if correct else "unsolved"
    return replace(RepairResult(id, note, way, outcome, correct, correct, 4, 5, 1.5, "search", ("op",)), **more)  # type: ignore[arg-type]


def test_modes_choose_which_tests_are_visible(file: Path, tmp_path: Path) -> None:
    (tests,), (examples,) = read_tasks(file, "tests"), read_tasks(file, "examples")
    assert not tests.hidden
    assert "test_two" not in examples.files["test_solution.py"]
    write_project(examples, tmp_path / "p")
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["solution.py", "test_solution.py"]


@pytest.mark.parametrize("text", ["{", '{"id": 1}', "[]"])
def test_a_line_that_is_no_task_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(TASK) + "\n" + text + "\n")
    with pytest.raises(UsageError, match=r"bad\.jsonl:2"):
        read_tasks(path, "tests")


def test_the_report_counts_shares_and_kinds() -> None:
    results = [result("1", "a"), result("2", "a", False), result("3", "b", operators=("op", "other"), proposer="combination")]
    told = {row.row: row for row in report({"search": results}, "tests", 60.0)}
    assert told["solved"].value == pytest.approx(2 / 3, abs=1e-3)
    assert (told["solved"].target, told["solved"].ok) == ("≥ 0.8", False)
    assert told["of a"].value == 0.5
    assert told["median candidates of the solved"].value == 4
    assert (told["solved by the first 10 candidates"].note, told["solved by the first 100 candidates"].note) == ("2 of 3", "2 of 3")
    assert (told["made by search"].note, told["2 edits"].note) == ("1 of 2", "1 of 2")
    assert (told["operator op"].note, told["operator other"].note) == ("2 of 2", "1 of 2")


def test_a_patch_that_only_passes_what_it_saw_counts_against_the_plausible() -> None:
    results = [result("1"), result("2", correct=False, plausible=True), result("3", correct=False, outcome="nothing_failing")]
    told = {row.row: row for row in report({"search": results}, "examples", 60.0)}
    assert (told["plausible"].note, told["correct of the plausible"].value) == ("2 of 3", 0.5)
    assert told["nothing failed to begin with"].note == "1 of 3"
    assert told["correct of the plausible"].ok is False


def test_the_loop_is_shown_beside_one_shot_over_the_tasks_both_worked_on() -> None:
    loop = [result("1"), result("2"), result("3", correct=False)]
    shot = [result("1", way="one-shot"), result("2", correct=False, way="one-shot")]
    told = {row.row: row for row in report({"search": loop, "one-shot": shot}, "tests", 60.0)}
    beside = told["loop beside one shot of as many candidates"]
    assert (beside.value, beside.baseline, beside.ratio) == (1.0, 0.5, 2.0)
    assert "only the loop 1, only one shot 0" in beside.note


def test_a_run_that_was_killed_while_it_wrote_carries_on(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    before = Results(file, CONDITIONS)
    before.add(result("1"))
    before.add(result("2", error="the sandbox broke"))
    with file.open("a") as out:
        out.write(json.dumps(result_row(result("3"), CONDITIONS))[:-20])
    after = Results(file, CONDITIONS)
    assert set(after.all) == {("1", "search")}, "an error and half a line are no results"
    after.add(result("3"))
    assert set(Results(file, CONDITIONS).all) == {("1", "search"), ("3", "search")}


def test_results_of_other_conditions_are_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    Results(file, CONDITIONS).add(result("1"))
    assert not Results(file, replace(CONDITIONS, seconds=30.0)).all


def test_a_file_of_something_else_is_not_written_into(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(TASK) + "\n")
    with pytest.raises(UsageError, match=r"tasks\.jsonl:1"):
        Results(file, CONDITIONS)


@pytest.mark.parametrize("mode", ["tests", "examples"])
def test_a_task_is_really_solved_and_judged(file: Path, mode: str) -> None:
    (task,) = read_tasks(file, mode)  # type: ignore[arg-type]
    solved = solve(Job(task, "search", CONDITIONS))
    assert (solved.outcome, solved.plausible, solved.correct, solved.error) == ("solved", True, True, "")
    assert solved.operators == ("arithmetic.operator",)


def test_an_operator_to_do_without_that_there_is_not_is_told_before_anything_runs(file: Path) -> None:
    with pytest.raises(UsageError, match=r"spelling: there is no such operator.* compare, arithmetic"):
        run_bench(parse(["bench", "repair", str(file), "--model", "none", "--without", "spelling"]))


@pytest.mark.parametrize("words", [["--ways", "twice"], ["--ways", "model", "--model", "none"]])
def test_ways_that_there_are_not_are_named(file: Path, words: list[str]) -> None:
    with pytest.raises(UsageError, match="--ways"):
        run_bench(parse(["bench", "repair", str(file), *words]))


def test_what_is_in_the_results_is_not_run_again(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jsonl"
    Results(out, CONDITIONS).add(result("made-up/1", "wrong operator"))
    assert run_bench(parse(["bench", "repair", str(file), "--model", "none", "--out", str(out), "--json"])) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0]["row"] == "solved"
    assert len(out.read_text().splitlines()) == 1
