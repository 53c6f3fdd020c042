"""`refine-tui fix` on projects in other languages: the real command line, sandbox and toolchain; what is missing here is skipped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ZOO = Path(__file__).parents[1] / "zoo"
pytestmark = pytest.mark.e2e


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST", "COV"))}
    return {**kept, "HOME": str(folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


def run(home: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "refine_tui", *arguments]
    return subprocess.run(command, env=home, capture_output=True, text=True, timeout=300, check=False)


def laid_out(name: str, home: dict[str, str], tmp_path: Path) -> Path:
    """Copy a project of the zoo; its settings become the user's own, since nobody trusts the copy."""
    project = Path(shutil.copytree(ZOO / name, tmp_path / name))
    config = Path(home["HOME"]) / ".config" / "refine-tui"
    config.mkdir(parents=True)
    own = project / "refine.toml"
    (config / "refine.toml").write_text(own.read_text() + "\n[budget]\nseconds = 240\n")  # a busy machine compiles slowly
    own.unlink()
    return project


def tree(project: Path) -> dict[str, bytes]:
    return {str(path.relative_to(project)): path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "programs", "path"),
    [
        ("c_make", ("gcc", "make"), "shelf.c"),
        ("shell_script", ("sh",), "rates.py"),
        pytest.param("node_test", ("node",), "cart.js", marks=pytest.mark.slow),
        pytest.param("rust_cargo", ("cargo",), "src/lib.rs", marks=pytest.mark.slow),
        pytest.param("java_plain", ("java", "javac"), "Parcel.java", marks=pytest.mark.slow),
        pytest.param("cpp_make", ("g++", "make"), "span.hpp", marks=pytest.mark.slow),
        pytest.param("go_mod", ("go",), "queue.go", marks=pytest.mark.slow),
    ],
)
def test_a_bug_is_fixed_by_search_and_the_patch_holds_outside_too(
    name: str, programs: tuple[str, ...], path: str, home: dict[str, str], tmp_path: Path
) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} on this machine")
    project = laid_out(name, home, tmp_path)
    before = tree(project)
    done = run(home, "fix", "--model", "none", "--json", "--project", str(project))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    end = json.loads(done.stdout.splitlines()[-1])
    assert (end["outcome"], end["after"]["failed"]) == ("solved", 0)
    assert tree(project) == before
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "apply", "-"], cwd=project, input=end["patch"].encode(), check=True)
    assert {file for file, content in tree(project).items() if before.get(file) != content and not file.startswith(".git/")} == {path}
    line = tomllib.loads((ZOO / name / "refine.toml").read_text())["test"]["command"]
    outside = subprocess.run(line, shell=True, cwd=project, capture_output=True, check=False)
    assert outside.returncode == 0, outside.stdout


def test_a_python_project_without_pytest_is_fixed_by_its_unittest_tests(home: dict[str, str], tmp_path: Path) -> None:
    project = Path(shutil.copytree(ZOO / "unittest_style", tmp_path / "stack"))
    venv.create(project / ".venv", with_pip=False, symlinks=True)
    home.pop("VIRTUAL_ENV", None)
    red = "test_stack.py::StackTest::test_pop_returns_last"
    done = run(home, "fix", red, "--seconds", "250", "--model", "none", "--json", "--project", str(project))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    end = json.loads(done.stdout.splitlines()[-1])
    assert end["outcome"] == "solved"
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "apply", "-"], cwd=project, input=end["patch"].encode(), check=True)
    command = [str(project / ".venv" / "bin" / "python"), "-m", "unittest", "test_stack.StackTest.test_pop_returns_last"]
    assert subprocess.run(command, cwd=project, capture_output=True, check=False).returncode == 0


def test_a_project_in_another_language_is_told_what_to_write(home: dict[str, str], tmp_path: Path) -> None:
    project = Path(shutil.copytree(ZOO / "go_mod", tmp_path / "queue"))
    (project / "refine.toml").unlink()
    for command in (("doctor",), ("eval",), ("fix", "--model", "none")):
        done = run(home, *command, "--project", str(project))
        said = done.stdout + done.stderr
        assert 'command = "go test -v ./..."' in said
        assert "Traceback" not in said
        assert done.returncode == (0 if command == ("doctor",) else 2)


def test_eval_says_what_runs_the_tests(home: dict[str, str], tmp_path: Path) -> None:
    project = laid_out("shell_script", home, tmp_path)
    done = run(home, "eval", "--json", "--project", str(project))
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["tools"]["tests"] == "sh check.sh"
    assert [case["id"] for case in found["cases"]] == ["tests::sh check.sh"]
