from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from refine_tui.bootstrap import Project
from refine_tui.cli import fixing, main
from refine_tui.core.patch import Patch
from refine_tui.core.settings import Settings
from refine_tui.loop.ports.keeping import Application
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.session import Session
from refine_tui.prompting.profiles import LineEdit, profile_for
from refine_tui.syntax import TreeSitter
from tests.loop.loop_fakes import ForkEvaluator, MemoryJournal, MemoryWorkspace

CLAMP = """def clamp(value, low, high):
    if value < low:
        return high
    if value > high:
        return high
    return value
"""
CLAMP_TESTS = """from clamp import clamp

def test_low():
    assert clamp(-5, 0, 10) == 0

def test_high():
    assert clamp(50, 0, 10) == 10
"""
CLAMP_PROJECT = {"clamp.py": CLAMP, "test_clamp.py": CLAMP_TESTS}


class Ticking:
    """A clock that counts how often it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.1
        return self.now


class Shop:
    """A session on a project in memory."""

    def __init__(self, files: dict[str, str], **changed: Any) -> None:
        self.workspace = MemoryWorkspace(files)
        self.evaluator = ForkEvaluator(self.workspace)
        self.clock = Ticking()
        self.settings = changed.pop("settings", Settings())
        kept: dict[str, Any] = {"journal": MemoryJournal(), "generator": None, "profile": profile_for, **changed}
        self.parts = Parts(
            self.workspace,
            self.evaluator,
            TreeSitter(),
            kept["journal"],
            self.clock,
            kept["generator"],
            LineEdit(),
            kept["profile"],
        )
        self.session = Session(self.parts, self.settings)


def never() -> bool:
    return False


@pytest.fixture
def run_fix(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `refine-tui fix` on a project in memory."""

    def run(shop: Shop, *arguments: str) -> int:
        @contextmanager
        def opened(_options: argparse.Namespace, *, writes: bool) -> Iterator[Project]:
            assert writes == ("--apply" in arguments)
            yield Project(Path("/project"), shop.settings, shop.parts, shop.session)

        monkeypatch.setattr(fixing, "open_project", opened)
        return main(["fix", *arguments])

    return run


def test_a_patch_that_cannot_be_saved_is_told_all_the_same(run_fix: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = run_fix(Shop(CLAMP_PROJECT), "--json", "--output", str(tmp_path / "missing" / "x.patch"))
    told = capsys.readouterr()
    end = json.loads(told.out.splitlines()[-1])
    assert (status, end["outcome"], "return low" in end["patch"]) == (1, "solved", True)
    assert "could not be written" in told.err


def test_a_file_that_changed_before_it_was_written_is_a_refusal_with_its_patch(
    run_fix: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(CLAMP_PROJECT)
    write = shop.workspace.apply

    def too_late(patch: Patch, *, task: str, goal: str) -> Application:
        shop.workspace.tree["clamp.py"] += b"# mine\n"
        return write(patch, task=task, goal=goal)

    monkeypatch.setattr(shop.workspace, "apply", too_late)
    status = run_fix(shop, "--json", "--apply")
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (status, end["event"], end["outcome"]) == (3, "finished", "refused")
    assert "return low" in end["patch"]
    assert b"return low" not in shop.workspace.tree["clamp.py"]
