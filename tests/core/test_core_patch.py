from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine_tui.core.errors import StaleBaseError
from refine_tui.core.patch import Edit, FilePatch, Patch, edit_file, line_edits, patch_between, splice
from refine_tui.core.text import SourceFile, Span, digest

TEXT = st.lists(st.sampled_from([b"a\n", b"b\r\n", b"\n", b"c\r", b"\xff", b"no end"]), max_size=12).map(b"".join)


@given(TEXT, TEXT)
def test_a_patch_leads_there_and_its_inverse_back(base: bytes, new: bytes) -> None:
    patch = patch_between({"f": base}, {"f": new})
    assert patch.is_empty == (base == new)
    if not patch.is_empty:
        assert patch.apply({"f": base}) == {"f": new}
        back = patch.invert({"f": base})
        assert back.apply({"f": new}) == {"f": base}
        assert back.invert({"f": new}).apply({"f": base}) == {"f": new}


@given(TEXT, TEXT)
def test_line_edits_are_whole_lines_that_differ(base: bytes, new: bytes) -> None:
    edits = line_edits(base, new)
    assert splice(base, edits) == new
    assert all(edit.old != edit.new for edit in edits)
    assert all(edit.start == 0 or base[edit.start - 1 : edit.start] in (b"\n", b"\r") for edit in edits)
    assert all(edit.span.end in (0, len(base)) or base[edit.span.end - 1 : edit.span.end] in (b"\n", b"\r") for edit in edits)


def test_another_base_or_a_missing_file_is_refused() -> None:
    patch = patch_between({"f": b"a\n"}, {"f": b"b\n"})
    with pytest.raises(StaleBaseError, match="f is no longer the file"):
        patch.apply({"f": b"a"})
    with pytest.raises(StaleBaseError, match="f is gone"):
        patch.apply({})
    with pytest.raises(StaleBaseError):
        splice(b"abc", [Edit(0, b"x", b"y")])


def test_overlapping_edits_and_double_files_are_no_patch() -> None:
    with pytest.raises(ValueError, match="overlap"):
        FilePatch("f", "", (Edit(0, b"abc", b""), Edit(2, b"c", b"")))
    with pytest.raises(ValueError, match="once"):
        Patch((FilePatch("f", "", ()), FilePatch("f", "", ())))
    with pytest.raises(ValueError, match="in order"):
        Patch((FilePatch("g", "", ()), FilePatch("f", "", ())))


def test_edits_are_put_in_order_and_may_touch() -> None:
    source = SourceFile("f", b"abcdef")
    patch = edit_file(source, [Edit(3, b"d", b"D"), Edit(0, b"abc", b"x")])
    assert patch.apply({"f": b"abcdef"}) == {"f": b"xDef"}
    assert patch.paths == ("f",)
    assert patch.files[0].edits[0].span == Span(0, 3)


def test_equal_patches_have_equal_keys_and_others_do_not() -> None:
    one = patch_between({"f": b"a\n", "g": b"a\n"}, {"f": b"b\n"})
    assert one.key == patch_between({"f": b"a\n"}, {"f": b"b\n"}).key
    others = [patch_between({"f": b"a\n"}, {"f": b"c\n"}), patch_between({"g": b"a\n"}, {"g": b"b\n"}), Patch()]
    assert len({one.key, *(other.key for other in others)}) == 4


def test_a_path_that_is_no_unicode_has_a_key_too() -> None:
    assert patch_between({"\udcff": b"a"}, {"\udcff": b"b"}).key != patch_between({"\udcfe": b"a"}, {"\udcfe": b"b"}).key


def test_only_changed_files_are_in_a_patch() -> None:
    patch = patch_between({"f": b"a", "g": b"b", "h": b"c"}, {"h": b"d", "f": b"a"})
    assert patch.paths == ("h",)
    assert patch.files[0].base_digest == digest(b"c")
