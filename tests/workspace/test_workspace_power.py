"""The power goes at any moment: what was not made durable is gone from some operation on, and what is left is all old or all new.

File systems that keep a journal make the names of their folders durable in the order in which they were changed. So what is found is the
tree as it was at some moment between the last durable one and now, beside the records as they are now; and of a file whose content was
not made durable, nothing but the name.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.patch import Patch, create_file
from refine_tui.workspace.disk import Disk
from tests.workspace.test_workspace_crashes import no_exchange

CREATED = "created.py"
TEXT = b"def test_it():\n    pass\n"


def copy(source: Path, target: Path) -> None:
    """Copy a tree as it is: two names of one file stay two names of one file."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


class Recorder:
    """Keeps the tree and the records as they are before each step, and after the last one."""

    def __init__(self, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self._project, self._folder = project, project.root.parent / "moments"
        self._folder.mkdir()
        self._durable = self._count = 0
        self._whole = {file.stat().st_ino for file in project.root.rglob("*")}
        self._flush = os.fsync
        monkeypatch.setattr("refine_tui.workspace.disk.os.fsync", self._fsync)
        self.pairs: list[tuple[Path, Path]] = []
        """A tree that may be found, and the records beside it."""

    def note(self) -> None:
        now = self._folder / str(self._count)
        now.mkdir()
        copy(self._project.root, now / "root")
        for file in self._project.root.rglob("*"):
            if file.stat().st_ino not in self._whole:
                os.truncate(now / "root" / file.relative_to(self._project.root), 0)
        copy(self._project.state, now / "state")
        self.pairs += [(self._folder / str(then), now) for then in range(self._durable, self._count + 1)]
        self._count += 1

    def _fsync(self, file: int) -> None:
        self._flush(file)
        kind = os.fstat(file)
        if stat.S_ISDIR(kind.st_mode):
            self._durable = self._count
        self._whole.add(kind.st_ino)


def found(project: Any, tree: Path, records: Path) -> Any:
    """Lay the tree of one moment beside the records of another."""
    place = project.root.parent / "found"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    copy(tree / "root", place / "root")
    (place / "state").mkdir()
    if (tree / "state" / "kept").exists():
        copy(tree / "state" / "kept", place / "state" / "kept")
    for file in records.glob("state/journal.sqlite3*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, place / "state")
    return type(project)(place / "root", place / "state", base=project.base, new=project.new)


def no_move(step: str) -> None:
    if step == "move":
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


@pytest.mark.parametrize("exchange", [None, no_exchange], ids=["exchange", "links"])
@pytest.mark.parametrize("hinder", [lambda _: None, no_move], ids=["kept", "kept open"])
@pytest.mark.parametrize("undoes", [False, True], ids=["applying", "undoing"])
def test_all_old_or_all_new_and_nothing_left_over(
    make_project: Any, monkeypatch: pytest.MonkeyPatch, exchange: Any, hinder: Callable[[str], None], undoes: bool
) -> None:
    project = make_project(base={"a.py": b"one\n"}, new={"a.py": b"two\n"})
    patch = Patch((*project.patch.files, *create_file(CREATED, TEXT).files))
    if undoes:
        with project.opened() as tree:
            tree.apply(patch, task="t", goal="g")
    recorder = Recorder(project, monkeypatch)

    def announce(step: str) -> None:
        recorder.note()
        hinder(step)

    with project.opened(Disk(announce, exchange)) as tree:
        if undoes:
            tree.undo()
        else:
            tree.apply(patch, task="t", goal="g")
        recorder.note()
    states = {check(found(project, *pair)) for pair in recorder.pairs}
    assert states == {"old", "new"}


def check(project: Any) -> str:
    with project.opened() as tree:
        tree.recover()
        created = project.root / CREATED
        state = "new" if created.exists() else "old"
        assert project.content() == (project.new if state == "new" else project.base)
        assert set(project.litter()) <= {CREATED}
        assert any(not item.undone for item in tree._log.intents()) == (state == "new")
        if state == "new":
            assert (created.read_bytes(), created.stat().st_nlink) == (TEXT, 1)
            tree.undo()
            assert (created.exists(), project.content()) == (False, project.base)
    return state
