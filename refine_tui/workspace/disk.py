"""The calls that change the user's disk. Each is announced before it is made, so that a test can stop or break any one of them."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress

_CHUNK = 1 << 16
_RENAME_EXCHANGE = 2  # the same number in Linux's renameat2 and in macOS's renameatx_np
_RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "ppc64le": 357, "s390x": 347, "armv7l": 382, "i686": 353}
_MISSING = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)

Exchange = Callable[[int, str, str], None]


class Disk:
    """File operations relative to open folders."""

    def __init__(self, announce: Callable[[str], None] | None = None, exchange: Exchange | None = None) -> None:
        self._announce = announce or _silently
        self._exchange = exchange or exchange_names
        self.exchanges = True
        """Whether the file system swaps names at once; false after it was found not to."""

    def announce(self, step: str) -> None:
        """Say that a step is about to happen."""
        self._announce(step)

    def create(self, folder: int, name: str, data: bytes, like: os.stat_result | None, model: str) -> None:
        """Write a new file durably, with the mode, owner and extended attributes of the file `model` beside it, or as any new file."""
        self._announce("create")
        mode = 0o666 if like is None else 0o600
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
        try:
            for at in range(0, len(data), _CHUNK):
                self._announce("write")
                _write_all(file, data[at : at + _CHUNK])
            self._announce("dress")
            if like is not None:
                _dress(file, folder, model, like)
            self._announce("fsync")
            os.fsync(file)
        finally:
            os.close(file)

    def rename(self, folder: int, old: str, new: str) -> None:
        """Rename within one folder."""
        self._announce("rename")
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)

    def link(self, folder: int, old: str, new: str) -> None:
        """Give a file a second name, unless that is taken.

        Raises:
            FileExistsError: it is.
        """
        self._announce("link")
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)

    def move(self, folder: int, name: str, other: int, new: str) -> None:
        """Move a file to another folder of the same file system, and make both folders durable."""
        self._announce("move")
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=other)
        self.sync(other)
        self.sync(folder)

    def unlink(self, folder: int, name: str) -> None:
        """Remove a name, durably: a record that says it is gone may follow."""
        self._announce("unlink")
        os.unlink(name, dir_fd=folder)
        self.sync(folder)

    def sync(self, folder: int) -> None:
        """Make the names in a folder durable."""
        self._announce("fsync folder")
        os.fsync(folder)

    def swap(self, folder: int, ours: str, target: str, spare: str) -> None:
        """Let two names of a folder change places, in one step where the file system can.

        Without that, `spare` keeps the target's file reachable throughout; a save by rename in that moment is not seen.
        """
        self._announce("swap")
        if self.exchanges:
            try:
                self._exchange(folder, ours, target)
                return
            except OSError as error:
                if error.errno not in _MISSING:
                    raise
                self.exchanges = False
        self._swap_by_links(folder, ours, target, spare)

    def _swap_by_links(self, folder: int, ours: str, target: str, spare: str) -> None:
        os.link(target, spare, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        self._announce("swap: linked")
        if not os.path.samestat(os.lstat(spare, dir_fd=folder), os.lstat(target, dir_fd=folder)):
            os.unlink(spare, dir_fd=folder)
            raise OSError(errno.EAGAIN, "the file was replaced meanwhile", target)
        os.rename(ours, target, src_dir_fd=folder, dst_dir_fd=folder)
        self._announce("swap: renamed")
        os.rename(spare, ours, src_dir_fd=folder, dst_dir_fd=folder)


def exchange_names(folder: int, one: str, two: str) -> None:
    """Swap two names at once.

    Raises:
        OSError: with `ENOSYS`, `EINVAL` or `ENOTSUP` where the system or the file system has no such call.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(two)
    if sys.platform == "darwin":
        result = libc.renameatx_np(folder, first, folder, second, ctypes.c_uint(_RENAME_EXCHANGE))
    elif hasattr(libc, "renameat2"):
        result = libc.renameat2(folder, first, folder, second, ctypes.c_uint(_RENAME_EXCHANGE))
    elif (number := _RENAMEAT2.get(platform.machine())) is not None:
        result = libc.syscall(ctypes.c_long(number), folder, first, folder, second, ctypes.c_uint(_RENAME_EXCHANGE))
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), one)


def _silently(step: str) -> None:
    del step


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _dress(file: int, folder: int, model: str, like: os.stat_result) -> None:
    """Give a new file what the old one had, as far as the system allows; only the mode is a must."""
    if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):
            os.fchown(file, like.st_uid if os.geteuid() == 0 else -1, like.st_gid)
    if sys.platform == "linux":
        with suppress(OSError):
            _copy_attributes(file, folder, model)
    mode = like.st_mode & 0o7777
    if os.fstat(file).st_gid != like.st_gid:
        # Another group now: it gets no more than everybody.
        mode = mode & ~0o2070 | (mode & mode << 3 & 0o070)
    os.fchmod(file, mode)


def _copy_attributes(file: int, folder: int, model: str) -> None:
    source = os.open(model, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        for name in os.listxattr(source):
            with suppress(OSError):
                os.setxattr(file, name, os.getxattr(source, name))
    finally:
        os.close(source)
