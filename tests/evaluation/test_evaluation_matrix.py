"""The projects of the zoo in other interpreters with other pytests and the plugins that go with them: the same evidence everywhere.

The environments are made once, with pip as this machine has it configured, in `.cache/matrix` or the folder that `REFINE_TUI_MATRIX` names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.evidence import CaseResult
from refine_tui.core.patch import Patch
from refine_tui.core.suspicion import ochiai
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import base_of, change, never, nothing

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]
ENVIRONMENTS = Path(os.environ.get("REFINE_TUI_MATRIX", Path(__file__).parents[2] / ".cache" / "matrix"))
PLUGINS = ("pytest-xdist", "pytest-asyncio", "pytest-django", "django")
PAIRS = [
    ("3.8", 6),
    ("3.9", 6),
    ("3.8", 7),
    ("3.10", 7),
    ("3.11", 7),
    ("3.9", 8),
    ("3.12", 8),
    ("3.13", 8),
    ("3.10", 9),
    ("3.12", 9),
    ("3.13", 9),
    ("3.14", 9),
]
RED = {
    "flat": {"test_add"},
    "shared": {"test_first", "test_side[right]"},
    "costly": {"test_farthest"},
    "distributed": {"test_each_worker_has_its_own"},
    "transactions": {"test_put_more"},
    "asynchronous": {"test_read", "test_many[1]", "test_many[2]"},
    "django_site": {"test_take", "test_take_all"},
}
EDITS = [
    ("costly", "routes.py", "max(table[a]) + 1", "max(table[a])"),
    ("transactions", "base_plugin.py", '"ROLLBACK"', '"COMMIT"'),
    ("django_site", "stock/models.py", "self.count += wanted", "self.count -= wanted"),
]
"""The first and the last mend their project; the other lets what a test wrote reach the next one."""


def interpreter(version: str) -> str | None:
    """Return a Python of this version, or nothing where there is none."""
    built = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return str(built[-1]) if built else shutil.which(f"python{version}")


def environment(version: str, major: int, *, build: bool) -> Path:
    """Return the interpreter of an environment; skips the test, with the reason, where there is none."""
    folder = ENVIRONMENTS / f"python{version}-pytest{major}"
    python = folder / "bin" / "python"
    if not python.exists():
        source = interpreter(version)
        if source is None:
            pytest.skip(f"no Python {version} on this machine")
        if not build:
            pytest.skip(f"no environment yet with Python {version} and pytest {major}: the slow tests make it")
        install(source, folder, f"pytest>={major},<{major + 1}")
    return python


def install(source: str, folder: Path, pytest_wanted: str) -> None:
    """Make an environment whole or not at all."""
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    pip = [str(unfinished / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", pytest_wanted, *PLUGINS]
    try:
        subprocess.run([source, "-m", "venv", unfinished], check=True, capture_output=True)
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{pytest_wanted} cannot be installed here: {done.stderr.strip()[-200:]}")
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def said(case: CaseResult) -> tuple[object, ...]:
    return case.outcome, case.error, case.message, case.values, case.frames


every_pair = pytest.mark.parametrize(("version", "major"), PAIRS, ids=lambda value: str(value))


def check(name: str, project: Path, python: Path, sandbox: Sandbox, evaluator: Make) -> None:
    running = evaluator(project, sandbox, python)
    base = base_of(running, limit_s=120.0)
    cold = base.suite.by_id
    assert base.warm, base.cold_reason
    assert {node.split("::", 1)[-1] for node, case in cold.items() if case.is_red} == RED[name]
    warm = running.run(Patch(), tuple(cold), never, limit_s=60.0)
    assert (warm.warm, warm.complete) == (True, True)
    assert {node: said(case) for node, case in warm.by_id.items()} == {node: said(case) for node, case in cold.items()}
    assert set(base.coverage.lines) == set(cold)
    suspicion = ochiai(base.coverage, base.suite.red)
    assert max(suspicion.values()) > 0.5


@pytest.mark.parametrize("name", ["costly", "distributed", "transactions"])
def test_set_up_by_sessions_workers_and_plugins_counts_once(name: str, zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    if name == "distributed":
        pytest.importorskip("xdist")
    check(name, zoo(name), Path(sys.executable), sandbox, evaluator)


def test_an_environment_that_is_there_gives_the_same_evidence(zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    check("shared", zoo("shared"), environment("3.8", 6, build=False), isolated_sandbox, evaluator)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", RED)
@every_pair
def test_warm_equals_cold_in_every_environment(
    version: str, major: int, name: str, zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make
) -> None:
    check(name, zoo(name), environment(version, major, build=True), isolated_sandbox, evaluator)


@pytest.mark.slow
@pytest.mark.timeout(600)
@every_pair
def test_warm_candidates_equal_their_cold_proofs_in_every_environment(
    version: str, major: int, zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make
) -> None:
    python = environment(version, major, build=True)
    for name, path, old, new in EDITS:
        project = zoo(name)
        running = evaluator(project, isolated_sandbox, python)
        before = base_of(running, limit_s=120.0).suite
        patch = change(project, path, old, new)
        cold = running.confirm(patch, nothing, never, limit_s=60.0)
        warm = running.run(patch, tuple(before.by_id), never, limit_s=60.0)
        assert warm.warm
        proof = {node: said(case) for node, case in cold.by_id.items()}
        assert {node: said(case) for node, case in warm.by_id.items()} == proof
        assert {node: said(case) for node, case in before.by_id.items()} != proof


@pytest.mark.slow
@pytest.mark.timeout(600)
@every_pair
def test_a_bug_is_fixed_by_search_in_every_environment(version: str, major: int, zoo: Copy, tmp_path: Path) -> None:
    python = environment(version, major, build=True)
    project, home = zoo("flat"), tmp_path / "home"
    config = home / ".config" / "refine-tui"
    config.mkdir(parents=True)
    (config / "refine.toml").write_text(f"[project]\npython = {json.dumps(str(python))}\n")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST", "COV", "VIRTUAL_ENV"))}
    command = [sys.executable, "-m", "refine_tui", "fix", "--model", "none", "--json", "--project", str(project)]
    done = subprocess.run(command, env={**own, "HOME": str(home)}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    end = json.loads(done.stdout.splitlines()[-1])
    assert (end["outcome"], end["after"]["failed"]) == ("solved", 0)
