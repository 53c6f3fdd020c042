"""What the runner is measured with, and the small projects it is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from refine_tui.core.isolation import Limits
from refine_tui.core.patch import Patch, patch_between
from refine_tui.loop.ports.running import Evaluator, Sandbox
from refine_tui.loop.ports.thinking import Syntax


class MakeEvaluator(Protocol):
    """Makes what runs a project's tests."""

    def __call__(self, project: Path, *, test_limit_s: float = 5.0, limits: Limits | None = None, warm: bool = True) -> Evaluator:
        """Return an evaluator; nothing is started yet."""


@dataclass(frozen=True)
class RunnerLab:
    """What is measured, handed in by the composition root."""

    sandbox: Sandbox
    """The strongest level that holds here."""
    evaluator: MakeEvaluator
    syntax: Syntax
    python: Path
    """An interpreter with pytest."""
    plain: tuple[str, tuple[Path, ...]]
    """An interpreter that any sandbox can start, and the folders it needs."""
    folder: Path
    """For generated projects."""
    tests: Path | None
    """The tests of this program, with the zoo of projects and the attacks; `None` where only the program is installed."""


WORK = """\
LIMIT = {limit}


def clipped(value):
    return min(value, LIMIT)
"""
SEVEN = """\
import time

import pytest
from work import clipped


@pytest.mark.parametrize("value", range(7))
def test_of_a_millisecond(value):
    until = time.perf_counter() + 0.001
    while time.perf_counter() < until:
        pass
    assert clipped(value) == value
"""
ONE = "test_work.py::test_of_a_millisecond[0]"


@dataclass(frozen=True)
class Small:
    """A project of one module and seven tests of a millisecond."""

    root: Path

    def candidate(self, number: int) -> Patch:
        """Return a change of the module that no other number gives and that breaks nothing."""
        return changed(self.root, "work.py", WORK.format(limit=1000 + number))

    @property
    def tests(self) -> tuple[str, ...]:
        """Node ids."""
        return tuple(f"test_work.py::test_of_a_millisecond[{value}]" for value in range(7))


def small(folder: Path) -> Small:
    """Write that project."""
    write(folder, {"work.py": WORK.format(limit=7), "test_work.py": SEVEN})
    return Small(folder)


def large(folder: Path, files: int) -> Path:
    """Write a project of so many files, 50 to a folder, as one finds them: most of them are none of the tests' business."""
    for number in range(0, files, 50):
        part = folder / f"part{number // 1000}" / f"of{number}"
        write(part, {f"file{place}.py": f"VALUE = {number + place}\n" for place in range(min(50, files - number))})
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files into a folder that is made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def changed(root: Path, path: str, text: str) -> Patch:
    """Return the patch that gives a file another content."""
    return patch_between({path: (root / path).read_bytes()}, {path: text.encode()})


def never() -> bool:
    """Cancel nothing."""
    return False


def listed(words: Sequence[str], most: int = 3) -> str:
    """Return the first few, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
