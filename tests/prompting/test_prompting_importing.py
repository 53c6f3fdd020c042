"""Patches made elsewhere: exact, then by white space, else refused with the nearest place; never anything else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refine_tui.core.errors import RefineError, SafetyError, UsageError
from refine_tui.core.patch import Patch, create_file, patch_between
from refine_tui.core.unified import unified
from refine_tui.prompting.importing import Imported, read_patch

CART = b"""class Cart:
    def total(self):
        result = 0
        for item in self.items:
            result += item.price
        return result

    def count(self):
        result = 0
        for item in self.items:
            result += 1
        return result
"""
LINES = st.lists(st.sampled_from([b"a", b"b", b"    a", b"", b"x = 1", b"-- a", b"++ b", b"@@", b"\xff", b"\r"]), max_size=8)
TEXTS = st.tuples(LINES, st.booleans()).map(lambda made: b"\n".join(made[0]) + (b"\n" if made[1] and made[0] else b""))
PATHS = st.sampled_from(["a.py", "a b.py", 'q"\\.py', "ü.py", "src/a.py"])


def brought(text: bytes, tree: Mapping[str, bytes]) -> Imported:
    return read_patch(text, tree.get, list(tree))


def result(text: bytes, tree: Mapping[str, bytes]) -> dict[str, bytes]:
    return brought(text, tree).patch.apply(tree)


def brought_or_refused(text: bytes, tree: Mapping[str, bytes]) -> Imported | str:
    try:
        return brought(text, tree)
    except RefineError as error:
        return str(error)


def ended(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def block(path: str, old: bytes, new: bytes) -> bytes:
    return b"%s\n<<<<<<< SEARCH\n%s=======\n%s>>>>>>> REPLACE\n" % (path.encode(), old, new)


@given(st.dictionaries(PATHS, st.tuples(TEXTS, TEXTS), min_size=1, max_size=3))
def test_any_diff_we_write_is_read_back_to_the_same_result(files: dict[str, tuple[bytes, bytes]]) -> None:
    old, new = {p: a for p, (a, _) in files.items()}, {p: b for p, (_, b) in files.items()}
    patch = patch_between(old, new)
    assume(not patch.is_empty)
    found = brought_or_refused(unified(patch, old), old)
    # A file without lines leaves nothing to go by; otherwise the line numbers tell which of equal places is meant.
    assert found.patch.apply(old) == patch.apply(old) if isinstance(found, Imported) else "to go by" in found


@given(LINES, LINES.filter(lambda lines: bool(b"".join(lines).strip())), LINES, LINES)
def test_a_block_that_stands_once_replaces_exactly_that_and_one_that_stands_twice_nothing(
    before: list[bytes], old: list[bytes], after: list[bytes], new: list[bytes]
) -> None:
    lines = [*before, *old, *after]
    stands = sum(lines[at : at + len(old)] == old for at in range(len(lines)))
    found = brought_or_refused(block("a.py", ended(old), ended(new)), {"a.py": ended(lines)})
    if isinstance(found, Imported):
        assert stands == 1
        assert found.patch.apply(found.tree) == {"a.py": ended([*before, *new, *after])}
    else:
        assert "changes nothing" in found if old == new and stands == 1 else f"stands in {stands} places" in found


@given(st.binary(max_size=80) | st.text("<>=-+@ SEARCH/REPLACE\n0123,ab", max_size=120).map(str.encode))
def test_reading_anything_at_all_gives_a_patch_or_a_sentence(text: bytes) -> None:
    tree = {"a.py": CART, "b": b""}
    for given_text in (text, b"--- a/a.py\n+++ b/a.py\n@@ -1,2 +1 @@\n" + text, block("a.py", text, b"x\n")):
        found = brought_or_refused(given_text, tree)
        assert found.patch.apply(tree) if isinstance(found, Imported) else found


@given(st.sampled_from(["", "  ", "\t", "        "]), st.sampled_from(["", " ", "\t "]))
def test_a_block_that_differs_in_white_space_only_gets_the_files_own(shift: str, tail: str) -> None:
    inner = ["for item in self.items:", "    result += item.price"]
    fresh = ["for item in self.items:", "    if item:", "        result += item.price"]
    old, new = ("".join(f"{shift}{line}{tail}\n" for line in lines).encode() for lines in (inner, fresh))
    found = brought(block("cart.py", old, new), {"cart.py": CART})
    expected = CART.replace(
        b"            result += item.price\n", f"            if item:{tail}\n                result += item.price{tail}\n".encode()
    )
    assert found.patch.apply({"cart.py": CART}) == {"cart.py": expected}
    assert bool(found.by_space) == ((shift, tail) != ("        ", ""))


@given(st.integers(0, 5), st.sampled_from([b"x", b"0", b"_"]))
def test_one_other_letter_is_enough_to_be_refused_with_the_nearest_place(row: int, letter: bytes) -> None:
    lines = CART.splitlines(keepends=True)[:6]
    lines[row] = lines[row].replace(b"\n", letter + b"\n")
    with pytest.raises(UsageError, match=rf"nearest place is line 1: line {row + 1} has"):
        brought(block("cart.py", b"".join(lines), b"gone\n"), {"cart.py": CART})


def test_lines_that_stay_keep_the_files_bytes_and_line_ends() -> None:
    base = b"if a:\r\n\tb  =  1\r\n\tc = 2\r\n"
    assert result(block("w.py", b"if a:\n    b = 1\n    c = 2\n", b"if a:\n    b = 1\n    c = 3\n"), {"w.py": base}) == {
        "w.py": b"if a:\r\n\tb  =  1\r\n\tc = 3\r\n"
    }


def test_indentation_that_the_file_does_not_tell_is_refused() -> None:
    with pytest.raises(UsageError, match=r"does not tell how its new lines are to be indented"):
        brought(block("w.py", b"if a:\n    b = 1\n", b"if a:\n    if c:\n        b = 1\n"), {"w.py": b"if a:\n\tb = 1\n"})


def test_a_block_that_stands_twice_is_refused_with_both_places_unless_the_diff_names_one() -> None:
    with pytest.raises(UsageError, match=r"block 1 .* stands in 2 places \(lines 3, 9\)"):
        brought(block("cart.py", b"        result = 0\n", b"        result = 1\n"), {"cart.py": CART})
    named = b"--- a/cart.py\n+++ b/cart.py\n@@ -9 +9 @@\n-        result = 0\n+        result = 1\n"
    assert result(named, {"cart.py": CART})["cart.py"].splitlines()[8] == b"        result = 1"


def test_a_diff_whose_lines_moved_is_placed_where_they_stand_now() -> None:
    diff = unified(patch_between({"cart.py": CART}, {"cart.py": CART.replace(b"+= item.price", b"+= item.cost")}), {"cart.py": CART})
    assert b"item.cost" in result(diff, {"cart.py": b"# one\n# two\n" + CART})["cart.py"]


def test_blocks_follow_one_another_in_what_the_earlier_ones_made() -> None:
    text = block("a.py", b"one\n", b"two\n") + block("a.py", b"two\n", b"three\n").split(b"\n", 1)[1]
    assert result(b"Here it is:\n\n" + text, {"a.py": b"one\nend\n"}) == {"a.py": b"three\nend\n"}


@pytest.mark.parametrize("name", [b"`a.py`", b"**a.py**", b"### a.py:", b"a.py\n```python"])
def test_a_files_name_may_be_decorated(name: bytes) -> None:
    assert result(block("a.py", b"one\n", b"two\n").replace(b"a.py", name, 1), {"a.py": b"one\n"}) == {"a.py": b"two\n"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"hello", "neither a unified diff nor SEARCH/REPLACE"),
        (b"--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+x\n", "creates it, and it is there already"),
        (b"diff --git a/n.py b/n.py\nnew file mode 100755\n--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+x\n", "than a plain file"),
        (b"diff --git a/n.py b/n.py\nnew file mode 100644\nindex 0..1\n", "creates an empty file .line 2"),
        (block("n.py", b"", b"x\n") * 2, "block 2 .* creates it, and it is there already"),
        (b"--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n", "deletes a file"),
        (b"--- a/a.py\n+++ b/b.py\n@@ -1 +1 @@\n-one\n+two\n", "renames a file"),
        (b"diff --git a/a.py b/a.py\nold mode 100644\nnew mode 100755\n", "changes a file's mode"),
        (b"diff --git a/a.py b/a.py\nGIT binary patch\n", "binary"),
        (b"--- a/a.py\n+++ b/a.py\n@@ -1,3 +1 @@\n-one\n+two\n", "as many lines as its head says"),
        (b"--- a/a.py\n+++ b/a.py\n@@ ... @@\n-one\n+two\n", "no line numbers"),
        (b"--- a/a.py\n+++ b/a.py\n@@ -1,0 +2 @@\n+two\n", "no line of the file to go by"),
        (b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-one\n+one\n", "changes nothing"),
        (b"--- a/aa.py\n+++ b/aa.py\n@@ -1 +1 @@\n-one\n+two\n", r"no such file here. Close to it: a\.py"),
        (b"--- a/lib/a.py\n+++ b/lib/a.py\n@@ -1 +1 @@\n-one\n+two\n", r"Close to it: a\.py"),
        (b"<<<<<<< SEARCH\none\n=======\ntwo\n>>>>>>> REPLACE\n", "names no file"),
        (b"a.py\n<<<<<<< SEARCH\none\n>>>>>>> REPLACE\n", "no line of `=======`"),
        (b"a.py\n<<<<<<< SEARCH\none\n=======\ntwo\n", "no line of `>>>>>>> REPLACE`"),
        (b"a.py\n<<<<<<< SEARCH\n=======\ntwo\n>>>>>>> REPLACE\n", "creates it, and it is there already"),
        (b"n.py\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n", "nothing to search for"),
        (block("a.py", b"quite different\n", b"x\n"), "no line of the file resembles it"),
        (block("a.py", b"onee\n", b"x\n"), "nearest place is line 1, which has `one`"),
    ],
)
def test_what_cannot_be_brought_in_is_refused_in_words(text: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        brought(text, {"a.py": b"one\nlast\n"})


@pytest.mark.parametrize("new", [b"", b"x = 1\n", b"x = 1\r\n\r\ny = 2\r\n", b"no line end", b"\n\n"])
@pytest.mark.parametrize("path", ["n.py", "src/a new one.py", "ü.py"])
def test_a_diff_we_write_creates_a_file_beside_a_change(path: str, new: bytes) -> None:
    changed = patch_between({"a.py": b"one\n"}, {"a.py": b"two\n"})
    patch = Patch(tuple(sorted((*changed.files, *create_file(path, new).files), key=lambda file: file.path)))
    found = brought(unified(patch, {"a.py": b"one\n"}), {"a.py": b"one\n"})
    assert found.patch.apply({"a.py": b"one\n"}) == {"a.py": b"two\n"} | ({path: new} if new else {})
    assert found.tree == {"a.py": b"one\n"}


def test_a_block_with_nothing_to_search_for_creates_its_file() -> None:
    found = brought(block("src/n.py", b"", b"x = 1\n") + block("src/n.py", b"x = 1\n", b"x = 2\n"), {})
    assert (found.patch.apply({}), found.tree) == ({"src/n.py": b"x = 2\n"}, {})


def test_what_stands_around_a_diff_is_passed_over() -> None:
    mail = b"From: me\nrename from words in a mail\n\n" + b"diff --git a/a.py b/a.py\nindex 1..2 100644\n"
    text = mail + b"--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-one\n+two\n last\n-- \n2.40\n"
    assert result(text, {"a.py": b"one\nlast\n"}) == {"a.py": b"two\nlast\n"}
    assert result(text.replace(b"\n", b"\r\n"), {"a.py": b"one\nlast\n"}) == {"a.py": b"two\nlast\n"}


@pytest.mark.parametrize("path", ["../a.py", "/etc/passwd", "a/../../b"])
def test_a_path_that_leads_outside_is_refused_for_safety(path: str) -> None:
    with pytest.raises(SafetyError, match="outside the project"):
        brought(block(path, b"one\n", b"two\n"), {path: b"one\n"})
