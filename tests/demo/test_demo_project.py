from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SOLUTION = Path(__file__).with_name("solution.patch")

BY_BUG = {
    "toolshed/fees.py": {
        "test_fees::test_late_days_are_kept_from_the_deposit[last grace day]",
        "test_fees::test_damage_is_kept_from_the_deposit",
        "test_fees::test_damage_on_the_last_grace_day_is_all_that_is_kept",
        "test_fees::test_damage_and_late_days_add_up",
    },
    "toolshed/loans.py": {
        "test_loans::test_a_loan_is_not_overdue_on_the_due_day",
        "test_loans::test_the_longest_overdue_comes_first",
    },
    "toolshed/members.py": {
        "test_members::test_a_neighbour_may_not_borrow_a_third_tool",
        "test_members::test_a_friend_has_up_to_four_tools",
    },
    "toolshed/periods.py": {"test_periods::test_a_period_in_weeks_and_days"},
    "toolshed/report.py": {"test_report::test_categories_go_from_a_to_z", "test_report::test_the_door_list_goes_from_a_to_z"},
}
"""The failing tests behind each planted bug, by the file that holds it."""

ALL = set[str]().union(*BY_BUG.values())


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    copy = tmp_path / "toolshed"
    shutil.copytree(CHECKOUT / "refine_tui" / "_data" / "demo", copy, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return copy


def outcomes(project: Path) -> tuple[set[str], set[str]]:
    """The passed and the failed tests of the project, as `module::name`."""
    report = project / "report.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", "tests"],
        cwd=project,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
    )
    passed, failed = set[str](), set[str]()
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('tests.')}::{case.get('name')}"
        (failed if len(case) else passed).add(name)
    return passed, failed


def apply(project: Path, *arguments: str, patch: str | None = None) -> None:
    text = SOLUTION.read_text(encoding="utf-8") if patch is None else patch
    subprocess.run(["git", "apply", *arguments, "-"], cwd=project, input=text, text=True, check=True, capture_output=True)


def test_of_thirty_tests_exactly_those_of_the_five_bugs_fail(demo: Path) -> None:
    passed, failed = outcomes(demo)
    assert failed == ALL
    assert len(passed) + len(failed) == 30


def test_the_solution_makes_every_test_pass(demo: Path) -> None:
    apply(demo)
    passed, failed = outcomes(demo)
    assert failed == set()
    assert len(passed) == 30


@pytest.mark.parametrize("path", sorted(BY_BUG))
def test_each_bug_is_solved_without_the_others(demo: Path, path: str) -> None:
    apply(demo, f"--include={path}")
    assert outcomes(demo)[1] == ALL - BY_BUG[path]


@pytest.mark.parametrize(("wrong", "right", "solved"), [("days_late >=", "days_late >", 1), ("fee - damage", "fee + damage", 2)])
def test_either_edit_of_the_two_edit_bug_improves_it(demo: Path, wrong: str, right: str, solved: int) -> None:
    fees = demo / "toolshed" / "fees.py"
    fees.write_text(fees.read_text(encoding="utf-8").replace(wrong, right), encoding="utf-8")
    failed = outcomes(demo)[1]
    assert failed < ALL
    assert len(ALL - failed) == solved
