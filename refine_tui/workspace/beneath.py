"""Reaching files beneath a folder and nowhere else: one component at a time, by folder descriptor, never through a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from refine_tui.core.errors import ProjectError, SafetyError

READ_LIMIT = 64 * 1024 * 1024
"""Bytes; a larger file is not source."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def parts_of(path: str) -> tuple[str, ...]:
    """Split a project-relative path.

    Raises:
        SafetyError: it is absolute, empty, or climbs.
    """
    parts = tuple(path.split("/"))
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise SafetyError(f"{path!r} leads outside the project. Name a file by its path from the project's folder.")
    return parts


@contextmanager
def opened_root(root: os.PathLike[str]) -> Iterator[int]:
    """Open the project's folder for the time of a block.

    Raises:
        ProjectError: it is gone, is no folder, or cannot be read.
    """
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ProjectError(f"The project folder {os.fspath(root)} cannot be opened: {error.strerror}.") from error
    try:
        yield folder
    finally:
        os.close(folder)


def open_folder(root: int, path: str) -> tuple[int, str]:
    """Open the folder that holds `path`; return its descriptor, which the caller closes, and the last name.

    Raises:
        SafetyError: the path leads outside or through a link.
        FileNotFoundError: a folder on the way is missing.
        OSError: the system refuses.
    """
    *folders, name = parts_of(path)
    here = os.dup(root)
    try:
        for part in folders:
            below = _step_into(here, part, path)
            os.close(here)
            here = below
    except BaseException:
        os.close(here)
        raise
    return here, name


def _step_into(folder: int, part: str, path: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except OSError as error:
        with suppress(OSError):
            if stat.S_ISLNK(os.lstat(part, dir_fd=folder).st_mode):
                raise SafetyError(f"{path} is reached through the link {part}. Use the real path.") from error
        if error.errno == errno.ENOTDIR:
            raise FileNotFoundError(errno.ENOENT, "no such file", path) from error
        raise


def read_at(folder: int, name: str) -> tuple[bytes, os.stat_result]:
    """Read a regular file in an open folder; never follows a link and never blocks on a pipe.

    Raises:
        SafetyError: it is a link.
        ProjectError: it is no regular file, or larger than `READ_LIMIT`.
        OSError: the system refuses.
    """
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise SafetyError(f"{name} is a link. Use the real path.") from error
        raise
    try:
        return read_open(file, name)
    finally:
        os.close(file)


def read_open(file: int, name: str) -> tuple[bytes, os.stat_result]:
    """Read an open file from its beginning. Raises as `read_at`."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise ProjectError(f"{name} is not a regular file.")
    if found.st_size > READ_LIMIT:
        raise ProjectError(f"{name} is larger than {READ_LIMIT // 1024 // 1024} MB.")
    chunks, at = [], 0
    while chunk := os.pread(file, 1 << 20, at):
        chunks.append(chunk)
        at += len(chunk)
    return b"".join(chunks), found


def read_beneath(root: int, path: str) -> tuple[bytes, os.stat_result]:
    """Read a file by its project-relative path. Raises as `open_folder` and `read_at`."""
    folder, name = open_folder(root, path)
    try:
        return read_at(folder, name)
    finally:
        os.close(folder)
