from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.core.errors import StaleBaseError
from refine_tui.core.hunks import Hunk, combine, context, lines_of, split_further, split_hunks
from refine_tui.core.patch import Edit, FilePatch, Patch, edit_file, patch_between
from refine_tui.core.text import SourceFile, digest

LINE = st.sampled_from([b"a", b"b", b"c", b"", b"\r", b"a\r", b"\xff\xfe", "é".encode(), b"    return x"])
TEXT = st.builds(lambda lines, tail: b"".join(line + b"\n" for line in lines) + tail, st.lists(LINE, max_size=9), LINE | st.just(b""))


@st.composite
def byte_patches(draw: st.DrawFn) -> tuple[bytes, Patch]:
    base = draw(TEXT)
    cuts = sorted(draw(st.lists(st.integers(0, len(base)), min_size=2, max_size=8)))
    spans = [(cuts[i], cuts[i + 1]) for i in range(0, len(cuts) - 1, 2)]
    edits = tuple(Edit(start, base[start:end], draw(st.sampled_from([b"", b"x", b"\n", b"y\nz", b"w\n", b"\r\n"]))) for start, end in spans)
    return base, Patch((FilePatch("f", digest(base), edits),))


def result(patch: Patch, base: bytes) -> bytes:
    return patch.apply({"f": base}).get("f", base)


@given(byte_patches())
def test_all_hunks_together_make_the_patch(case: tuple[bytes, Patch]) -> None:
    base, patch = case
    again = combine(split_hunks(patch, {"f": base}), {"f": base})
    assert result(again, base) == result(patch, base)


@given(byte_patches())
def test_hunks_cover_whole_lines_and_never_touch(case: tuple[bytes, Patch]) -> None:
    base, patch = case
    hunks = split_hunks(patch, {"f": base})
    for hunk in hunks:
        assert hunk.edit.start == 0 or base[hunk.edit.start - 1 : hunk.edit.start] == b"\n"
        assert hunk.first_line == base.count(b"\n", 0, hunk.edit.start)
        assert len(hunk.removed) == len(lines_of(hunk.edit.old))
        assert hunk.edit.old != hunk.edit.new
    for one, next_one in itertools.pairwise(hunks):
        assert one.edit.span.end < next_one.edit.start
    assert [hunk.id for hunk in hunks] == [f"h{n + 1}" for n in range(len(hunks))]


def test_edits_that_undo_one_another_are_no_hunk() -> None:
    patch = Patch((FilePatch("f", digest(b"a\n"), (Edit(1, b"\n", b""), Edit(2, b"", b"\n"))),))
    assert split_hunks(patch, {"f": b"a\n"}) == ()


def test_hunks_that_were_edited_back_to_what_is_there_are_no_part_of_a_patch() -> None:
    base = {"f": b"a\nb\nc\n", "g": b"x\n"}
    patch = patch_between(base, {"f": b"a\nnew\nb\nC\n", "g": b"y\n"})
    first, second, third = split_hunks(patch, base)
    emptied = replace(first, edit=Edit(first.edit.start, b"", b""))
    back = replace(third, edit=Edit(0, b"x\n", b"x\n"))
    assert [hunk.is_change for hunk in (first, emptied, back)] == [True, False, False]
    assert combine((emptied, second, back), base).files == (FilePatch("f", digest(base["f"]), (second.edit,)),)
    assert combine((emptied, back), base).is_empty
    with pytest.raises(StaleBaseError):
        combine((emptied,), {})


def by_lines(hunks: list[Hunk], base: bytes) -> bytes:
    """The same choice made by line numbers instead of bytes."""
    lines = lines_of(base)
    for hunk in reversed(hunks):
        lines[hunk.first_line : hunk.first_line + len(hunk.removed)] = lines_of(hunk.edit.new)
    return b"".join(lines)


