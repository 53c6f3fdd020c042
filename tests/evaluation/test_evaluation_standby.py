"""A proof takes a fresh process that has imported the test runner already; what it says is what any other fresh process says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from refine_tui.core.patch import Patch
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.evaluation.inside import _cold
from refine_tui.loop.ports.running import Launch, Running, Sandbox
from tests.evaluation.evaluation_hands import Make, change, never, nothing, outcomes, write

TEST = "from add import add\n\ndef test_add():\n    assert add(1, 2) == 3\n\ndef test_other():\n    assert add(0, 0) == 0\n"
NODES = ("test_add.py::test_add", "test_add.py::test_other")


class Noting:
    """A sandbox that keeps what it started."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.level, self.can_nest, self.probes = sandbox.level, sandbox.can_nest, sandbox.probes
        self.fingerprint = sandbox.fingerprint
        self.started: list[tuple[Launch, Running]] = []

    def launch(self, launch: Launch) -> Running:
        self.started.append((launch, self._sandbox.launch(launch)))
        return self.started[-1][1]

    @property
    def fresh(self) -> list[Running]:
        """The fresh test processes, not those that the interpreter was asked in or warm parents."""
        return [running for launch, running in self.started if launch.argv[-1].endswith("_cold.py")]


@pytest.fixture
def noting(isolated_sandbox: Sandbox) -> Noting:
    return Noting(isolated_sandbox)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    found = write(tmp_path / "add", add="def add(a, b):\n    return a - b\n", test_add=TEST)
    (found / "pytest.ini").write_text("[pytest]\n")
    return found


@pytest.fixture
def tried(project: Path, noting: Noting, evaluator: Make) -> PytestEvaluator:
    """An evaluator that has run a candidate, with a process that stands by."""
    running = evaluator(project, noting)
    right = change(project, "add.py", "a - b", "a + b")
    assert outcomes(running.run(right, NODES, never, limit_s=60)) == {"test_add": "passed", "test_other": "passed"}
    assert running._standby is not None
    assert running._standby._future is not None
    running._standby._future.result()
    assert len(noting.fresh) == 1
    return running


def test_a_proof_needs_no_other_process_and_sees_its_patch_alone(project: Path, noting: Noting, tried: PytestEvaluator) -> None:
    before = (project / "add.py").read_bytes()
    right, wrong = change(project, "add.py", "a - b", "a + b"), change(project, "add.py", "a - b", "a * b")
    assert tried.confirm(right, nothing, never, limit_s=60).is_green
    assert len(noting.fresh) == 1
    assert outcomes(tried.confirm(wrong, nothing, never, limit_s=60)) == {"test_add": "failed", "test_other": "passed"}
    assert len(noting.fresh) == 2, "each serves one run"
    assert (project / "add.py").read_bytes() == before


def test_one_that_was_killed_while_it_waited_is_replaced(project: Path, noting: Noting, tried: PytestEvaluator) -> None:
    (waiting,) = noting.fresh
    waiting.kill()
    assert waiting.wait(60) is not None
    assert tried.confirm(change(project, "add.py", "a - b", "a + b"), nothing, never, limit_s=60).is_green
    assert len(noting.fresh) == 2


def test_a_patch_of_what_configures_the_runner_gets_a_process_that_starts_with_it(
    project: Path, noting: Noting, tried: PytestEvaluator
) -> None:
    found = tried.confirm(change(project, "pytest.ini", "[pytest]", "[pytest]\npython_functions = *other"), nothing, never, limit_s=60)
    assert outcomes(found) == {"test_other": "passed"}
    assert len(noting.fresh) == 2


@pytest.mark.parametrize("end", ["refresh", "close"])
def test_what_waits_ends_with_the_tree_it_began_with_and_with_the_evaluator(end: str, noting: Noting, tried: PytestEvaluator) -> None:
    (waiting,) = noting.fresh
    getattr(tried, end)()
    assert waiting.wait(60) is not None


def test_a_process_that_has_imported_something_of_the_project_does_not_wait(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    told: list[object] = []
    with pytest.raises(SystemExit):
        _cold.awaited(SimpleNamespace(owns=lambda path: path == __file__), str(project), told.append)
    assert told == []


def test_a_run_without_a_patch_has_nothing_to_prove(noting: Noting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, noting)
    running.run(Patch(), NODES, never, limit_s=60)
    assert noting.fresh == []
