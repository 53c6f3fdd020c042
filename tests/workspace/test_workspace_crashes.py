"""The process is killed before every single step, and what is found afterwards is all old or all new."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refine_tui.journal import SqliteJournal
from refine_tui.workspace import ProjectTree
from refine_tui.workspace.disk import Disk

Killed = Callable[[int, Callable[[Callable[[str], None]], None]], bool]


def no_exchange(folder: int, one: str, two: str) -> None:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


WAYS = pytest.mark.parametrize("exchange", [None, no_exchange], ids=["exchange", "links"])


def applying(project: Any, exchange: Any) -> Callable[[Callable[[str], None]], None]:
    def work(announce: Callable[[str], None]) -> None:
        with project.opened(Disk(announce, exchange)) as tree:
            tree.apply(project.patch, task="t", goal="g")

    return work


def undoing(project: Any, exchange: Any) -> Callable[[Callable[[str], None]], None]:
    def work(announce: Callable[[str], None]) -> None:
        with project.opened(Disk(announce, exchange)) as tree:
            tree.undo()

    return work


def recovering(project: Any, exchange: Any) -> Callable[[Callable[[str], None]], None]:
    def work(announce: Callable[[str], None]) -> None:
        with project.opened(Disk(announce, exchange)) as tree:
            tree.recover()

    return work


def check(project: Any) -> str:
    """After a recovery: everything old or everything new, and the journal agrees."""
    with project.opened() as tree:
        tree.recover()
        content, modes = project.content(), project.modes()
        assert content in (project.base, project.new)
        assert modes == [0o755, 0o640, 0o640]
        assert project.litter() == []
        assert tree.recover() == ()
        state = "new" if content == project.new else "old"
        assert [not item.undone for item in tree._log.intents()] in ([[state == "new"], []] if state == "old" else [[True]])
        if state == "new":
            tree.undo()
            assert project.content() == project.base
    return state


@WAYS
def test_killed_before_every_step_of_applying(make_project: Any, killed_at: Killed, exchange: Any) -> None:
    seen = []
    for step in itertools.count():
        project = make_project()
        killed = killed_at(step, applying(project, exchange))
        seen.append(check(project))
        if not killed:
            break
    assert seen.count("old") > 20
    assert seen.count("new") > 3
    assert seen == sorted(seen, reverse=True), "once it counts it stays"


def test_killed_before_every_step_of_undoing(make_project: Any, killed_at: Killed) -> None:
    seen = []
    for step in itertools.count():
        project = make_project()
        applying(project, None)(lambda _: None)
        killed = killed_at(step, undoing(project, None))
        seen.append(check(project))
        if not killed:
            break
    assert {"old", "new"} == set(seen)


@WAYS
def test_killed_again_while_recovering(make_project: Any, killed_at: Killed, exchange: Any) -> None:
    for step in (19, 30):
        for second in itertools.count():
            project = make_project()
            killed_at(step, applying(project, exchange))
            if not killed_at(second, recovering(project, exchange)):
                break
            check(project)


@pytest.mark.slow
@pytest.mark.timeout(900)
@WAYS
def test_killed_again_at_every_pair_of_steps(make_project: Any, killed_at: Killed, exchange: Any) -> None:
    for step in itertools.count():
        for second in itertools.count():
            project = make_project()
            killed = killed_at(step, applying(project, exchange))
            again = killed_at(second, recovering(project, exchange))
            check(project)
            if not again:
                break
        if not killed:
            break


def test_an_edit_made_after_the_crash_stays(make_project: Any, killed_at: Killed) -> None:
    noted = 0
    for step in itertools.count():
        project = make_project()
        killed = killed_at(step, applying(project, None))
        (project.root / "a.py").write_bytes(b"the user's own\n")
        with project.opened() as tree:
            sentences = tree.recover()
        assert (project.root / "a.py").read_bytes() == b"the user's own\n"
        assert project.litter() == []
        noted += any("stays as it is" in sentence for sentence in sentences)
        if not killed:
            break
    assert noted > 3


def test_a_file_removed_after_the_crash_stays_removed(make_project: Any, killed_at: Killed) -> None:
    for step in (10, 18, 20, 24, 28, 31):
        project = make_project()
        killed_at(step, applying(project, None))
        (project.root / "a.py").unlink()
        (project.root / "pkg").rename(project.root / "moved")
        with project.opened() as tree:
            tree.recover()
        assert not (project.root / "a.py").exists()


def test_a_run_with_a_journal_of_its_own_leaves_the_interrupted_write_alone(make_project: Any, killed_at: Killed, tmp_path: Path) -> None:
    for step in range(15, 36, 3):
        project = make_project()
        killed_at(step, applying(project, None))
        litter = project.litter()
        other = SqliteJournal(tmp_path / str(step))
        tree = ProjectTree(project.root, project.state, other.writes)
        assert tree.recover() == ()
        assert project.litter() == litter
        other.close()
        check(project)


def test_after_the_journal_was_lost_too_nothing_is_thrown_away(make_project: Any, killed_at: Killed) -> None:
    for step in range(0, 45, 2):
        project = make_project()
        killed_at(step, applying(project, None))
        for file in project.state.glob("journal.sqlite3*"):
            file.write_bytes(b"damaged")
        with project.opened() as tree:
            sentences = tree.recover()
        assert project.litter() == []
        kept = [*project.kept(), *project.content().values()]
        assert all(content in kept for content in project.base.values() if content)
        assert all("left by an interrupted write" in sentence for sentence in sentences)
