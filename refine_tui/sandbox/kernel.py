# ruff: noqa: PTH112, PTH123
# Runs in any interpreter from 3.8 on; `os` says exactly what is called.
"""Calls to the Linux kernel that the standard library lacks: mounts, namespaces, Landlock, and giving up rights for good.

One stand-alone file, put next to `inside.py` and `confine.py` wherever these run: standard library only, Python 3.8 or newer.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC = 1, 2, 4, 8, 32, 4096, 16384
NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
PDEATHSIG, SET_DUMPABLE, SET_SECCOMP, CAPBSET_DROP, CHILD_SUBREAPER, NO_NEW_PRIVS = 1, 4, 22, 24, 36, 38

_CLOSE_RANGE, _CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 436, 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE, _IOCTL_DEVICE = 1, 2, 4, 8, 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE

_libc = ctypes.CDLL(None, use_errno=True)
_LINUX = os.uname().sysname == "Linux"


class SetUpError(OSError):
    """Raised when the kernel refuses a part of the sandbox."""


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Mount, bind or remount, as in mount(2)."""
    result = _libc.mount(os.fsencode(source), os.fsencode(target), kind.encode() if kind else None, flags, options.encode() or None)
    check(result, f"mount {kind or source} on {target}")


def prctl(option: int, value: int) -> None:
    """Set one attribute of this process, as in prctl(2)."""
    check(_libc.prctl(option, value, 0, 0, 0), f"prctl {option}")


def enter(namespaces: int) -> None:
    """Leave for new namespaces, a user namespace among them, and stay the same user there."""
    uid, gid = os.getuid(), os.getgid()
    check(_libc.unshare(namespaces), "unshare (not possible in a process with threads)")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def loopback_up() -> None:
    """Bring up the loopback of a new network namespace."""
    probe = _libc.socket(2, 2, 0)  # the module `socket` takes longer to import than all this takes to run
    check(min(probe, 0), "socket")
    fcntl.ioctl(probe, 0x8914, struct.pack("16sH14x", b"lo", 0x41))
    os.close(probe)


def limit(bounds: Mapping[str, float]) -> None:
    """Set this process's limits; what is already lower stays."""
    memory, disk = int(bounds["memory_bytes"]), int(bounds["disk_bytes"])
    cpu = max(1, int(bounds["cpu_s"] + 0.999))
    _set_limit(resource.RLIMIT_CORE, 0, 0)
    _set_limit(resource.RLIMIT_CPU, cpu, cpu + 1)
    _set_limit(resource.RLIMIT_FSIZE, disk, disk)
    _set_limit(resource.RLIMIT_NPROC, int(bounds["processes"]), int(bounds["processes"]))
    _set_limit(resource.RLIMIT_NOFILE, 1024, 4096)
    if hasattr(resource, "RLIMIT_MSGQUEUE"):
        _set_limit(resource.RLIMIT_MEMLOCK, 8 << 20, 8 << 20)
        # Address space is not memory: runtimes reserve a lot. It only bounds how far one process overshoots between two looks.
        _set_limit(resource.RLIMIT_AS, 4 * memory + (4 << 30), 4 * memory + (4 << 30))


def drop_rights(program: bytes) -> None:
    """Give up every capability for good, then filter system calls.

    Args:
        program: BPF; empty for no filter.
    """
    for capability in range(64):
        if _libc.prctl(CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    check(_libc.capset(struct.pack("=II", 0x20080522, 0), bytes(24)), "capset")
    prctl(NO_NEW_PRIVS, 1)
    if program:
        buffer = ctypes.create_string_buffer(program, len(program))
        filters = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
        check(_libc.prctl(SET_SECCOMP, 2, filters, 0, 0), "seccomp")


def landlock_version() -> int:
    """Return the version of the kernel's Landlock interface; 0 without Landlock."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, 1)))


def landlock(readable: Sequence[str], writable: Sequence[str]) -> None:
    """Refuse this process and its children everything in the file system but these paths, TCP, and signals to others.

    Args:
        readable: files and folders to read and execute; those that do not exist are passed over.
        writable: files and folders to change at will.
    """
    version = landlock_version()
    handled = (1 << (16 if version >= 5 else 15)) - 1
    attributes = struct.pack("=QQQ", handled, 0b11, 0b11)[: 24 if version >= 6 else 16]
    ruleset = int(_libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    check(min(ruleset, 0), "landlock")
    for allowed, paths in ((_READ, readable), (handled, writable)):
        for fd, is_folder in _opened(paths):
            rule = struct.pack("=Qi", allowed & handled & (~0 if is_folder else _ON_FILES), fd)
            check(_libc.syscall(_ADD_RULE, ruleset, 1, rule, 0), "landlock rule")
    prctl(NO_NEW_PRIVS, 1)
    check(_libc.syscall(_RESTRICT_SELF, ruleset, 0), "landlock")
    os.close(ruleset)


def close_all_but(kept: Sequence[int]) -> None:
    """Close every open file except some."""
    first = 0
    for fd in [*sorted(set(kept)), 1 << 16]:
        # `os.closerange` tries every single number in older interpreters. Elsewhere than on Linux the number means another call.
        if fd > first and (not _LINUX or _libc.syscall(_CLOSE_RANGE, first, fd - 1, 0) != 0):
            os.closerange(first, fd)
        first = fd + 1


def exit_status(status: int) -> int:
    """Turn what `waitpid` says into an exit status: 128 + number for a signal."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def check(result: int, what: str) -> None:
    """Raise what errno says unless the result is 0."""
    if result != 0:
        error = ctypes.get_errno()
        raise SetUpError(error, f"sandbox: {what}: {os.strerror(error)}")


def _set_limit(what: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(what)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(what, (soft, hard))


def _opened(paths: Sequence[str]) -> Iterator[tuple[int, bool]]:
    for path in paths:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        yield fd, os.path.isdir(path)
        os.close(fd)
