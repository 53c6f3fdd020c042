"""A patch carried over to a file that was edited elsewhere since."""

from __future__ import annotations

from collections.abc import Mapping

from refine_tui.core.errors import StaleBaseError
from refine_tui.core.hunks import whole_line_edits
from refine_tui.core.patch import Edit, FilePatch, Patch
from refine_tui.core.text import SourceFile, digest


def carry(patch: Patch, bases: Mapping[str, bytes], now: Mapping[str, bytes]) -> Patch:
    """Return the patch for the files as they are `now`; `bases` holds what it was made for.

    Only edits with an unchanged line between them and every other edit are carried.

    Raises:
        StaleBaseError: a file is gone, or was changed at or beside a place the patch changes.
    """
    return Patch(tuple(_carry_file(file, bases.get(file.path, b""), now.get(file.path)) for file in patch.files))


def _carry_file(file: FilePatch, base: bytes, now: bytes | None) -> FilePatch:
    if file.creates:
        if now is not None:
            raise StaleBaseError(f"{file.path} is there already. Move it away first: nothing was written.")
        return file
    if now is None:
        raise StaleBaseError(f"{file.path} is gone. Put it back first.")
    if digest(now) == file.base_digest:
        return file
    if file.removes:
        raise StaleBaseError(f"{file.path} was changed since it was created. Remove it by hand: nothing was written.")
    source = SourceFile(file.path, base)
    theirs = list(whole_line_edits(source, [Edit(0, base, now)]))
    ours = list(whole_line_edits(source, file.edits))
    if any(_beside(base, edit, other) for edit in ours for other in theirs):
        raise StaleBaseError(f"{file.path} was changed since, at the same place. Change it by hand: nothing was written.")
    return FilePatch(file.path, digest(now), tuple(Edit(edit.start + _shift(edit, theirs), edit.old, edit.new) for edit in ours))


def _beside(base: bytes, edit: Edit, other: Edit) -> bool:
    """Say whether two whole-line edits have no unchanged line between them."""
    first, second = sorted((edit, other))
    return base.count(b"\n", first.span.end, max(first.span.end, second.start)) < 1


def _shift(edit: Edit, theirs: list[Edit]) -> int:
    return sum(len(other.new) - len(other.old) for other in theirs if other.start < edit.start)
