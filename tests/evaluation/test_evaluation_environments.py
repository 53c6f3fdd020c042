"""An environment that lies in the project, as most do, serves a warm parent as well as one that lies elsewhere."""

from __future__ import annotations

import shutil
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.patch import Patch
from refine_tui.evaluation import interpreter
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import base_of, change, never, outcomes, write

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]
PLUGIN = "import pytest\n\n@pytest.fixture\ndef answer():\n    return 42\n"


def own_environment(project: Path, lean_python: Path, name: str = ".venv") -> Path:
    """Give the project an environment with pytest; return its interpreter."""
    shutil.copytree(lean_python.parent.parent, project / name, symlinks=True)
    return project / name / "bin" / "python"


def library_of(python: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(python.parent.parent)}))


@pytest.mark.parametrize("name", [".venv", "env"])
def test_a_project_with_its_own_environment_runs_warm(
    name: str, zoo: Copy, lean_python: Path, isolated_sandbox: Sandbox, evaluator: Make
) -> None:
    project = zoo("flat")
    running = evaluator(project, isolated_sandbox, own_environment(project, lean_python, name))
    base = base_of(running)
    assert base.warm, base.cold_reason

    node = "test_measure.py::test_add"
    fixed = running.run(change(project, "measure.py", "a - b", "a + b"), [node], never, limit_s=30)
    assert (fixed.warm, outcomes(fixed)) == (True, {"test_add": "passed"})
    assert outcomes(running.run(Patch(), [node], never, limit_s=30)) == {"test_add": "failed"}


def test_plugins_of_the_own_environment_are_there_in_a_warm_run(
    tmp_path: Path, lean_python: Path, isolated_sandbox: Sandbox, evaluator: Make
) -> None:
    project = write(tmp_path / "plugged", test_it="def test_it(answer):\n    assert answer == 42\n")
    python = own_environment(project, lean_python)
    (library_of(python) / "answers.py").write_text(PLUGIN)
    facts = library_of(python) / "answers-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: answers\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[pytest11]\nanswers = answers\n")
    running = evaluator(project, isolated_sandbox, python)
    base = base_of(running)
    assert base.warm, base.cold_reason
    result = running.run(Patch(), ["test_it.py::test_it"], never, limit_s=30)
    assert (result.warm, outcomes(result)) == (True, {"test_it": "passed"})


@pytest.mark.parametrize("own", [True, False])
def test_a_project_that_is_installed_editable_runs_warm(
    own: bool, zoo: Copy, tmp_path: Path, lean_python: Path, isolated_sandbox: Sandbox, evaluator: Make
) -> None:
    project = zoo("src_layout")
    (project / "pyproject.toml").write_text("[tool.pytest.ini_options]\ntestpaths = ['tests']\n")
    python = own_environment(project if own else tmp_path, lean_python)
    (library_of(python) / "__editable__.shop.pth").write_text(f"{project / 'src'}\n")
    running = evaluator(project, isolated_sandbox, python)
    base = base_of(running)
    assert base.warm, base.cold_reason
    warm = running.run(Patch(), tuple(base.suite.by_id), never, limit_s=30)
    assert (warm.warm, outcomes(warm)) == (True, outcomes(base.suite))


def test_a_project_with_an_empty_environment_runs_its_unittest_tests_warm(zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("unittest_style")
    venv.create(project / ".venv", with_pip=False, symlinks=True)
    base = base_of(evaluator(project, isolated_sandbox, project / ".venv" / "bin" / "python"))
    assert (base.runner, base.warm) == ("unittest", True), base.cold_reason


def test_an_environment_elsewhere_that_the_project_links_to_is_used(
    zoo: Copy, lean_python: Path, isolated_sandbox: Sandbox, evaluator: Make
) -> None:
    project = zoo("flat")
    (project / ".venv").symlink_to(lean_python.parent.parent)
    base = base_of(evaluator(project, isolated_sandbox, interpreter.find(project, None, {})))
    assert (base.runner.split()[0], base.warm) == ("pytest", True), base.cold_reason
