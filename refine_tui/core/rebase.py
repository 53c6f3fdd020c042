"""Carrying a patch over to a newer text of its file, or refusing: lines are never matched by resemblance."""

from __future__ import annotations

from collections.abc import Mapping

from refine_tui.core.patch import Edit, FilePatch, Patch, line_edits
from refine_tui.core.text import Span, digest


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
        edits = moved(file.edits, old[file.path], new[file.path])
        if edits is None:
            return None
        files.append(FilePatch(file.path, digest(new[file.path]), edits))
    return Patch(tuple(files))


def moved(edits: tuple[Edit, ...], old: bytes, new: bytes) -> tuple[Edit, ...] | None:
    """Return edits of an old text at their places in a newer one; `None` unless an unchanged line stands between each and every change."""
    theirs = line_edits(old, new)
    if any(_beside(old, _lines(old, edit), other.span) for edit in edits for other in theirs):
        return None
    return tuple(Edit(edit.start + _shift(edit, theirs), edit.old, edit.new) for edit in edits)


def _lines(text: bytes, edit: Edit) -> Span:
    """Return the whole lines that an edit changes."""
    start, end = text.rfind(b"\n", 0, edit.start) + 1, edit.span.end
    is_whole = end == start or text[end - 1 : end] == b"\n"
    result = text[start : edit.start] + edit.new
    if not is_whole or (result and not result.endswith(b"\n")):
        end = text.find(b"\n", end) + 1 or len(text)
    return Span(start, end)


def _beside(text: bytes, one: Span, other: Span) -> bool:
    """Say whether no unchanged line stands between two ranges of lines."""
    first, second = sorted((one, other))
    return text.count(b"\n", first.end, max(first.end, second.start)) < 1


def _shift(edit: Edit, theirs: tuple[Edit, ...]) -> int:
    return sum(len(other.new) - len(other.old) for other in theirs if other.start < edit.start)
