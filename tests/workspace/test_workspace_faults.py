"""The disk refuses, or an editor saves, at every single step; nobody's text is lost."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import StaleBaseError, StorageError
from refine_tui.workspace.disk import Disk

FAULTS = pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES], ids=errno.errorcode.get)


def fail_from(step: int, code: int, count: int) -> Callable[[str], None]:
    """Refuse `count` steps from the given one on."""
    seen = itertools.count()

    def announce(_: str) -> None:
        if step <= next(seen) < step + count:
            raise OSError(code, os.strerror(code))

    return announce


def steps_of(make_project: Any) -> int:
    names: list[str] = []
    project = make_project()
    with project.opened(Disk(names.append)) as tree:
        tree.apply(project.patch, task="t", goal="g")
    return len(names)


@FAULTS
def test_one_refused_step_leaves_everything_as_before_or_applied(make_project: Any, code: int) -> None:
    for step in range(steps_of(make_project)):
        project = make_project()
        with project.opened(Disk(fail_from(step, code, 1))) as tree:
            try:
                tree.apply(project.patch, task="t", goal="g")
                assert project.content() == project.new
            except StorageError:
                assert project.content() == project.base
            tree.recover()
            assert project.litter() == []
            assert project.modes() == [0o755, 0o640, 0o640]


def test_a_disk_that_stays_broken_is_recovered_from_later(make_project: Any) -> None:
    for step in range(steps_of(make_project)):
        project = make_project()
        with project.opened(Disk(fail_from(step, errno.EIO, 10_000))) as tree, contextlib.suppress(StorageError):
            tree.apply(project.patch, task="t", goal="g")
        with project.opened() as tree:
            tree.recover()
            assert project.content() in (project.base, project.new)
            assert project.litter() == []


def test_undoing_with_a_refused_step_changes_nothing(make_project: Any) -> None:
    for step in range(0, steps_of(make_project), 3):
        project = make_project()
        with project.opened() as tree:
            tree.apply(project.patch, task="t", goal="g")
        with project.opened(Disk(fail_from(step, errno.ENOSPC, 1))) as tree:
            try:
                tree.undo()
                assert project.content() == project.base
            except StorageError:
                assert project.content() == project.new
                tree.undo()
                assert project.content() == project.base


def save_in_place(file: Path) -> None:
    file.write_bytes(b"the user's own text\n")


def save_by_rename(file: Path) -> None:
    beside = file.with_name("editor.tmp")
    beside.write_bytes(b"the user's own text\n")
    beside.replace(file)


def remove(file: Path) -> None:
    file.unlink(missing_ok=True)


EDITORS = pytest.mark.parametrize("save", [save_in_place, save_by_rename, remove])


@EDITORS
@pytest.mark.parametrize("path", ["a.py", "pkg/b.py"])
def test_an_edit_at_any_step_wins(make_project: Any, save: Callable[[Path], None], path: str) -> None:
    refused = 0
    for step in range(steps_of(make_project)):
        project = make_project()
        seen = itertools.count()

        def announce(_: str, project: Any = project, seen: Iterator[int] = seen, step: int = step) -> None:
            if next(seen) == step:
                save(project.root / path)

        with project.opened(Disk(announce)) as tree:
            try:
                tree.apply(project.patch, task="t", goal="g")
            except StaleBaseError:
                refused += 1
                others = {name for name in project.base if name != path}
                assert all((project.root / name).read_bytes() == project.base[name] for name in others)
            assert not (project.root / path).exists() if save is remove else (project.root / path).read_bytes() == b"the user's own text\n"
            tree.recover()
            assert project.litter() == []
    assert refused > 5


def test_saves_again_and_again_while_changing_back(make_project: Any) -> None:
    for first, second in itertools.product((save_by_rename, save_in_place), repeat=2):
        for steps in itertools.combinations(range(15, 26), 2):
            project = make_project()
            seen = itertools.count()

            def announce(
                _: str, project: Any = project, seen: Iterator[int] = seen, steps: Any = steps, styles: Any = (first, second)
            ) -> None:
                now = next(seen)
                if now == steps[0]:
                    styles[0](project.root / "a.py")
                if now == steps[1]:
                    styles[1](project.root / "a.py")
                    with (project.root / "a.py").open("ab") as file:
                        file.write(b"and more\n")

            with project.opened(Disk(announce)) as tree, contextlib.suppress(StaleBaseError):
                tree.apply(project.patch, task="t", goal="g")
            assert (project.root / "a.py").read_bytes() == b"the user's own text\nand more\n", steps


def test_a_late_write_to_the_displaced_file_is_kept_and_told(project: Any) -> None:
    with (project.root / "a.py").open("r+b") as editor, project.opened() as tree:
        tree.apply(project.patch, task="t", goal="g")
        assert tree.late_writes() == ()
        editor.write(b"written late")
        editor.flush()
        (sentence,) = tree.late_writes()
        assert "a.py" in sentence
        assert tree.late_writes() == ()
    assert any(content.startswith(b"written late") for content in project.kept())


def test_a_late_write_is_told_where_the_state_lies_on_another_file_system(make_project: Any, tmp_path: Path, memory: Path) -> None:
    if tmp_path.stat().st_dev == memory.stat().st_dev:
        pytest.skip("there is only one file system")
    project = make_project()
    project.state = tmp_path / "state"
    with (project.root / "a.py").open("r+b") as editor, project.opened() as tree:
        tree.apply(project.patch, task="t", goal="g")
        assert project.litter() == []
        editor.write(b"written late")
        editor.flush()
        (sentence,) = tree.late_writes()
        assert "a.py" in sentence
        tree.undo()
        assert project.content() == project.base
    assert any(content.startswith(b"written late") for content in project.kept())


def race(make_project: Any, rounds: int, style: str) -> tuple[int, int]:
    """Let a real other process save while we apply; returns how often we were refused and how often applied."""
    project = make_project(base={"a.py": b"one\ntwo\nthree\n"}, new={"a.py": b"one\n2\nthree\n"})
    file, refused, applied = project.root / "a.py", 0, 0
    random_source = random.Random(7)
    with project.opened() as tree:
        for number in range(rounds):
            file.write_bytes(project.base["a.py"])
            text, delay = b"user %d\n" % number, random_source.randrange(0, 60_000)
            child = os.fork()
            if child == 0:
                for _ in range(delay):
                    pass
                if style == "rename":
                    beside = file.with_name("editor.tmp")
                    beside.write_bytes(text)
                    beside.replace(file)
                else:
                    file.write_bytes(text)
                os._exit(0)
            try:
                tree.apply(project.patch, task="t", goal="g")
                applied += 1
            except StaleBaseError:
                refused += 1
            os.waitpid(child, 0)
            tree.late_writes()
            assert file.read_bytes() == text or text in project.kept()
            if style == "rename":
                assert file.read_bytes() == text
        assert [name for name in project.litter() if name != "editor.tmp"] == []
    return refused, applied


@pytest.mark.parametrize("style", ["rename", "truncate"])
def test_races_with_an_editor_lose_nothing(make_project: Any, style: str) -> None:
    refused, applied = race(make_project, 150, style)
    assert refused + applied == 150


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("style", ["rename", "truncate"])
def test_thousands_of_races_lose_nothing(make_project: Any, style: str) -> None:
    refused, applied = race(make_project, 2500, style)
    assert min(refused, applied) > 100


def applications_killed_at_random(make_project: Any, rounds: int) -> set[bytes]:
    found = set()
    project = make_project(base={"a.py": b"old\n"}, new={"a.py": b"new\n"})
    random_source = random.Random(11)
    for _ in range(rounds):
        child = os.fork()
        if child == 0:
            with project.opened() as tree:
                while True:
                    tree.apply(project.patch, task="t", goal="g")
                    tree.undo()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        signal.sigtimedwait([signal.SIGCHLD], random_source.uniform(0.005, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        with project.opened() as tree:
            tree.recover()
            found.add(project.content()["a.py"])
            assert project.litter() == []
            if project.content() == project.new:
                tree.undo()
            assert project.content() == project.base
    return found


def test_killed_at_random_moments_is_all_or_nothing(make_project: Any) -> None:
    assert applications_killed_at_random(make_project, 25) <= {b"old\n", b"new\n"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_a_thousand_random_moments_is_all_or_nothing(make_project: Any) -> None:
    assert applications_killed_at_random(make_project, 1000) == {b"old\n", b"new\n"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 768 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=768k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        pytest.skip(f"cannot mount: {error}")
    if done.returncode != 0:
        pytest.skip(f"mounting a file system needs more rights: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_really_full_disk_changes_nothing(make_project: Any, small_disk: Path) -> None:
    outcomes = []
    for filled in range(0, 760, 19):
        project = make_project(small_disk)
        ballast = small_disk / "ballast"
        with project.opened() as tree:
            try:
                ballast.write_bytes(b"x" * 1024 * filled)
            except OSError:
                ballast.unlink()
                subprocess.run(["rm", "-rf", str(project.root.parent)], check=True)
                break
            try:
                tree.apply(project.patch, task="t", goal="g")
                outcomes.append("applied")
                assert project.content() == project.new
            except StorageError:
                outcomes.append("refused")
                assert project.content() == project.base
        ballast.unlink()
        with project.opened() as tree:
            tree.recover()
            assert project.content() in (project.base, project.new)
            assert project.litter() == []
        subprocess.run(["rm", "-rf", str(project.root.parent)], check=True)
    assert {"applied", "refused"} == set(outcomes)


def test_a_write_through_an_open_file_while_other_files_follow_is_put_back_in_place(project: Any) -> None:
    with (project.root / "a.py").open("r+b") as editor:
        steps: list[str] = []

        def announce(step: str) -> None:
            steps.append(step)
            if step == "swapped" and steps.count("swapped") == 2:
                editor.write(b"from an open editor")
                editor.flush()

        with project.opened(Disk(announce)) as tree:
            with pytest.raises(StaleBaseError):
                tree.apply(project.patch, task="t", goal="g")
            assert project.litter() == []
    assert (project.root / "a.py").read_bytes() == b"from an open editor"
    assert (project.root / "pkg/b.py").read_bytes() == project.base["pkg/b.py"]
