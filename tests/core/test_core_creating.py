"""Patches that create files, as values."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine_tui.core.codec import decode, encode
from refine_tui.core.errors import StaleBaseError
from refine_tui.core.hunks import combine, split_further, split_hunks
from refine_tui.core.patch import Patch, create_file, patch_between
from refine_tui.core.rebase import rebase
from refine_tui.core.unified import unified
from refine_tui.journal.packing import pack, unpack

TREE = {"a.py": b"one\ntwo\n"}
TEXTS = st.lists(st.sampled_from([b"x = 1\n", b"\n", b"y\r\n", b"z"]), min_size=1, max_size=6).map(b"".join)


def both(data: bytes) -> Patch:
    """Return a patch that changes one file and creates another."""
    return Patch((*patch_between(TREE, {"a.py": b"one\n2\n"}).files, *create_file("new.py", data).files))


@given(TEXTS)
def test_the_inverse_removes_what_was_created_and_its_inverse_creates_it_again(data: bytes) -> None:
    patch = both(data)
    after = TREE | patch.apply(TREE)
    assert after == {"a.py": b"one\n2\n", "new.py": data}
    back = patch.invert(TREE)
    assert back.apply(after) == TREE
    assert back.invert(after) == patch
    assert unpack(pack(back)) == back
    assert decode(Patch, encode(back)) == back
    assert len({patch.key, back.key, create_file("new.py", data).key}) == 3


@given(TEXTS)
def test_it_is_cut_into_hunks_and_put_together_again(data: bytes) -> None:
    patch = both(data)
    hunks = split_hunks(patch, TREE)
    assert [hunk.creates for hunk in hunks] == [False, True]
    assert combine(hunks, TREE).apply(TREE) == patch.apply(TREE)
    assert combine(hunks[1:], TREE) == create_file("new.py", data)
    pieces = split_further(hunks[1])
    assert combine(pieces, TREE) == create_file("new.py", data)
    assert combine(pieces[:1], TREE).files[0].creates


def test_a_file_that_is_there_is_not_created_and_one_that_is_not_is_not_removed() -> None:
    patch = create_file("a.py", b"x")
    with pytest.raises(StaleBaseError, match="there already"):
        patch.apply(TREE)
    with pytest.raises(StaleBaseError):
        split_hunks(patch, TREE)
    with pytest.raises(StaleBaseError, match="gone"):
        patch.invert({}).apply({})


def test_it_is_carried_over_as_long_as_nobody_else_creates_the_file() -> None:
    patch = create_file("new.py", b"x\n")
    assert rebase(patch, {}, TREE) == patch
    assert rebase(patch, {}, {"new.py": b""}) is None


@given(TEXTS)
def test_git_takes_its_unified_diff(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder: Path = tmp_path_factory.mktemp("tree")
    (folder / "a.py").write_bytes(TREE["a.py"])
    subprocess.run(["git", "apply", "-"], cwd=folder, input=unified(both(data), TREE), check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == both(data).apply(TREE)
