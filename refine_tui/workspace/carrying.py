"""What was written, carried over to files that were edited elsewhere since, or a refusal that says why."""

from __future__ import annotations

from collections.abc import Mapping

from refine_tui.core.errors import StaleBaseError
from refine_tui.core.patch import FilePatch, Patch
from refine_tui.core.rebase import moved
from refine_tui.core.text import digest


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
    edits = moved(file.edits, base, now)
    if edits is None:
        raise StaleBaseError(f"{file.path} was changed since, at the same place. Change it by hand: nothing was written.")
    return FilePatch(file.path, digest(now), edits)
