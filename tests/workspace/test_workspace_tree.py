from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.core.errors import StaleBaseError, UsageError
from refine_tui.core.patch import Edit, FilePatch, Patch, patch_between
from refine_tui.core.text import digest

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
WORDS = st.sampled_from(
    [b"x = 1", b"", "é = 'ü'".encode(), "é = 'ü'".encode("latin-1"), "ключ".encode("koi8-r"), b"\x0c", b"\x1b[0m", b"  \t "]
)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.tuples(WORDS, ENDS), max_size=12))
    tail = draw(st.sampled_from([b"", b"no final newline"]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(word + end for word, end in lines) + tail


@settings(max_examples=60)
@given(base=contents(), data=st.data(), mode=st.sampled_from([0o644, 0o600, 0o755, 0o4711, 0o664]))
def test_bytes_outside_the_edit_and_the_mode_stay(make_project: Any, base: bytes, data: st.DataObject, mode: int) -> None:
    start = data.draw(st.integers(0, len(base)))
    end = data.draw(st.integers(start, len(base)))
    project = make_project(base={"f.py": base}, new={})
    file = project.root / "f.py"
    file.chmod(mode)
    patch = Patch((FilePatch("f.py", digest(base), (Edit(start, base[start:end], b"<new>"),)),))
    with project.opened() as tree:
        tree.apply(patch, task="", goal="")
        assert file.read_bytes() == base[:start] + b"<new>" + base[end:]
        assert file.stat().st_mode & 0o7777 == mode
        tree.undo()
        assert file.read_bytes() == base
        assert file.stat().st_mode & 0o7777 == mode


def test_extended_attributes_and_owner_stay(make_project: Any, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    file = project.root / "a.py"
    try:
        os.setxattr(file, "user.note", b"kept")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")
    if os.geteuid() == 0:
        os.chown(file, 1234, 2345)
    before = file.stat()
    with project.opened() as tree:
        tree.apply(project.patch, task="", goal="")
    assert os.getxattr(file, "user.note") == b"kept"
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_applying_undoing_and_redoing_keep_count(project: Any) -> None:
    with project.opened() as tree:
        first = tree.apply(project.patch, task="t1", goal="make it pass")
        assert (first.task, first.goal, first.undone, first.patch) == ("t1", "make it pass", False, project.patch)
        assert project.content() == project.new
        assert tree.undo() == tree._log.intents()[0]
        assert project.content() == project.base
        assert tree.redo().undone is False
        assert project.content() == project.new
        with pytest.raises(UsageError, match="nothing to redo"):
            tree.redo()
    with project.opened() as tree:
        assert tree.undo(first.id).undone
        with pytest.raises(UsageError, match="undone already"):
            tree.undo(first.id)
        with pytest.raises(UsageError, match="nothing to undo"):
            tree.undo()
        with pytest.raises(UsageError, match="no change number 99"):
            tree.undo(99)
        with pytest.raises(UsageError, match="nothing"):
            tree.apply(Patch(), task="", goal="")


def test_what_was_undone_before_other_work_can_still_be_written_again(make_project: Any) -> None:
    base = {"f.py": b"a\nb\nc\n"}
    project = make_project(base=base, new={"f.py": b"a\nB\nc\n"})
    with project.opened() as tree:
        first = tree.apply(project.patch, task="", goal="")
        tree.undo()
        second = tree.apply(patch_between(base, {"f.py": b"a\nother\nc\n"}), task="", goal="")
        with pytest.raises(StaleBaseError, match="same place"):
            tree.redo()
        with pytest.raises(UsageError, match="need not be written again"):
            tree.redo(second.id)
        with pytest.raises(UsageError, match="no change number 99"):
            tree.redo(99)
        tree.undo()
        assert tree.redo(first.id).id == first.id
        assert project.content() == project.new
        tree.undo()
        assert tree.redo().id == first.id


def test_a_stale_patch_writes_nothing(project: Any) -> None:
    (project.root / "pkg/b.py").write_bytes(b"newer\n")
    before = project.content()
    with project.opened() as tree:
        with pytest.raises(StaleBaseError, match=r"pkg/b\.py"):
            tree.apply(project.patch, task="", goal="")
        (project.root / "pkg/b.py").unlink()
        with pytest.raises(StaleBaseError, match="gone"):
            tree.apply(project.patch, task="", goal="")
        assert list(tree._log.intents()) == []
    assert (project.root / "a.py").read_bytes() == before["a.py"]


def test_undo_keeps_edits_made_elsewhere_in_the_file(make_project: Any) -> None:
    lines = [b"line %d\n" % number for number in range(20)]
    base = b"".join(lines)
    project = make_project(base={"f.py": base}, new={"f.py": base.replace(b"line 10\n", b"ten\nmore\n")})
    file = project.root / "f.py"
    with project.opened() as tree:
        tree.apply(project.patch, task="", goal="")
        file.write_bytes(b"inserted\n" + file.read_bytes() + b"appended")
        tree.undo()
        assert file.read_bytes() == b"inserted\n" + base + b"appended"
        tree.redo()
        assert file.read_bytes() == b"inserted\n" + project.new["f.py"] + b"appended"
        file.write_bytes(file.read_bytes().replace(b"more\n", b"even more\n"))
        with pytest.raises(StaleBaseError, match="same place"):
            tree.undo()
        assert b"even more\n" in file.read_bytes()


@pytest.mark.parametrize("beside", [9, 11])
def test_undo_refuses_when_the_line_beside_was_changed(make_project: Any, beside: int) -> None:
    base = b"".join(b"line %d\n" % number for number in range(20))
    project = make_project(base={"f.py": base}, new={"f.py": base.replace(b"line 10\n", b"ten\n")})
    file = project.root / "f.py"
    with project.opened() as tree:
        tree.apply(project.patch, task="", goal="")
        edited = file.read_bytes().replace(b"line %d\n" % beside, b"edited\n")
        file.write_bytes(edited)
        with pytest.raises(StaleBaseError):
            tree.undo()
        assert file.read_bytes() == edited


def sequence(make_project: Any, seed: int) -> None:
    """A random session checked against a model: the stack of texts that a person would expect."""
    source = random.Random(seed)
    lines = [b"%d\n" % number for number in range(30)]
    project = make_project(base={"f.py": b"".join(lines), "g.py": b"g\n"}, new={})
    with project.opened() as tree:
        done: list[tuple[int, dict[str, bytes], dict[str, bytes]]] = []
        undone: list[tuple[int, dict[str, bytes], dict[str, bytes]]] = []
        for _ in range(12):
            before, act = project.content(), source.choice(["apply", "apply", "undo", "redo", "edit"])
            if act == "apply":
                changed = dict(before)
                for path in source.sample(sorted(changed), source.choice([1, 2])):
                    text = changed[path].splitlines(keepends=True)
                    place = source.choice([at for at, line in enumerate(text) if not line.startswith(b"user")])
                    text[place] = b"%d\n" % source.randrange(10**6)
                    changed[path] = b"".join(text)
                if changed == before:
                    continue
                application = tree.apply(patch_between(before, changed), task="", goal="")
                done.append((application.id, before, changed))
                assert project.content() == changed
            elif act == "edit":
                text = before["f.py"].splitlines(keepends=True)
                text.insert(source.randrange(len(text)), b"user %d\n" % source.randrange(10**6))
                (project.root / "f.py").write_bytes(b"".join(text))
            elif act == "undo" and done:
                entry = done[-1]
                with suppress(StaleBaseError):
                    assert tree.undo().id == entry[0]
                    undone.append(done.pop())
                    if before == entry[2]:
                        assert project.content() == entry[1]
            elif act == "redo" and undone:
                entry = undone[-1]
                with suppress(StaleBaseError):
                    assert tree.redo().id == entry[0]
                    undone.pop()
                    done.append(entry)
                    done.sort(key=lambda item: item[0])
                    if before == entry[1]:
                        assert project.content() == entry[2]
            users = {line for line in before["f.py"].splitlines() if line.startswith(b"user")}
            assert users <= set(project.content()["f.py"].splitlines())
        assert project.litter() == []


def test_random_sequences_undo_exactly_or_refuse_honestly(make_project: Any) -> None:
    for seed in range(40):
        sequence(make_project, seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_random_sequences_undo_exactly_or_refuse_honestly(make_project: Any) -> None:
    for seed in range(100, 1100):
        sequence(make_project, seed)