@given(TEXT, TEXT, st.data())
def test_any_subset_in_any_order_is_a_valid_patch(base: bytes, new: bytes, data: st.DataObject) -> None:
    hunks = split_hunks(patch_between({"f": base}, {"f": new}), {"f": base})
    chosen = [hunk for hunk in hunks if data.draw(st.booleans())]
    shuffled = data.draw(st.permutations(chosen))
    assert result(combine(shuffled, {"f": base}), base) == by_lines(chosen, base)


@given(TEXT, TEXT)
@settings(max_examples=200)
def test_pieces_of_split_hunks_make_the_same_text(base: bytes, new: bytes) -> None:
    hunks = split_hunks(patch_between({"f": base}, {"f": new}), {"f": base})
    pieces = [piece for hunk in hunks for piece in split_further(hunk)]
    assert result(combine(reversed(pieces), {"f": base}), base) == new
    assert len({piece.key for piece in pieces}) == len(pieces)


@given(TEXT, TEXT, st.data())
def test_choosing_pieces_never_glues_lines_together(base: bytes, new: bytes, data: st.DataObject) -> None:
    hunks = split_hunks(patch_between({"f": base}, {"f": new}), {"f": base})
    pieces = [piece for hunk in hunks for piece in split_further(hunk)]
    chosen = [piece for piece in pieces if data.draw(st.booleans())]
    whole = {line.rstrip(b"\n") for line in [*lines_of(base), *lines_of(new)]}
    assert {line.rstrip(b"\n") for line in lines_of(result(combine(chosen, {"f": base}), base))} <= whole


def test_two_inserted_lines_split_and_keep_their_order() -> None:
    base = b"a\nd\n"
    (hunk,) = split_hunks(patch_between({"f": base}, {"f": b"a\nb\nc\nd\n"}), {"f": base})
    pieces = split_further(hunk)
    assert [piece.id for piece in pieces] == ["h1.1", "h1.2"]
    assert result(combine(pieces[::-1], {"f": base}), base) == b"a\nb\nc\nd\n"
    assert result(combine(pieces[1:], {"f": base}), base) == b"a\nc\nd\n"
    assert split_further(pieces[0]) == (pieces[0],)


def test_edits_inside_one_line_show_the_whole_line() -> None:
    source = SourceFile("f", b"one\nif a < b:\r\nthree\n")
    (hunk,) = split_hunks(edit_file(source, [Edit(9, b"<", b"<=")]), {"f": source.data})
    assert (hunk.first_line, hunk.removed, hunk.added) == (1, ("if a < b:",), ("if a <= b:",))
    assert context(hunk, source, 1) == (("one",), ("three",))
    assert context(hunk, source, 0) == ((), ())


def test_a_change_of_line_ends_alone_says_so() -> None:
    base = b"a\r\nb\n"
    (hunk,) = split_hunks(patch_between({"f": base}, {"f": b"a\nb\n"}), {"f": base})
    assert hunk.only_line_ends


def test_another_base_is_refused() -> None:
    patch = patch_between({"f": b"a\n"}, {"f": b"b\n"})
    with pytest.raises(StaleBaseError):
        split_hunks(patch, {"f": b"c\n"})
    with pytest.raises(StaleBaseError):
        split_hunks(patch, {})
    hunks = split_hunks(patch, {"f": b"a\n"})
    with pytest.raises(StaleBaseError):
        combine(hunks, {"f": b"c\n"})
    with pytest.raises(StaleBaseError):
        combine(hunks, {})


def test_hunks_of_several_files_are_numbered_through() -> None:
    base = {"a": b"1\n2\n3\n", "b": b"1\n"}
    hunks = split_hunks(patch_between(base, {"a": b"x\n2\ny\n", "b": b"z\n"}), base)
    assert [(hunk.id, hunk.path, hunk.first_line) for hunk in hunks] == [("h1", "a", 0), ("h2", "a", 2), ("h3", "b", 0)]
    assert combine(hunks[:1] + hunks[2:], base).apply(base) == {"a": b"x\n2\n3\n", "b": b"z\n"}
