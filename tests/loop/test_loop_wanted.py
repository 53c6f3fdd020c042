"""What a target on the command line names among the tests that are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refine_tui.core.errors import UsageError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, SuiteResult
from refine_tui.core.scope import Scope
from refine_tui.core.task import Task
from refine_tui.core.text import Span
from refine_tui.loop.wanted import Wanted

IDS = ("tests::make check", "a full cart::costs", "tests/test_a.py::test_one", "tests/test_b.py::test_one", "tests/test_a.py::T::test_two")
BASE = Baseline(SuiteResult(tuple(CaseResult(node, "failed") for node in IDS)), Coverage(), False, "", "", "")


def scope(label: str) -> Scope:
    return Scope(label.partition("::")[0], label.partition("::")[2], "function", Span(0, 9), 0, 3)


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("tests::make check", ("tests::make check",)),
        ("make check", ("tests::make check",)),
        ("costs", ("a full cart::costs",)),
        ("a full cart", ("a full cart::costs",)),
        ("test_one", ("tests/test_a.py::test_one", "tests/test_b.py::test_one")),
        ("tests/test_a.py", ("tests/test_a.py::test_one", "tests/test_a.py::T::test_two")),
        ("./tests/test_a.py::T", ("tests/test_a.py::T::test_two",)),
        ("src/cart.c::total", IDS),
    ],
)
def test_a_target_is_an_id_a_name_a_file_a_group_or_code(target: str, meant: tuple[str, ...]) -> None:
    assert Wanted((target,)).targets_in(BASE, scope) == meant


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("test_three", "test_three: no such test. Tests, those that fail first: "),
        ("nosuch", "nosuch: no such test. Tests, those that fail first: "),
        ("tests/test_nope.py::test_x", "there is no test file tests/test_nope.py. Tests, those that fail first: tests/test_"),
        (
            "tests/test_a.py::test_on",
            "no such test. Tests, those that fail first: tests/test_a.py::test_one, tests/test_a.py::T::test_two.",
        ),
    ],
)
def test_a_name_that_no_test_has_is_refused_with_those_that_may_be_meant(target: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        Wanted((target,)).targets_in(BASE, scope)
    assert said in str(refused.value)


def test_failing_tests_are_named_first_and_what_is_cut_is_counted() -> None:
    cases = [CaseResult(f"test_a.py::test_{n}", "failed" if n == 6 else "passed") for n in range(8)]
    with pytest.raises(UsageError, match=r"first: test_a\.py::test_6, .*, and 3 more\."):
        Wanted(("test_a.py::test_66",)).targets_in(replace(BASE, suite=SuiteResult(tuple(cases))), scope)


@pytest.mark.parametrize(
    ("wanted", "looked_up"),
    [
        (Wanted(("cart.py::total",)), ["cart.py::total"]),
        (Wanted(scopes=("src/cart.c::total",)), ["src/cart.c::total"]),
        (Wanted(("tests/test_a.py::test_one", "costs", "a full cart::costs", "check_a.py::T::test", "check_a.py::test[1]", "a.js::x")), []),
    ],
)
def test_places_in_code_are_looked_up_before_any_test_runs(wanted: Wanted, looked_up: list[str]) -> None:
    asked: list[str] = []
    wanted.check(lambda label: asked.append(label) or scope(label))  # type: ignore[func-returns-value]
    assert asked == looked_up


def test_a_goal_stands_beside_what_the_task_is_about() -> None:
    task = Task("t1", "make test_one pass", IDS[2:3])
    wanted = Wanted(goal="an empty cart is free")
    assert wanted.applied_to(task, scope, BASE).goal == "make test_one pass (goal: an empty cart is free)"
    assert not wanted.is_spoken_of_by(task.targets, BASE)
    assert Wanted(goal="the second of the two").is_spoken_of_by(IDS[4:], BASE)
    assert Wanted(goal=wanted.goal, scopes=("cart.py::total",)).is_spoken_of_by(task.targets, BASE)


@pytest.mark.parametrize("target", ["/srv/shop", "../shop", "~/shop/tests/test_a.py"])
def test_a_path_from_outside_is_refused_before_any_test_runs(target: str) -> None:
    with pytest.raises(UsageError, match="Another project is chosen with --project"):
        Wanted((target,)).check(scope)
