"""What a target on the command line names among the tests that are known."""

from __future__ import annotations

import pytest

from refine_tui.core.errors import UsageError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, SuiteResult
from refine_tui.core.scope import Scope
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


def test_a_name_that_no_test_has_is_refused() -> None:
    with pytest.raises(UsageError, match="no such test"):
        Wanted(("test_three",)).targets_in(BASE, scope)
