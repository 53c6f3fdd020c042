from __future__ import annotations

import errno
import os
import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers import Observer

from refine_tui.core.text import digest
from refine_tui.workspace.watching import TreeWatcher

PATIENCE = 100.0


class Seen:
    """What a watcher told, in order."""

    def __init__(self, watcher: TreeWatcher) -> None:
        self.batches: queue.Queue[frozenset[str]] = queue.Queue()
        watcher.start(self.batches.put)
        assert watcher.ready.wait(PATIENCE)

    def next(self) -> set[str]:
        return set(self.batches.get(timeout=PATIENCE))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "pkg").mkdir(parents=True)
    (folder / "a.py").write_bytes(b"a\n")
    (folder / "pkg" / "b.py").write_bytes(b"b\n")
    return folder


@pytest.fixture
def watcher(root: Path) -> Iterator[TreeWatcher]:
    subject = TreeWatcher(root, quiet=0.05, ceiling=0.5)
    yield subject
    subject.stop()


def save_atomically(file: Path, content: bytes) -> None:
    """Save as editors do. The name beside it is one of theirs: another would be told if a busy machine stopped this in between."""
    beside = file.with_name(f".{file.name}.swp")
    beside.write_bytes(content)
    beside.replace(file)


def mark(root: Path, seen: Seen) -> set[str]:
    """Change one more file and return all that was told up to that change: what was to be silent would be in it."""
    save_atomically(root / "mark.txt", os.urandom(8))
    told: set[str] = set()
    while "mark.txt" not in told:
        told |= seen.next()
    return told - {"mark.txt"}


def test_a_save_in_place_is_told(root: Path, watcher: TreeWatcher) -> None:
    seen = Seen(watcher)
    (root / "a.py").write_bytes(b"changed\n")
    assert seen.next() == {"a.py"}


def test_an_atomic_save_is_told_as_its_target(root: Path, watcher: TreeWatcher) -> None:
    seen = Seen(watcher)
    save_atomically(root / "pkg" / "b.py", b"changed\n")
    assert seen.next() == {"pkg/b.py"}


def test_new_and_removed_files_are_told(root: Path, watcher: TreeWatcher) -> None:
    seen = Seen(watcher)
    save_atomically(root / "new.py", b"new\n")
    assert seen.next() == {"new.py"}
    (root / "a.py").unlink()
    assert seen.next() == {"a.py"}


def test_a_folder_moved_in_or_away_is_told_file_by_file(root: Path, watcher: TreeWatcher, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "deep"
    outside.mkdir(parents=True)
    (outside / "c.py").write_bytes(b"c\n")
    seen = Seen(watcher)
    outside.parent.rename(root / "inside")
    assert seen.next() == {"inside/deep/c.py"}
    (root / "pkg").rename(tmp_path / "gone")
    assert seen.next() == {"pkg/b.py"}


def test_reading_touching_and_writing_the_same_bytes_are_silent(root: Path, watcher: TreeWatcher) -> None:
    seen = Seen(watcher)
    (root / "a.py").read_bytes()
    os.utime(root / "a.py")
    (root / "a.py").chmod(0o600)
    with (root / "a.py").open("r+b") as file:
        file.write(b"a\n")
    save_atomically(root / "pkg" / "b.py", b"b\n")
    assert mark(root, seen) == set()


def test_an_expected_write_is_silent_and_a_later_one_is_told(root: Path, watcher: TreeWatcher) -> None:
    seen = Seen(watcher)
    watcher.expect("a.py", digest(b"ours\n"))
    save_atomically(root / "a.py", b"ours\n")
    assert mark(root, seen) == set()
    (root / "a.py").write_bytes(b"theirs\n")
    assert seen.next() == {"a.py"}
    (root / "a.py").write_bytes(b"ours\n")
    assert seen.next() == {"a.py"}


def test_applying_undoing_and_redoing_a_patch_is_silent(project: Any) -> None:
    watcher = TreeWatcher(project.root, quiet=0.05, ceiling=0.5)
    with project.opened() as tree:
        tree.on_write = watcher.expect
        seen = Seen(watcher)
        try:
            for step in (lambda: tree.apply(project.patch, task="", goal=""), tree.undo, tree.redo):
                step()
                assert mark(project.root, seen) == set()
            (project.root / "a.py").write_bytes(b"user\n")
            assert seen.next() == {"a.py"}
        finally:
            watcher.stop()


def test_what_git_ignores_and_what_tools_write_is_silent(root: Path, watcher: TreeWatcher) -> None:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / ".gitignore").write_bytes(b"*.log\nout/\n")
    seen = Seen(watcher)
    for path in ("x.log", "out/y.py", "__pycache__/a.pyc", ".venv/lib/z.py", ".git/hint", "node_modules/m.js", "a.py~", ".a.py.swp"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"1")
    assert mark(root, seen) == set()


