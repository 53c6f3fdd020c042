"""Carrying a patch over to a newer text of its file, or refusing: lines are never matched by resemblance."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from refine_tui.core.patch import Edit, FilePatch, Patch
from refine_tui.core.text import digest

NEIGHBOURS = 1
"""Unchanged lines that must stand on either side of an edit for it to be carried over."""


def rebase(patch: Patch, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Patch | None:
    """Return the same change on newer texts, or `None` when a newer text differs where the patch changes it.

    Args:
        patch: against `old`.
        old: path → the base's content.
        new: path → the content now; a missing path cannot be carried over.
    """
    files = []
    for file in patch.files:
        if file.creates and file.path not in new:
            files.append(file)
            continue
        if file.creates or file.path not in new:
            return None
        edits = _moved(file.edits, old[file.path], new[file.path])
        if edits is None:
            return None
        files.append(FilePatch(file.path, digest(new[file.path]), edits))
    return Patch(tuple(files))


def _moved(edits: tuple[Edit, ...], old: bytes, new: bytes) -> tuple[Edit, ...] | None:
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    starts, new_starts = _starts(before), _starts(after)
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    moved = []
    for edit in edits:
        place = next((b for b in blocks if _surrounds(b, edit, starts, len(before), len(after))), None)
        if place is None:
            return None
        moved.append(Edit(edit.start - starts[place.a] + new_starts[place.b], edit.old, edit.new))
    return tuple(moved)


def _surrounds(block: difflib.Match, edit: Edit, starts: list[int], old_lines: int, new_lines: int) -> bool:
    first, last = block.a, block.a + block.size
    top = first == 0 == block.b or starts[min(first + NEIGHBOURS, old_lines)] <= edit.start
    at_end = last == old_lines and block.b + block.size == new_lines
    bottom = at_end or edit.span.end <= starts[max(last - NEIGHBOURS, 0)]
    return block.size > 0 and starts[first] <= edit.start and edit.span.end <= starts[last] and top and bottom


def _starts(lines: list[bytes]) -> list[int]:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return starts
