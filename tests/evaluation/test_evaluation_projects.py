from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import Baseline
from refine_tui.core.patch import Patch, patch_between
from refine_tui.evaluation import interpreter
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.loop.ports.running import Sandbox

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]
PYENV = Path.home() / ".pyenv" / "versions"


def base_of(evaluator: PytestEvaluator) -> Baseline:
    return evaluator.baseline(lambda case, done, total: None, lambda: False, limit_s=60)


def empty_environment(folder: Path) -> Path:
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin" / "python"


def test_a_project_without_tests_is_an_error(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    (tmp_path / "it.py").write_text("x = 1\n")
    with pytest.raises(ProjectError, match=r"No tests found in.*--characterise FILE::FUNCTION"):
        base_of(evaluator(tmp_path, plain_sandbox))


def test_a_project_of_which_nothing_can_be_collected_is_an_error_with_the_place(
    tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox
) -> None:
    (tmp_path / "test_a.py").write_text("x = 1\nimport not_there_at_all\n")
    with pytest.raises(ProjectError, match=r"test_a.py:2: ModuleNotFoundError: No module named 'not_there_at_all'\nRan on .*/python\. Act"):
        base_of(evaluator(tmp_path, plain_sandbox))


def test_what_is_not_installed_is_told_with_the_interpreter_that_ran_and_why_it_did(
    tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (tmp_path / "test_a.py").write_text("import not_there_at_all\n")
    running = evaluator(tmp_path, plain_sandbox, Path(sys.executable))
    with pytest.raises(ProjectError, match=r"Ran on .*/python.* \(refine-tui's own: the project has no \.venv and none is active\)"):
        base_of(running)
    assert running.describe().endswith("; refine-tui's own: the project has no .venv and none is active")


def test_a_conftest_that_fails_is_an_error_with_its_reason(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    (tmp_path / "conftest.py").write_text("raise RuntimeError('no database')\n")
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    with pytest.raises(ProjectError, match="no database"):
        base_of(evaluator(tmp_path, plain_sandbox))


def test_wrong_options_of_the_project_are_an_error_with_their_name(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    with pytest.raises(ProjectError, match="no-such-option"):
        base_of(evaluator(tmp_path, plain_sandbox))


def test_an_interpreter_without_pytest_is_an_error_with_the_remedy(zoo: Copy, tmp_path: Path, sandbox: Sandbox, evaluator: Make) -> None:
    python = empty_environment(tmp_path / "env")
    with pytest.raises(ProjectError, match=f"Install it: {python} -m ensurepip, then {python} -m pip install pytest"):
        base_of(evaluator(zoo("flat"), sandbox, python))


def test_an_old_pytest_is_an_error(zoo: Copy, tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    python = empty_environment(tmp_path / "env")
    library = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")}))
    (library / "pytest.py").write_text("__version__ = '5.4.3'\n")
    with pytest.raises(ProjectError, match=r"pytest 5\.4\.3; 6 or later"):
        base_of(evaluator(zoo("flat"), plain_sandbox, python))


def test_an_interpreter_that_is_not_there_is_an_error(zoo: Copy, evaluator: Make, plain_sandbox: Sandbox) -> None:
    with pytest.raises(ProjectError, match=r"No interpreter at .*nowhere/python"):
        base_of(evaluator(zoo("flat"), plain_sandbox, Path("nowhere/python")))


def test_an_interpreter_that_does_not_start_is_an_error(zoo: Copy, tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'cannot run here' >&2; exit 3\n")
    broken.chmod(0o755)
    with pytest.raises(ProjectError, match="does not start: cannot run here"):
        base_of(evaluator(zoo("flat"), plain_sandbox, broken))


def test_an_old_python_is_an_error(zoo: Copy, evaluator: Make, plain_sandbox: Sandbox) -> None:
    old = next(iter(PYENV.glob("3.[67].*/bin/python")), None)
    if old is None:
        pytest.skip("no Python older than 3.8 on this machine")
    with pytest.raises(ProjectError, match=r"3\.8 or later is needed"):
        base_of(evaluator(zoo("flat"), plain_sandbox, old))


def test_an_installed_copy_of_the_project_is_an_error(zoo: Copy, tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    project = zoo("src_layout")
    env = tmp_path / "env"
    library = Path(sysconfig.get_path("purelib", vars={"base": str(env)}))
    venv.create(env, with_pip=False, symlinks=True)
    (library / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.copytree(project / "src" / "shop", library / "shop")
    (project / "pyproject.toml").write_text("[tool.pytest.ini_options]\ntestpaths = ['tests']\n")
    with pytest.raises(ProjectError, match=r"import shop from .*site-packages.*pip install -e"):
        base_of(evaluator(project, plain_sandbox, env / "bin" / "python"))


def test_the_interpreter_is_the_chosen_one_else_the_active_one_else_the_projects_own(tmp_path: Path) -> None:
    def make(folder: Path) -> Path:
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
        return folder / "bin" / "python"

    assert interpreter.find(tmp_path, None, {}) == Path(sys.executable)
    plain = make(tmp_path / "venv")
    assert interpreter.find(tmp_path, None, {}) == plain
    hidden = make(tmp_path / ".venv")
    assert interpreter.find(tmp_path, None, {}) == hidden
    active = make(tmp_path / "active")
    assert interpreter.find(tmp_path, None, {"VIRTUAL_ENV": str(tmp_path / "active")}) == active
    assert interpreter.find(tmp_path, Path("venv"), {"VIRTUAL_ENV": str(tmp_path / "active")}) == plain


def test_an_interpreters_folders_are_readable_but_never_the_home_folder(tmp_path: Path) -> None:
    python = empty_environment(tmp_path / "env")
    project = tmp_path / "project"
    project.mkdir()
    roots = interpreter.static_roots(project, python)
    assert tmp_path / "env" in roots
    assert any(Path(sys.base_prefix).resolve().is_relative_to(root.resolve()) for root in roots)
    assert interpreter.narrowed(project, (Path.home(), Path("/"), project / "x", tmp_path, python.parent)) == (python.parent,)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wanted", ["python 3.8", "python 3.9", "python 3.10", "python 3.12", "python 3.13", "pytest 6", "pytest 7", "pytest 8"]
)
def test_other_versions_give_the_same_evidence(wanted: str, zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    python = environment_with(wanted)
    project = zoo("flat")
    running = evaluator(project, sandbox, python)
    base = base_of(running)
    assert base.warm, base.cold_reason
    assert [case.outcome for case in base.suite.cases][:5] == ["failed", "passed", "passed", "passed", "passed"]
    assert base.suite.cases[0].values == ("-1", "3")
    assert base.coverage.lines["test_measure.py::test_add"]["measure.py"] - {1} == {0, 4, 5, 8, 12}
    assert 5 not in base.coverage.lines["test_measure.py::test_label[1-1 step]"]["measure.py"]
    text = (project / "measure.py").read_bytes()
    patch = patch_between({"measure.py": text}, {"measure.py": text.replace(b"a - b", b"a + b")})
    assert running.run(patch, [base.suite.cases[0].node_id], lambda: False, limit_s=30).is_green
    assert not running.run(Patch(), [base.suite.cases[0].node_id], lambda: False, limit_s=30).is_green
    assert base_of(evaluator((zoo("broken")), sandbox, python)).suite.counts.errors == 3


def environment_with(wanted: str) -> Path:
    """Return an interpreter that fits: of an environment named by the caller, or one that the machine has."""
    folders = [Path(one) for one in os.environ.get("REFINE_TUI_PYTHONS", "").split(os.pathsep) if one]
    for python in (*(folder / "bin" / "python" for folder in folders), *sorted(PYENV.glob("3.*/bin/python"))):
        asked = "import sys, pytest; print('python %d.%d pytest %s' % (*sys.version_info[:2], pytest.__version__.split('.')[0]))"
        found = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
        if f" {wanted} " in f" {found.stdout.strip()} ":
            return python
    pytest.skip(f"no environment with {wanted} on this machine (name some in REFINE_TUI_PYTHONS)")
