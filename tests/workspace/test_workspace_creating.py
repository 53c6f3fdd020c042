"""Files that a patch creates, and that undoing removes again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.core.errors import SafetyError, StaleBaseError
from refine_tui.core.patch import Patch, create_file
from refine_tui.workspace.disk import Disk

Killed = Callable[[int, Callable[[Callable[[str], None]], None]], bool]
NEW = "pkg/created.py"
TEXT = b"def test_it():\n    pass\n"


def patch_of(project: Any) -> Patch:
    """Return a patch that changes files and creates one between them."""
    files = (*project.patch.files, *create_file(NEW, TEXT).files)
    return Patch(tuple(sorted(files, key=lambda file: file.path)))


def created(project: Any) -> bytes | None:
    file = project.root / NEW
    return file.read_bytes() if file.exists() else None


def litter(project: Any) -> list[str]:
    return [name for name in project.litter() if name != NEW]


def test_a_file_is_created_removed_by_undo_and_created_again_by_redo(project: Any) -> None:
    with project.opened() as tree:
        written = tree.apply(patch_of(project), task="t", goal="g")
        assert (created(project), project.content()) == (TEXT, project.new)
        assert (project.root / NEW).stat().st_nlink == 1
        tree.undo(written.id)
        assert (created(project), project.content()) == (None, project.base)
        tree.redo()
        assert created(project) == TEXT
        assert litter(project) == []


def test_a_created_file_has_the_rights_of_any_new_file(project: Any) -> None:
    beside = project.root / "beside.py"
    beside.write_bytes(b"")
    with project.opened() as tree:
        tree.apply(create_file(NEW, TEXT), task="t", goal="g")
    assert (project.root / NEW).stat().st_mode == beside.stat().st_mode


def test_a_file_that_is_there_is_never_written_over(project: Any) -> None:
    (project.root / NEW).write_bytes(b"mine")
    with project.opened() as tree:
        with pytest.raises(StaleBaseError, match="there already"):
            tree.apply(patch_of(project), task="t", goal="g")
        assert (created(project), project.content()) == (b"mine", project.base)
        (project.root / NEW).unlink()
        written = tree.apply(create_file(NEW, TEXT), task="t", goal="g")
        tree.undo(written.id)
        (project.root / NEW).write_bytes(b"mine")
        with pytest.raises(StaleBaseError, match="there already"):
            tree.redo()
    assert created(project) == b"mine"


def test_a_file_that_somebody_creates_in_the_last_moment_stays(project: Any) -> None:
    def announce(step: str) -> None:
        if step == "link" and created(project) is None:
            (project.root / NEW).write_bytes(b"mine")

    with project.opened(Disk(announce)) as tree, pytest.raises(StaleBaseError):
        tree.apply(patch_of(project), task="t", goal="g")
    assert (created(project), project.content(), litter(project)) == (b"mine", project.base, [])


def test_a_created_file_that_was_edited_since_is_not_removed(project: Any) -> None:
    with project.opened() as tree:
        written = tree.apply(create_file(NEW, TEXT), task="t", goal="g")
        (project.root / NEW).write_bytes(TEXT + b"# more\n")
        with pytest.raises(StaleBaseError, match="changed since it was created"):
            tree.undo(written.id)
    assert created(project) == TEXT + b"# more\n"


def test_an_edit_in_the_moment_of_removing_is_kept(project: Any) -> None:
    with project.opened() as tree:
        written = tree.apply(create_file(NEW, TEXT), task="t", goal="g")

    def announce(step: str) -> None:
        if step == "rename" and created(project) == TEXT:
            (project.root / NEW).write_bytes(b"edited")

    with project.opened(Disk(announce)) as tree, pytest.raises(StaleBaseError):
        tree.undo(written.id)
    assert (created(project), litter(project)) == (b"edited", [])


@pytest.mark.parametrize(
    ("path", "why"), [("nowhere/new.py", "folder is not there"), ("linked/new.py", "through a link"), (".git/new", "git")]
)
def test_where_nothing_may_be_created_the_reason_is_told(project: Any, path: str, why: str) -> None:
    (project.root / "linked").symlink_to(project.root / "pkg")
    with project.opened() as tree, pytest.raises(SafetyError, match=why):
        tree.apply(create_file(path, TEXT), task="t", goal="g")


def check(project: Any) -> str:
    """After a recovery everything is old or everything is new, and the journal agrees."""
    with project.opened() as tree:
        tree.recover()
        state = "new" if created(project) else "old"
        assert created(project) in (None, TEXT)
        assert project.content() == (project.new if state == "new" else project.base)
        assert litter(project) == []
        assert any(not item.undone for item in tree._log.intents()) == (state == "new")
        if state == "new":
            assert (project.root / NEW).stat().st_nlink == 1
            tree.undo()
            assert (created(project), project.content()) == (None, project.base)
    return state


@pytest.mark.parametrize("undoes", [False, True], ids=["creating", "removing"])
def test_killed_before_every_step(make_project: Any, killed_at: Killed, undoes: bool) -> None:
    seen = []
    for step in itertools.count():
        project = make_project(base={"a.py": b"one\n"}, new={"a.py": b"two\n"})
        if undoes:
            with project.opened() as tree:
                (project.root / "pkg").mkdir()
                tree.apply(patch_of(project), task="t", goal="g")
        else:
            (project.root / "pkg").mkdir()

        def work(announce: Callable[[str], None], project: Any = project) -> None:
            with project.opened(Disk(announce)) as tree:
                if undoes:
                    tree.undo()
                else:
                    tree.apply(patch_of(project), task="t", goal="g")

        killed = killed_at(step, work)
        seen.append(check(project))
        if not killed:
            break
    assert {"old", "new"} == set(seen)


def test_a_recovery_that_is_killed_too_is_finished_by_the_next(make_project: Any, killed_at: Killed) -> None:
    def applying(announce: Callable[[str], None]) -> None:
        with project.opened(Disk(announce)) as tree:
            tree.apply(patch_of(project), task="t", goal="g")

    def recovering(announce: Callable[[str], None]) -> None:
        with project.opened(Disk(announce)) as tree:
            tree.recover()

    steps: list[str] = []
    project = make_project(base={"pkg/a.py": b"one\n"}, new={"pkg/a.py": b"two\n"})
    applying(steps.append)
    linked = steps.index("link") + 1
    for second in itertools.count():
        project = make_project(base={"pkg/a.py": b"one\n"}, new={"pkg/a.py": b"two\n"})
        assert killed_at(linked, applying)
        again = killed_at(second, recovering)
        check(project)
        if not again:
            break
    assert second > 5


@settings(max_examples=25)
@given(st.binary(max_size=200).filter(lambda data: b"\0" not in data), st.sampled_from(["undo", "edit", "delete", "nothing"]))
def test_whatever_is_created_undo_never_loses_a_byte_of_the_user(make_project: Any, data: bytes, then: str) -> None:
    project = make_project()
    with project.opened() as tree:
        written = tree.apply(create_file(NEW, data), task="t", goal="g")
        assert created(project) == data
        if then == "edit":
            (project.root / NEW).write_bytes(data + b"user")
        elif then == "delete":
            (project.root / NEW).unlink()
        if then in ("edit", "delete"):
            with pytest.raises(StaleBaseError):
                tree.undo(written.id)
        elif then == "undo":
            tree.undo(written.id)
    assert created(project) == {"undo": None, "edit": data + b"user", "delete": None, "nothing": data}[then]
    assert litter(project) == []
