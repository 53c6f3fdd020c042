"""One writing process for each project."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from refine_tui.core.errors import SafetyError, StorageError

_LOCK_NAME = "lock"


@contextmanager
def hold_project(folder: Path) -> Iterator[None]:
    """Keep every other process out for the time of a block; the system lets go when this one dies.

    Commands that only read need not hold the project. `folder` is the project's state folder.

    Raises:
        SafetyError: another process holds it.
        StorageError: the folder cannot be used, or its file system has no locks.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"The state folder {folder} cannot be used: {error.strerror}. Check that it is yours to write.") from error
    try:
        _lock(file)
        yield
    finally:
        os.close(file)


def _lock(file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise SafetyError(f"Another refine-tui (pid {owner}) works on this project. Close it first, then try again.") from error
    except OSError as error:
        advice = "Without locks two programs could write at once: keep the state on a file system that has them (XDG_STATE_HOME)."
        raise StorageError(f"The state folder cannot be locked: {error.strerror}. {advice}") from error
    # On a full disk nobody learns who holds it; it is held all the same.
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
