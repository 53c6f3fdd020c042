"""Projects with unittest tests whose interpreter has no pytest: the same evidence, ids and coverage as pytest gives for them."""

from __future__ import annotations

import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.patch import Patch
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import base_of, change, never, outcomes

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]
PROJECTS = ("unittest_style", "unittest_shared")


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests' own Python in an environment with nothing installed."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin" / "python"


def said(result: SuiteResult) -> dict[str, tuple[object, ...]]:
    return {case.node_id: (case.outcome, case.error, case.values, case.frames) for case in result.cases}


@pytest.mark.parametrize("name", PROJECTS)
def test_unittest_says_what_pytest_says(name: str, zoo: Copy, sandbox: Sandbox, evaluator: Make, bare_python: Path) -> None:
    project = zoo(name)
    ours, theirs = base_of(evaluator(project, sandbox, bare_python)), base_of(evaluator(project, sandbox))
    assert (ours.runner, theirs.runner.split()[0]) == ("unittest", "pytest")
    assert {node: case.outcome for node, case in ours.suite.by_id.items()} == {n: c.outcome for n, c in theirs.suite.by_id.items()}
    for node, case in theirs.suite.by_id.items():
        if case.outcome == "failed" and case.error != "Failed":  # which pytest makes of an unexpected success
            assert said(ours.suite)[node] == said(theirs.suite)[node]
            assert ours.suite.by_id[node].message.split(" (")[0] == case.message.split(" (")[0]
    assert any("only pytest finds" in note for note in ours.notes)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_warm_run_of_unittest_says_what_a_cold_run_says(
    name: str, zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make, bare_python: Path
) -> None:
    running = evaluator(zoo(name), isolated_sandbox, bare_python)
    base = base_of(running)
    assert base.warm, base.cold_reason
    warm = running.run(Patch(), tuple(base.suite.by_id), never, limit_s=30)
    assert warm.warm
    assert said(warm) == said(base.suite)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13", "3.14"])
def test_other_interpreters_give_the_same_evidence(
    version: str, zoo: Copy, tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make, bare_python: Path
) -> None:
    python = next(iter((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python")), None)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    subprocess.run([python, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    project = zoo("unittest_shared")
    running = evaluator(project, isolated_sandbox, tmp_path / "env" / "bin" / "python")
    base, known = base_of(running), base_of(evaluator(project, isolated_sandbox, bare_python))
    assert base.warm, base.cold_reason
    assert outcomes(base.suite) == outcomes(known.suite)
    assert said(running.run(Patch(), tuple(base.suite.by_id), never, limit_s=30)) == said(base.suite)
    assert [case.message for case in base.suite.cases] == [case.message for case in known.suite.cases]
    assert base.coverage.lines == known.coverage.lines


def test_each_test_is_traced_with_what_its_class_sets_up(zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make, bare_python: Path) -> None:
    lines = base_of(evaluator(zoo("unittest_shared"), isolated_sandbox, bare_python)).coverage.lines
    on_board = lines["checks/test_ferry.py::OnBoard::test_weight"]["ferry.py"]
    assert {10, 13, 17} <= on_board  # board, weight, and the timetable of setUpClass
    assert 21 not in on_board
    assert 17 not in lines["checks/test_ferry.py::Waits::test_answer"]["ferry.py"]


def test_a_patch_is_run_warm_and_proven_cold(zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make, bare_python: Path) -> None:
    project = zoo("unittest_style")
    running = evaluator(project, isolated_sandbox, bare_python)
    base = base_of(running)
    patch = change(project, "stack.py", "pop(0)", "pop()")
    red = "test_stack.py::StackTest::test_pop_returns_last"
    assert running.run(patch, (red,), never, limit_s=30).is_green
    assert "test_stack.py::StackTest::test_empty" in running.affected(base.coverage, patch)
    proof = running.confirm(patch, lambda *_: None, never, limit_s=60)
    assert proof.complete
    assert proof.by_id[red].outcome == "passed"


def test_a_test_that_hangs_is_interrupted_also_while_its_class_is_set_up(
    tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make, bare_python: Path
) -> None:
    (tmp_path / "test_slow.py").write_text(
        "import unittest\n\nclass A(unittest.TestCase):\n"
        "    def test_a(self):\n        while True:\n            pass\n\n    def test_b(self):\n        pass\n\n"
        "class B(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        while True:\n            pass\n\n"
        "    def test_c(self):\n        pass\n\n"
        "class C(unittest.TestCase):\n    def test_d(self):\n        import os\n        os._exit(3)\n"
    )
    base = base_of(evaluator(tmp_path, isolated_sandbox, bare_python, test_limit_s=1.0))
    assert outcomes(base.suite) == {"A::test_a": "failed", "A::test_b": "passed", "B::test_c": "error", "C::test_d": "error"}
    assert base.suite.by_id["test_slow.py::A::test_a"].timed_out
    assert base.suite.by_id["test_slow.py::B::test_c"].timed_out
    assert base.suite.by_id["test_slow.py::C::test_d"].error == "Crash"


def test_tests_below_a_plain_folder_are_found_and_broken_files_are_told(
    tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make, bare_python: Path
) -> None:
    (tmp_path / "tests").mkdir()
    one = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n"
    (tmp_path / "tests" / "test_it.py").write_text(one)
    (tmp_path / "tests" / "test_no.py").write_text("import unittest\nfrom it import gone\n")
    (tmp_path / "it.py").write_text("x = 1\n")
    base = base_of(evaluator(tmp_path, isolated_sandbox, bare_python))
    assert {node: (case.outcome, case.error) for node, case in base.suite.by_id.items()} == {
        "tests/test_it.py::A::test_a": ("passed", ""),
        "tests/test_no.py": ("error", "ImportError"),
    }


def test_without_pytest_and_without_unittest_tests_the_remedy_is_named(
    zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make, bare_python: Path
) -> None:
    with pytest.raises(ProjectError, match=r"no tests for unittest .* -m pip install pytest"):
        base_of(evaluator(zoo("flat"), isolated_sandbox, bare_python))


def test_what_only_pytest_can_do_is_refused_with_the_remedy(
    zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make, bare_python: Path
) -> None:
    with pytest.raises(ProjectError, match=r"has no pytest, by which single functions are watched.* -m pip install pytest"):
        evaluator(zoo("unittest_style"), isolated_sandbox, bare_python).observer()
