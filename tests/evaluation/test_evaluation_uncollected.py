"""Tests that cannot be collected since the project's own code is broken: a base to repair, not a reason to refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import Make, base_of, change, never, nothing, write

TESTS = "from shop import total\n\ndef test_two():\n    assert total(1, 2) == 3\n\ndef test_none():\n    assert total(0, 0) == 0\n"


@pytest.mark.parametrize(
    ("code", "error", "old", "new"),
    [
        ("def total(a, b)\n    return a + b\n", "SyntaxError", "b)\n", "b):\n"),
        ("def total(a, b):\nreturn a + b\n", "IndentationError", "return", "    return"),
        ("LIMIT = maxx(1, 2)\n\n\ndef total(a, b):\n    return a + b\n", "NameError", "maxx", "max"),
        ("def totl(a, b):\n    return a + b\n", "ImportError", "totl", "total"),
    ],
)
def test_the_file_is_in_error_and_fixed_once_its_tests_pass(
    tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox, code: str, error: str, old: str, new: str
) -> None:
    project = write(tmp_path, shop=code, test_shop=TESTS)
    made = evaluator(project, plain_sandbox)
    base = base_of(made)
    (case,) = base.suite.cases
    assert (case.node_id, case.outcome, case.error) == ("test_shop.py", "error", error)
    patch = change(project, "shop.py", old, new)
    ran = made.run(patch, ("test_shop.py",), never, limit_s=20)
    assert ran.complete
    assert {node: found.outcome for node, found in ran.by_id.items()} == {
        "test_shop.py::test_two": "passed",
        "test_shop.py::test_none": "passed",
    }
    assert made.confirm(patch, nothing, never, limit_s=30).is_green


def test_a_file_that_cannot_be_parsed_is_named_when_a_test_imports_it_as_well(
    tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox
) -> None:
    test = "def test_two():\n    from shop import total\n    assert total(1, 2) == 3\n"
    (case,) = base_of(
        evaluator(write(tmp_path, shop="X = 1\ndef total(a, b)\n    return a + b\n", test_shop=test), plain_sandbox)
    ).suite.cases
    assert (case.node_id, case.error) == ("test_shop.py::test_two", "SyntaxError")
    assert (case.frames[-1].path, case.frames[-1].line) == ("shop.py", 1)
