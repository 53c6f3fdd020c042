"""A proof is of one tree: when a source is saved while it runs, it is stale, and the tests are run again first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.evidence import CaseResult
from tests.evaluation.conftest import real_sandbox
from tests.evaluation.evaluation_hands import Make, base_of, change, write


def saver(project: Path, times: int) -> tuple[Callable[[CaseResult, int, int], None], list[str]]:
    """Return a listener that saves a file at each of the first results, and the list of what it heard."""
    heard: list[str] = []

    def on_case(case: CaseResult, done: int, total: int) -> None:
        heard.append(case.node_id)
        if len(heard) <= times:
            (project / "data.json").write_text("x" * len(heard))

    return on_case, heard


@pytest.mark.parametrize(("saved", "stopped"), [(0, ""), (1, "stale")])
def test_a_proof_is_stale_when_the_tree_moved_meanwhile(saved: int, stopped: str, tmp_path: Path, evaluator: Make) -> None:
    project = write(tmp_path / "one", a="def f():\n    return 1\n", test_a="from a import f\n\ndef test_f():\n    assert f() == 2\n")
    running = evaluator(project, real_sandbox())
    base_of(running)
    on_case, heard = saver(project, saved)

    suite = running.confirm(change(project, "a.py", "1", "2"), on_case, lambda: False, limit_s=30)

    assert (len(heard), suite.stopped, suite.is_green) == (1, stopped, not stopped)
