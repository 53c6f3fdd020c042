"""What goes wrong around a write: records that are lost or damaged, rights that change meanwhile, names that are read in another way."""

from __future__ import annotations

import errno
import itertools
import os
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import StaleBaseError, StorageError
from refine_tui.journal.database import FILE_NAME
from refine_tui.workspace.disk import Disk
from refine_tui.workspace.keeping import Store
from refine_tui.workspace.refusing import refusal_by_name
from tests.workspace.test_workspace_crashes import no_exchange

Killed = Callable[[int, Callable[[Callable[[str], None]], None]], bool]


def no_move(step: str) -> None:
    if step == "move":
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def steps_of(project: Any) -> list[str]:
    steps: list[str] = []
    with project.opened(Disk(steps.append)) as tree:
        tree.apply(project.patch, task="t", goal="g")
    return steps


def killed_while_applying(make_project: Any, killed_at: Killed, step: int) -> Any:
    project = make_project()

    def applying(announce: Callable[[str], None]) -> None:
        with project.opened(Disk(announce)) as tree:
            tree.apply(project.patch, task="t", goal="g")

    assert killed_at(step, applying)
    return project


def damage_journal(project: Any) -> None:
    for file in project.state.glob("journal.sqlite3*"):
        file.write_bytes(b"damaged")


def age(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store believe that its files are a year old."""
    changed = max(path.stat().st_ctime for path in folder.iterdir())
    monkeypatch.setattr("refine_tui.workspace.keeping.time.time", lambda: changed + 365 * 86400)


def test_after_the_journal_was_lost_a_file_of_the_users_own_that_only_looks_like_ours_stays(project: Any) -> None:
    own = project.root / ".refine-tui-notes"
    own.write_bytes(b"mine")
    with project.opened() as tree:
        tree.apply(project.patch, task="t", goal="g")
    damage_journal(project)
    with project.opened() as tree:
        assert tree.recover() == ()
    assert own.read_bytes() == b"mine"


def test_what_no_journal_knows_is_kept_for_good(make_project: Any, killed_at: Killed, monkeypatch: pytest.MonkeyPatch) -> None:
    swapped = steps_of(make_project()).index("swapped")
    project = killed_while_applying(make_project, killed_at, swapped)
    damage_journal(project)
    with project.opened() as tree:
        assert tree.recover() != ()
    age(project.state / "kept", monkeypatch)
    with project.opened() as tree:
        tree.recover()
    assert project.base["a.py"] in project.kept()


def test_what_the_journal_knows_goes_after_a_month(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with project.opened() as tree:
        tree.apply(project.patch, task="t", goal="g")
        assert len(project.kept()) == 3
        age(project.state / "kept", monkeypatch)
        tree.recover()
        assert project.kept() == []
        tree.undo()
    assert project.content() == project.base


def test_an_interrupted_write_whose_record_is_damaged_hinders_no_start_and_loses_nothing(make_project: Any, killed_at: Killed) -> None:
    for step in range(0, len(steps_of(make_project())), 3):
        project = killed_while_applying(make_project, killed_at, step)
        with sqlite3.connect(project.state / FILE_NAME) as journal:
            journal.execute("UPDATE contents SET content = ?", (zlib.compress(b"something else"),))
        journal.close()
        with project.opened() as tree:
            tree.recover()
            assert tree.recover() == ()
        assert project.litter() == []
        there = [*project.kept(), *project.content().values()]
        assert all(content in there for content in project.base.values() if content)


def test_rights_that_change_while_it_is_written_are_not_taken_back(make_project: Any) -> None:
    refused = 0
    for at, _ in enumerate(steps_of(make_project())):
        project, seen = make_project(), itertools.count()

        def announce(_: str, project: Any = project, seen: Any = seen, at: int = at) -> None:
            if next(seen) == at:
                (project.root / "a.py").chmod(0o700)

        with project.opened(Disk(announce)) as tree:
            try:
                tree.apply(project.patch, task="t", goal="g")
            except StaleBaseError:
                refused += 1
            assert (project.root / "a.py").stat().st_mode & 0o7777 == 0o700, at
            assert project.litter() == []
    assert refused > 5


def test_a_group_that_cannot_be_kept_is_given_no_rights(make_project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(base={"f.py": b"secret\n"}, new={"f.py": b"changed\n"})
    file = project.root / "f.py"
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to a group that is not its own")
    os.chown(file, 0, 4321)
    file.chmod(0o2764)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("refine_tui.workspace.disk.os.fchown", refuse)
    with project.opened() as tree:
        tree.apply(project.patch, task="t", goal="g")
    assert (file.read_bytes(), file.stat().st_mode & 0o7777) == (b"changed\n", 0o744)


def test_a_late_write_is_told_once_the_full_disk_has_room_for_it(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with (project.root / "a.py").open("r+b") as editor, project.opened(Disk(no_move)) as tree:
        tree.apply(project.patch, task="t", goal="g")
        assert project.litter() == []
        editor.write(b"written late")
        editor.flush()
        with monkeypatch.context() as full:
            full.setattr(Store, "_save", lambda *_: no_move("move"))
            with pytest.raises(StorageError, match="cannot be kept now"):
                tree.late_writes()
        (sentence,) = tree.late_writes()
        assert "a.py" in sentence


def test_a_late_write_after_the_last_look_is_told_at_the_next_start(project: Any) -> None:
    with (project.root / "a.py").open("r+b") as editor:
        with project.opened(Disk(no_move)) as tree:
            tree.apply(project.patch, task="t", goal="g")
            assert tree.late_writes() == ()
            editor.write(b"written late")
            editor.flush()
        with project.opened() as tree:
            (sentence,) = tree.recover()
            assert "a.py" in sentence
            assert tree.recover() == ()
    assert any(content.startswith(b"written late") for content in project.kept())


def test_a_kept_file_that_cannot_be_read_hides_no_late_write(project: Any) -> None:
    (project.state / "kept" / "0-0-unreadable").mkdir(parents=True)
    with (project.root / "a.py").open("r+b") as editor, project.opened() as tree:
        tree.apply(project.patch, task="t", goal="g")
        editor.write(b"written late")
        editor.flush()
        (sentence,) = tree.late_writes()
        assert "a.py" in sentence


def test_a_file_system_that_cannot_exchange_is_told_once(project: Any) -> None:
    with project.opened(Disk(exchange=no_exchange)) as tree:
        tree.apply(project.patch, task="t", goal="g")
        (sentence,) = tree.late_writes()
        assert "cannot exchange" in sentence
        assert tree.late_writes() == ()
    with project.opened() as tree:
        tree.undo()
        assert tree.late_writes() == ()


@pytest.mark.parametrize(
    "path",
    [
        *(".GIT/config", ".g\u200cit/config", "GIT~1/config", "sub/.git./x", ".git /hooks/x"),
        *(".v\u017fcode/tasks.json", "Refine.TOML", "\ufb01x/../x", "ID_RSA", ".ssh/config", "deep/.npmrc", ".Env"),
        *("Secret/x.py", "se\u00adcret/x.py", "secret/x.py"),
    ],
)
def test_a_name_that_some_file_system_reads_as_a_refused_one_is_refused(path: str) -> None:
    assert refusal_by_name(path, ["secret/**"])


@pytest.mark.parametrize("path", ["gitlog.py", "environment.py", "my.git/x.py", "secrets.py", "refine.py", "src/\udcff.py", "caf\u00e9.py"])
def test_other_names_are_not(path: str) -> None:
    assert refusal_by_name(path, ["secret/**"]) == ""
