"""`fix --faster` as a user runs it, in the real sandbox. Amounts of work differ clearly; no test reads a clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

SHOP = '''def distinct(items):
    """The first of each, in order."""
    found = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def divisors(n):
    count = 0
    for i in range(2, n):
        if n % i == 0:
            count += 1
    return count


def add(a, b):
    return a + b
'''
TESTS = """from shop import add, distinct, divisors


def test_distinct():
    assert distinct([3, 1, 3, 2, 1]) == [3, 1, 2]


def test_divisors():
    assert divisors(7) == 0
    assert divisors(13) == 0


def test_add():
    assert add(1, 2) == 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "shop.py").write_text(SHOP)
    (root / "test_shop.py").write_text(TESTS)
    (tmp_path / "home").mkdir()
    return root


def faster(project: Path, name: str, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status, and every row; the folder stands after the name as the documentation has it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "PYTEST", "COV"))}
    home = {**kept, "HOME": str(project.parent / "home"), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    command = [sys.executable, "-m", "refine_tui", "fix", "--faster", name, str(project), "--model", "none", "--json", *options]
    done = subprocess.run(command, env=home, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_quadratic_function_becomes_provably_faster_and_is_written_only_with_apply(project: Path) -> None:
    status, rows = faster(project, "shop.py::distinct", "--apply", "--rounds", "1", "--seconds", "200")
    end = rows[-1]
    assert (status, end["event"], end["outcome"], end["verdict"], end["flags"]) == (0, "finished", "solved", "faster", [])
    assert end["interval"][0] <= end["ratio"] <= end["interval"][1] < 1
    assert end["before"] == end["after"] == {"passed": 3, "failed": 0, "errors": 0, "skipped": 0}
    assert end["observed"] >= 20
    assert (project / "shop.py").read_text() != SHOP
    tests = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=project, capture_output=True, check=False)
    assert tests.returncode == 0


def test_a_fast_version_that_is_wrong_on_generated_inputs_is_refused(project: Path) -> None:
    """Both numbers that the tests know are primes: for those, divisors up to the square root are enough."""
    _, rows = faster(project, "shop.py::divisors", "--rounds", "1", "--seconds", "100")
    wrong = {row["operator"] for row in rows if row["event"] == "weighed" and row["verdict"] == "behaves differently"}
    assert "loop.bound" in wrong
    assert rows[-1]["refused"]["behaves differently"] >= 1
    assert "isqrt" not in rows[-1]["patch"]
    assert (project / "shop.py").read_text() == SHOP


def test_where_nothing_is_faster_it_says_so(project: Path) -> None:
    status, rows = faster(project, "shop.py::add")
    assert (status, rows[-1]["outcome"], rows[-1]["patch"], rows[-1]["ratio"]) == (1, "unsolved", "", None)
    assert rows[-1]["stop_reason"] == "no rewrite applies"


def test_what_does_not_go_with_it_is_one_sentence(project: Path) -> None:
    command = [sys.executable, "-m", "refine_tui", "fix", "--faster", "shop.py::add", "test_shop.py"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=280, check=False)
    assert (done.returncode, "only a folder" in done.stderr) == (2, True)
