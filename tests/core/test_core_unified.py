from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.core.patch import Patch, patch_between
from refine_tui.core.unified import unified

LINE = st.sampled_from(
    [b"a", b"b", b"c", b"", b"\r", b"a\r", b"d\r", b" ", b"\t", b"--- a/x", b"+++ b/x", b"@@ -1 +1 @@", b"\xff\xfe", b"\\ No"]
)
TEXT = st.builds(lambda lines, tail: b"".join(line + b"\n" for line in lines) + tail, st.lists(LINE, max_size=24), LINE | st.just(b""))
NAME = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=9)
PATH = st.lists(NAME.filter(lambda name: name not in (".", "..") and name.lower() != ".git"), min_size=1, max_size=2).map("/".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("apply")
    git(root, b"", "init", "-q")
    return root


def git(root: Path, stdin: bytes, *arguments: str) -> None:
    done = subprocess.run(["git", "-C", str(root), *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, (done.stderr, stdin)


def check(root: Path, base: dict[str, bytes], new: dict[str, bytes]) -> None:
    written = {name: root / name for name in base}
    for name, file in written.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base[name])
    text = unified(patch_between(base, new), base)
    if base == new:
        assert text == b""
        return
    git(root, text, "apply", "-")
    assert {name: file.read_bytes() for name, file in written.items()} == new


@settings(max_examples=100)
@given(base=TEXT, new=TEXT)
def test_git_apply_makes_exactly_the_new_bytes(repository: Path, base: bytes, new: bytes) -> None:
    check(repository, {"content.txt": base}, {"content.txt": new})


@settings(max_examples=40)
@given(path=PATH)
def test_git_apply_finds_any_path(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    root = tmp_path_factory.mktemp("path")
    check(root, {path: b"a\nb"}, {path: b"a\nc"})


@pytest.mark.parametrize(
    "path", ["two words.py", "dir with space/é.py", 'say "hi".py', "back\\slash.py", "tab\there.py", "bell\a.py", "\x7f.py"]
)
def test_odd_names_are_quoted_as_git_does(tmp_path: Path, path: str) -> None:
    git(tmp_path, b"", "init", "-q")
    file = tmp_path / path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"a\n")
    git(tmp_path, b"", "add", "-A")
    file.write_bytes(b"b\n")
    theirs = subprocess.run(["git", "-C", str(tmp_path), "diff"], capture_output=True, check=True).stdout
    without_index = b"".join(line for line in theirs.splitlines(keepends=True) if not line.startswith(b"index "))
    assert unified(patch_between({path: b"a\n"}, {path: b"b\n"}), {path: b"a\n"}) == without_index


def test_several_files_and_far_apart_hunks(repository: Path) -> None:
    base = {"one.py": b"".join(b"line %d\n" % n for n in range(60)), "two.py": b"x"}
    new = {"one.py": base["one.py"].replace(b"line 3\n", b"").replace(b"line 40\n", b"line 40\nmore\n"), "two.py": b"x\n"}
    check(repository, base, new)
    text = unified(patch_between(base, new), base)
    assert text.count(b"\n@@ ") == 3
    assert b"\\ No newline at end of file\n" in text


def test_an_empty_patch_is_empty_text() -> None:
    assert unified(Patch(), {}) == b""
