"""Files that appear and vanish: a name is given only where it is free, and what loses its name is looked at before it goes.

A created file has two names, its own and the temporary one, until the write is done: that tells a recovery whose file stands there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from refine_tui.core.errors import ProjectError, SafetyError
from refine_tui.core.patch import ABSENT
from refine_tui.core.text import digest
from refine_tui.workspace.beneath import read_at
from refine_tui.workspace.disk import Disk
from refine_tui.workspace.keeping import Store

if TYPE_CHECKING:
    from refine_tui.workspace.applying import Place


def appear(disk: Disk, place: Place) -> bool:
    """Give the new file its name; say no when somebody else has created one there."""
    return _linked(disk, place, place.ours)


def vanish(disk: Disk, place: Place) -> bool:
    """Take the file's name away; give it back and say no when it is not what the patch was made for."""
    disk.rename(place.folder, place.name, place.ours)
    if digest_at(place, place.ours) == place.base:
        return True
    _give_back(disk, place, place.ours)
    return False


def settle(disk: Disk, store: Store, write: int, place: Place) -> None:
    """Let a created file have one name."""
    mine = identity(place, place.ours)
    if mine is not None and mine == identity(place, place.name):
        disk.unlink(place.folder, place.ours)
    elif mine is not None:
        store.keep(place.folder, place.ours, write, place.index, place.new_digest)


def restore(disk: Disk, store: Store, write: int, place: Place) -> str:
    """Undo what was done of an appearing or a vanishing, after an error or a crash; returns a sentence when the file stays."""
    if identity(place, place.ours) is None:
        return ""
    note = _unmake(disk, store, write, place) if place.base == ABSENT else _bring_back(disk, place)
    disk.sync(place.folder)
    if (content := digest_at(place, place.ours)) is not None:
        store.keep(place.folder, place.ours, write, place.index, content)
    return note.format(store.folder)


def _unmake(disk: Disk, store: Store, write: int, place: Place) -> str:
    """Take the created file away again, unless the user went on with it."""
    _finish(disk, store, write, place)
    if identity(place, place.name) != identity(place, place.ours):
        return ""
    if digest_at(place, place.ours) == place.new_digest:
        disk.rename(place.folder, place.name, place.spare)
        _finish(disk, store, write, place)
    if identity(place, place.name) != identity(place, place.ours):
        return ""
    disk.unlink(place.folder, place.ours)
    return f"{place.path} was changed since it was created and stays as it is."


def _finish(disk: Disk, store: Store, write: int, place: Place) -> None:
    """Decide about a file that has lost its name to the spare one: our own, unchanged, goes; any other gets its name back."""
    spare = identity(place, place.spare)
    if spare is None:
        return
    if spare == identity(place, place.ours) and digest_at(place, place.spare) == place.new_digest:
        disk.unlink(place.folder, place.spare)
    elif not _give_back(disk, place, place.spare):
        store.keep(place.folder, place.spare, write, place.index, digest_at(place, place.spare) or "")


def _bring_back(disk: Disk, place: Place) -> str:
    """Give the file that was taken away its name again."""
    if identity(place, place.name) == identity(place, place.ours):
        disk.unlink(place.folder, place.ours)
    elif not _give_back(disk, place, place.ours):
        return f"{place.path} was written anew meanwhile and stays as it is; its text from before is kept in {{}}."
    return ""


def _give_back(disk: Disk, place: Place, name: str) -> bool:
    if not _linked(disk, place, name):
        return False
    disk.unlink(place.folder, name)
    return True


def _linked(disk: Disk, place: Place, name: str) -> bool:
    try:
        disk.link(place.folder, name, place.name)
    except FileExistsError:
        return identity(place, name) == identity(place, place.name)
    return True


def digest_at(place: Place, name: str) -> str | None:
    """Return the digest of a file; `None` if it is gone, and empty if it is not a plain file any more."""
    try:
        return digest(read_at(place.folder, name)[0])
    except FileNotFoundError:
        return None
    except (ProjectError, SafetyError, PermissionError):
        return ""


def identity(place: Place, name: str) -> tuple[int, int] | None:
    """Return what stays the same when a file is renamed; `None` if there is none of that name."""
    try:
        found = os.lstat(name, dir_fd=place.folder)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
