"""The command line as a user runs it: a real process on the real demo, in the real sandbox."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import refine_tui

DEMO = Path(refine_tui.__file__).parent / "_data" / "demo"
GENEROUS = ("--seconds", "250")
"""A busy machine takes several times as long; what is solved earlier ends earlier."""
LOANS = "tests/test_loans.py"
pytestmark = pytest.mark.e2e


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return home_in(tmp_path)


def home_in(place: Path) -> dict[str, str]:
    """Return an environment with an empty home folder."""
    folder = place / "home"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST", "COV"))}
    return {**kept, "HOME": str(folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return demo_in(tmp_path)


def demo_in(place: Path) -> Path:
    return Path(shutil.copytree(DEMO, place / "shed", ignore=shutil.ignore_patterns("__pycache__")))


@dataclass(frozen=True)
class Fix:
    """How a repair of the demo's loans ended, and the demo before it and after."""

    demo: Path
    before: dict[str, bytes]
    after: dict[str, bytes]
    end: dict[str, Any]


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Fix:
    place = tmp_path_factory.mktemp("fixed")
    demo = demo_in(place)
    before = snapshot(demo)
    done = run(home_in(place), "fix", LOANS, *GENEROUS, "--model", "none", "--json", "--project", str(demo))
    assert done.returncode == 0, done.stderr
    return Fix(demo, before, snapshot(demo), last_row(done))


def run(home: dict[str, str], *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "refine_tui", *arguments]
    return subprocess.run(command, env=home, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def last_row(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_boundary_bug_is_fixed_the_patch_applies_with_git_and_the_tree_stays_as_it_was(fixed: Fix) -> None:
    demo, end = fixed.demo, fixed.end
    assert (end["event"], end["outcome"], end["model"]) == ("finished", "solved", "none")
    assert set(end) >= {
        "patch",
        "before",
        "after",
        "rounds",
        "candidates",
        "executions",
        "seconds",
        "tokens",
        "sandbox",
        "flags",
        "handoff",
        "stop_reason",
    }
    assert fixed.after == fixed.before
    subprocess.run(["git", "init", "-q"], cwd=demo, check=True)
    subprocess.run(["git", "apply", "-"], cwd=demo, input=end["patch"].encode(), check=True)
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", LOANS], cwd=demo, capture_output=True, check=False
    )
    assert tests.returncode == 0


def test_apply_writes_and_undo_and_redo_lead_back_and_forth(home: dict[str, str], demo: Path) -> None:
    before = snapshot(demo)
    assert run(home, "fix", LOANS, *GENEROUS, "--model", "none", "--apply", "--project", str(demo)).returncode == 0
    after = snapshot(demo)
    assert [path for path in before if before[path] != after[path]] == ["toolshed/loans.py"]
    history = json.loads(run(home, "history", "--json", "--project", str(demo)).stdout)
    assert [(row["id"], row["undone"]) for row in history["applications"]] == [(1, False)]
    assert run(home, "undo", "--project", str(demo)).returncode == 0
    assert snapshot(demo) == before
    assert run(home, "redo", "--project", str(demo)).returncode == 0
    assert snapshot(demo) == after


def test_the_same_seed_gives_the_same_patch(home: dict[str, str], demo: Path, fixed: Fix) -> None:
    again = last_row(run(home, "fix", LOANS, *GENEROUS, "--model", "none", "--json", "--project", str(demo)))
    assert again["patch"] == fixed.end["patch"] != ""
    assert again["candidates"] == fixed.end["candidates"]


def test_eval_tells_what_fails_in_one_document(home: dict[str, str], demo: Path) -> None:
    done = run(home, "eval", "--json", "--project", str(demo))
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["tests"]["passed"] + document["tests"]["failed"] == 30
    red = [case for case in document["cases"] if case["outcome"] == "failed"]
    assert len(red) == document["tests"]["failed"]
    assert all(case["message"] for case in red)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ({"a.py": "x = 1\n"}, 2, "no tests"),
        ({"test_a.py": "import nowhere_at_all\n\ndef test_a():\n    pass\n"}, 2, "nowhere_at_all"),
        ({"test_a.py": "def test_a(:\n"}, 2, "test_a.py"),
        ({"refine.toml": "[test]\ntimeoot = 1\n", "test_a.py": "def test_a():\n    pass\n"}, 2, "timeoot"),
        ({"refine.toml": "[test\n", "test_a.py": "def test_a():\n    pass\n"}, 2, "TOML"),
    ],
)
def test_what_cannot_be_worked_on_is_one_sentence_and_status_2(
    home: dict[str, str], tmp_path: Path, files: dict[str, str], status: int, words: str
) -> None:
    project = write(tmp_path / "p", files)
    done = run(home, "fix", "--model", "none", "--project", str(project))
    assert done.returncode == status, done.stderr
    assert words.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_a_missing_folder_a_missing_model_and_a_file_that_is_no_model_are_said(home: dict[str, str], demo: Path, tmp_path: Path) -> None:
    missing = run(home, "fix", "--project", str(tmp_path / "nowhere"))
    assert (missing.returncode, "no such folder" in missing.stderr) == (2, True)
    unknown = run(home, "fix", "--model", "no-such-model", "--project", str(demo))
    assert unknown.returncode != 0
    assert "no-such-model" in unknown.stderr
    (tmp_path / "fake.gguf").write_bytes(b"this is not a model")
    fake = run(home, "models", "show", str(tmp_path / "fake.gguf"))
    assert fake.returncode != 0
    assert "GGUF" in fake.stderr