def test_every_file_of_a_burst_is_told(root: Path, watcher: TreeWatcher) -> None:
    seen = Seen(watcher)
    wanted = {"a.py", *(f"pkg/n{number}.py" for number in range(50))}
    for number in range(50):
        (root / "a.py").write_bytes(b"%d\n" % number)
        (root / "pkg" / f"n{number}.py").write_bytes(b"")
    told: set[str] = set()
    while told != wanted:
        told |= seen.next()


def test_undone_before_it_was_noticed_leaves_nothing_expected(root: Path, watcher: TreeWatcher) -> None:
    seen = Seen(watcher)
    for content in (b"ours\n", b"a\n"):
        watcher.expect("a.py", digest(content))
        save_atomically(root / "a.py", content)
    assert mark(root, seen) == set()
    (root / "a.py").write_bytes(b"ours\n")
    assert seen.next() == {"a.py"}


def test_endless_saving_is_told_at_the_ceiling(root: Path) -> None:
    watcher = TreeWatcher(root, quiet=1000, ceiling=0.2)
    seen = Seen(watcher)
    (root / "a.py").write_bytes(b"changed\n")
    assert seen.next() == {"a.py"}
    watcher.stop()


def test_a_change_made_before_watching_began_is_told(root: Path) -> None:
    holder: list[TreeWatcher] = []

    def late_observer() -> Any:
        (root / "a.py").write_bytes(b"meanwhile\n")
        return Observer()

    watcher = TreeWatcher(root, quiet=0.05, observer=late_observer)
    holder.append(watcher)
    assert Seen(watcher).next() == {"a.py"}
    watcher.stop()


def test_without_watches_it_looks_from_time_to_time(root: Path) -> None:
    class Exhausted(Observer):  # type: ignore[valid-type,misc]
        def start(self) -> None:
            raise OSError(errno.ENOSPC, "no watches left")

    watcher = TreeWatcher(root, quiet=0.01, ceiling=0.05, observer=Exhausted)
    seen = Seen(watcher)
    assert watcher.polling
    save_atomically(root / "a.py", b"changed\n")
    assert seen.next() == {"a.py"}
    (root / "pkg" / "b.py").unlink()
    save_atomically(root / "pkg" / "c.py", b"c")
    told = seen.next()
    assert told | (seen.next() if len(told) < 2 else set()) == {"pkg/b.py", "pkg/c.py"}
    watcher.stop()


def test_stopping_twice_or_before_the_start_is_fine(root: Path) -> None:
    watcher = TreeWatcher(root)
    watcher.stop()
    watcher.start(lambda _: None)
    watcher.stop()
    watcher.stop()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_storm_of_files_loses_none(root: Path) -> None:
    watcher = TreeWatcher(root, quiet=1.0, ceiling=30)
    seen = Seen(watcher)
    wanted = {f"pkg/n{number}.py" for number in range(20_000)}
    for name in wanted:
        (root / name).write_bytes(b"x")
    told: set[str] = set()
    while not wanted <= told:
        told |= seen.next()
    watcher.stop()


def test_a_file_that_goes_while_the_tree_is_looked_over_hinders_nothing(root: Path) -> None:
    watcher = TreeWatcher(root, files=lambda: ["a.py", "gone.py"], quiet=0.05, ceiling=0.5)
    try:
        seen = Seen(watcher)
        save_atomically(root / "a.py", b"changed\n")
        assert "a.py" in seen.next()
    finally:
        watcher.stop()
