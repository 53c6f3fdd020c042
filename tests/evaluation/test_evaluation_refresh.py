"""The tree changes while something runs: what runs goes on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from refine_tui.core.patch import Patch
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import Make, base_of, change, never, outcomes, write


def test_a_candidate_is_run_to_its_end_while_the_tree_changes_beside_it(tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    tests = "import time\nfrom a import f\n\n" + "".join(
        f"def test_{n}():\n    time.sleep(0.05)\n    assert f() == 2\n\n" for n in range(6)
    )
    project = write(tmp_path / "slow", a="def f():\n    return 1\n", test_a=tests)
    running = evaluator(project, isolated_sandbox)
    assert base_of(running).warm
    over = threading.Event()

    def refresh_again_and_again() -> None:
        while not over.wait(0.02):
            running.refresh()

    with ThreadPoolExecutor(1) as beside:
        busy = beside.submit(refresh_again_and_again)
        try:
            result = running.run(change(project, "a.py", "1", "2"), [f"test_a.py::test_{n}" for n in range(6)], never, limit_s=30)
        finally:
            over.set()
        busy.result()
    assert outcomes(result) == dict.fromkeys((f"test_{n}" for n in range(6)), "passed")
    assert result.warm


@pytest.mark.timeout(100)
def test_what_forks_are_denied_by_a_dependency_does_not_hide_their_end(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    """From Python 3.12 on `asyncio` does this. An end that is not noticed is waited for until the run's time is over."""
    resets = "import os\nimport signal\n\nos.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))\n"
    outside = write(tmp_path / "outside", resets=resets)
    project = write(tmp_path / "inner", test_it="import resets\n\ndef test_it():\n    assert resets\n")
    running = evaluator(project, plain_sandbox, environment={"PYTHONPATH": str(outside)})
    assert base_of(running).warm
    assert running.run(Patch(), ["test_it.py::test_it"], never, limit_s=1000.0).is_green
