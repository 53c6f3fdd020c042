"""A command of the user's that a change must not make slower."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.evidence import GateResult
from refine_tui.core.patch import patch_between
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.loop.ports.running import Sandbox

Make = Callable[..., PytestEvaluator]
COUNTS = "n=$(cat rounds); test $n -gt 0 || exit 1; while [ $n -gt 0 ]; do n=$((n - 1)); done"
"""Takes as long as the number in a file says; what is no number makes it fail."""
FEW, MANY = b"100", b"40000"


@pytest.fixture
def timed(tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make) -> Callable[[bytes, bytes], GateResult]:
    """Compare the command with one number in the file and with another."""

    def compare(before: bytes, after: bytes) -> GateResult:
        (tmp_path / "counting").mkdir()
        (tmp_path / "counting" / "rounds").write_bytes(before)
        running = evaluator(tmp_path / "counting", isolated_sandbox, timed=(COUNTS,))
        (found,) = running.gates(patch_between({"rounds": before}, {"rounds": after}))
        return found

    return compare


def test_a_change_that_makes_a_command_slower_counts_against_it(timed: Callable[[bytes, bytes], GateResult]) -> None:
    found = timed(FEW, MANY)
    assert (found.kind, found.ok, found.ran) == ("command", False, True)
    assert found.summary.startswith("slower: ")


def test_a_change_that_makes_it_faster_is_told(timed: Callable[[bytes, bytes], GateResult]) -> None:
    found = timed(MANY, FEW)
    assert found.ok
    assert found.summary.startswith("faster: ")


def test_a_command_that_fails_with_the_change_counts_against_it(timed: Callable[[bytes, bytes], GateResult]) -> None:
    found = timed(FEW, b"x y")
    assert not found.ok
    assert found.summary.startswith("fails: ")


def test_a_command_that_fails_without_the_change_says_nothing(timed: Callable[[bytes, bytes], GateResult]) -> None:
    found = timed(b"x y", FEW)
    assert (found.ok, found.ran) == (True, False)
    assert found.summary.startswith("could not be timed: ")
