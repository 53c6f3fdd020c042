from __future__ import annotations

import json
from pathlib import Path

import pytest

from refine_tui.bench.repair import RepairResult, read_tasks, rows, write_project
from refine_tui.cli.benching import solve_one
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


def result(id: str, note: str, correct: bool) -> RepairResult:
    return RepairResult(id, note, "solved" if correct else "unsolved", correct, correct, 4, 5, 1.5, "op")


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
    told = {row["row"]: row for row in rows([result("1", "a", True), result("2", "a", False), result("3", "b", True)], "tests")}
    assert told["solved"]["value"] == pytest.approx(2 / 3, abs=1e-3)
    assert (told["solved"]["target"], told["solved"]["ok"]) == ("≥ 0.6", True)
    assert told["solved: a"]["value"] == 0.5
    assert told["median candidates of the solved"]["value"] == 4


@pytest.mark.parametrize("mode", ["tests", "examples"])
def test_a_task_is_really_solved_and_judged(file: Path, mode: str) -> None:
    (task,) = read_tasks(file, mode)  # type: ignore[arg-type]
    solved = solve_one(task, model="none", seconds=60.0, seed=0)
    assert (solved.outcome, solved.plausible, solved.correct, solved.error) == ("solved", True, True, "")