def test_a_project_without_failures_has_nothing_to_fix(home: dict[str, str], tmp_path: Path) -> None:
    project = write(tmp_path / "p", {"test_a.py": "def test_a():\n    assert True\n"})
    done = run(home, "fix", "--model", "none", "--json", "--project", str(project))
    assert (done.returncode, last_row(done)["outcome"]) == (0, "nothing_failing")


def test_a_second_instance_is_refused_in_words(home: dict[str, str], demo: Path) -> None:
    command = [sys.executable, "-m", "refine_tui", "fix", "--model", "none", "--apply", "--json", "--project", str(demo)]
    with subprocess.Popen(command, env=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        assert first.stdout is not None
        first.stdout.readline()
        second = run(home, "fix", "--model", "none", "--apply", "--project", str(demo))
        first.send_signal(signal.SIGINT)
        first.wait(200)
    assert second.returncode == 3
    assert str(first.pid) in second.stderr


def test_ctrl_c_ends_with_130_a_last_row_and_nothing_written(home: dict[str, str], demo: Path) -> None:
    before = snapshot(demo)
    command = [sys.executable, "-m", "refine_tui", "fix", "--model", "none", "--json", "--apply", "--project", str(demo)]
    with subprocess.Popen(command, env=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        rows = []
        for line in process.stdout:
            rows.append(json.loads(line))
            if rows[-1]["event"] == "candidate":
                process.send_signal(signal.SIGINT)
                break
        rows += [json.loads(line) for line in process.stdout]
    assert process.returncode == 130
    assert rows[-1]["outcome"] == "cancelled"
    assert snapshot(demo) == before


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from refine_tui.cli.parser import parse\n"
        "try: parse(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("textual", "llama_cpp", "tree_sitter", "sqlite3", "numpy", "jinja2", "asyncio"):
        assert f"'{heavy}'" not in done.stderr
    for command in ("fix", "eval", "history", "undo", "redo", "models", "doctor", "where", "demo"):
        assert command in done.stdout
    assert "learn" not in done.stdout


@pytest.mark.parametrize("runner", ["pytest", "unittest"])
def test_a_project_with_an_environment_of_its_own_runs_warm(runner: str, home: dict[str, str], tmp_path: Path) -> None:
    project = tmp_path / "own"
    venv.create(project / ".venv", with_pip=False, symlinks=True)
    if runner == "pytest":
        library = Path(sysconfig.get_path("purelib", vars={"base": str(project / ".venv")}))
        (library / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (project / "half.py").write_text("def half(n):\n    return n * 2\n")
    case = "class TestHalf(unittest.TestCase):\n    def test_half(self):\n        self.assertEqual(half.half(4), 2)\n"
    (project / "test_half.py").write_text(f"import unittest\nimport half\n\n{case}")
    home.pop("VIRTUAL_ENV", None)
    done = run(home, "fix", "--model", "none", "--json", "--project", str(project))
    survey = next(row for row in map(json.loads, done.stdout.splitlines()) if row["event"] == "survey_finished")
    assert (survey["warm"], survey["cold_reason"], survey["counts"]["failed"]) == (True, "", 1), done.stderr
