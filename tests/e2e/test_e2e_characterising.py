"""`fix --characterise` as a user runs it, in the real sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

SHOP = """import time


class Sold(Exception):
    pass


class Cart:
    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add(self, name, price=1.0):
        if price < 0:
            raise ValueError(f"negative: {price}")
        if name in self.items:
            raise Sold(name)
        self.items.append(name)


def grade(points):
    if points < 0:
        raise ValueError("below nothing")
    if points > 90:
        return "best"
    return "good" if points > 50 else None


def stamp(text):
    return f"{time.time()} {text}"
"""
TESTS = """from shop import Cart


def test_cart():
    cart = Cart("me")
    cart.add("pen")
    assert cart.items == ["pen"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (root / "shop.py").write_text(SHOP)
    (root / "tests" / "test_shop.py").write_text(TESTS)
    (tmp_path / "home").mkdir()
    return root


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "PYTEST", "COV"))}
    home = {**kept, "HOME": str(project.parent / "home"), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    command = [sys.executable, "-m", "refine_tui", *arguments]
    return subprocess.run(command, env=home, capture_output=True, text=True, timeout=280, check=False)


def characterise(project: Path, name: str, *options: str) -> tuple[int, dict[str, Any]]:
    done = run(project, "fix", "--characterise", name, str(project), "--model", "none", "--seconds", "250", "--json", *options)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def passes(project: Path, seed: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=project, env=env, capture_output=True, check=False).returncode == 0


def tree(project: Path) -> dict[str, bytes]:
    return {str(file.relative_to(project)): file.read_bytes() for file in project.rglob("*") if file.is_file()}


def test_a_function_without_tests_gets_some_that_pass_and_they_are_written_only_when_asked_for(project: Path) -> None:
    before = tree(project)
    status, end = characterise(project, "shop.py::grade")
    assert (status, end["event"], end["outcome"]) == (0, "finished", "solved")
    assert tree(project) == before
    assert end["lines"] == {"reached": 5, "all": 5}
    assert end["after"]["passed"] == 1 + len(end["tests"])
    assert "+++ b/tests/test_shop_grade.py" in end["patch"]
    for line in (" is None", '== "best"', '== "good"', 'pytest.raises(ValueError, match="below nothing")'):
        assert line in end["patch"]
    subprocess.run(["git", "apply", "-"], cwd=project, input=end["patch"], text=True, check=True)
    assert passes(project, "11")


def test_a_method_is_called_on_objects_as_the_tests_make_them_written_and_undone(project: Path) -> None:
    before = tree(project)
    status, _ = characterise(project, "shop.py::Cart.add", "--apply")
    assert status == 0
    written = (project / "tests" / "test_shop_cart_add.py").read_text()
    assert 'cart = Cart("me")' in written
    assert "pytest.raises(Sold" in written
    assert "from shop import Cart, Sold" in written
    assert passes(project, "12")
    assert "tests/test_shop_cart_add.py" in run(project, "history", "--project", str(project)).stdout
    assert run(project, "undo", "--project", str(project)).returncode == 0
    assert {path: text for path, text in tree(project).items() if "__pycache__" not in path} == before
    assert run(project, "redo", "--project", str(project)).returncode == 0
    assert (project / "tests" / "test_shop_cart_add.py").read_text() == written
    status, again = characterise(project, "shop.py::Cart.add", "--apply")
    assert (status, again["patch"], again["tests"]) == (1, "", [])
    assert "nothing new to hold" in again["stop_reason"]


def test_what_depends_on_the_clock_is_left_out_and_counted(project: Path) -> None:
    status, end = characterise(project, "shop.py::stamp")
    assert (status, end["outcome"], end["patch"], end["tests"]) == (1, "unsolved", "", [])
    assert end["left_out"] == {"it reads the clock": end["calls"]}
    assert "it reads the clock" in end["stop_reason"]


def test_what_is_asked_for_wrongly_says_what_to_do(project: Path) -> None:
    for name, said in (
        ("shop.py::Cart", "Name a function or a method"),
        ("shop.py::nothing", "It has"),
        ("tests/test_shop.py::test_cart", "Name"),
    ):
        done = run(project, "fix", "--characterise", name, str(project), "--model", "none")
        assert done.returncode in (2, 3)
        assert said in done.stderr
    assert run(project, "fix", "--characterise", "shop.py::grade", "--faster", "shop.py::grade").returncode == 2
