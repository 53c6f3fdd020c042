"""Filters for system calls, assembled here: a classic BPF program the kernel runs before every call.

Numbers are the kernel's, for x86-64 and for arm64 (the generic table). What is denied is what a test run has no use for and what has
been the way out of sandboxes: mounts, namespaces, tracing, keys, BPF, io_uring, kernel modules, unusual socket families.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Mapping

_DENIED: Mapping[str, tuple[int | None, int | None]] = {
    # name: (x86-64, arm64)
    "_sysctl": (156, None),
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, None),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
}
_ABSENT: Mapping[str, tuple[int, int]] = {
    # ENOSYS makes programs use the older call (clone) or an ordinary file. Memory behind these calls belongs to no process,
    # so no limit of ours would see it.
    "clone3": (435, 435),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
}
_STRICT: Mapping[str, tuple[int | None, int | None]] = {
    # Changes to the outside that Landlock does not refuse.
    "chown": (92, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "fremovexattr": (199, 16),
    "fsetxattr": (190, 7),
    "ioprio_set": (251, 30),
    "lchown": (94, None),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "pidfd_open": (434, 434),
    "removexattr": (197, 14),
    "removexattrat": (466, 466),
    "semget": (64, 190),
    "setpriority": (141, 140),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
    "file_setattr": (469, 469),
}
_STRICT_IGNORED: Mapping[str, tuple[int | None, int | None]] = {
    # Copying a file sets its mode and times; refusing would break every copy, so these report success and do nothing.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "futimesat": (261, None),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
}
_INDEX = {"x86_64": 0, "aarch64": 1}
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SOCKET, _SOCKETPAIR, _CLONE, _IOCTL, _PERSONALITY = (41, 198), (53, 199), (56, 220), (16, 29), (135, 92)
_OF_ANOTHER = ((302, 261), (203, 122), (144, 119), (142, 118), (314, 274))
"""prlimit64, sched_setaffinity, sched_setscheduler, sched_setparam, sched_setattr: fine on oneself, which is process 0."""
_SIGNALS = ((62, 129), (200, 130), (234, 131), (129, 138), (297, 240), (424, 424))

_NAMESPACE_FLAGS = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
_TERMINAL_REQUESTS = (0x5412, 0x541C, 0x541D, 0x5423)
"""TIOCSTI types into a terminal; TIOCLINUX, TIOCCONS and TIOCSETD reach the console and line disciplines."""
_PERSONALITIES = (0, 0x40000, 0xFFFFFFFF)
"""Plain Linux, without address randomisation (debuggers, sanitizers), and the query."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000

SUPPORTED = tuple(_INDEX)


def isolated_filter(machine: str) -> bytes:
    """Return the filter for namespaces: internal sockets work, as the network has only a loopback.

    Args:
        machine: as `platform.machine()` says.

    Raises:
        KeyError: no table for that machine; see `SUPPORTED`.
    """
    return _assemble(machine, _common(machine) + _only_families(machine, (1, 2, 10)))


def confined_filter(machine: str, *, own_signals_only: bool) -> bytes:
    """Return the strict filter for a process that shares the host's namespaces: no sockets, no changes Landlock does not see.

    Args:
        machine: as `platform.machine()` says.
        own_signals_only: refuse signals to others altogether, where Landlock cannot limit them to the sandbox.

    Raises:
        KeyError: no table for that machine.
    """
    index = _INDEX[machine]
    rules = _common(machine) + _numbers(_STRICT.values(), index, _ERRNO | errno.EPERM)
    rules += _numbers(_STRICT_IGNORED.values(), index, _ERRNO)
    rules += _only_families(machine, ())
    for call in _OF_ANOTHER:
        rules += _argument(call[index], 0, _allow_list((0,)))
    if own_signals_only:
        rules += _numbers(_SIGNALS, index, _ERRNO | errno.EPERM)
    return _assemble(machine, rules)


def _common(machine: str) -> list[bytes]:
    index = _INDEX[machine]
    rules = _numbers(_DENIED.values(), index, _ERRNO | errno.EPERM)
    rules += _numbers(_ABSENT.values(), index, _ERRNO | errno.ENOSYS)
    rules += _argument(_CLONE[index], 0, [_step(_ANY_BIT, _NAMESPACE_FLAGS, 0, 1), _deny()])
    checks = [part for request in _TERMINAL_REQUESTS for part in (_step(_EQUAL, request, 0, 1), _deny())]
    rules += _argument(_IOCTL[index], 1, checks)
    return rules + _argument(_PERSONALITY[index], 0, _allow_list(_PERSONALITIES))


def _only_families(machine: str, families: tuple[int, ...]) -> list[bytes]:
    index = _INDEX[machine]
    pair = _argument(_SOCKETPAIR[index], 0, _allow_list((1,)))
    return pair + _argument(_SOCKET[index], 0, _allow_list(families))


def _allow_list(values: tuple[int, ...]) -> list[bytes]:
    """Deny unless the loaded word is one of the values."""
    return [_step(_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)] + [_deny()]


def _numbers(calls: Iterable[tuple[int | None, int | None]], index: int, verdict: int) -> list[bytes]:
    found = sorted({call[index] for call in calls} - {None}, key=lambda number: number or 0)
    return [part for number in found if number is not None for part in (_step(_EQUAL, number, 0, 1), _step(_RETURN, verdict))]


def _argument(number: int, place: int, checks: list[bytes]) -> list[bytes]:
    """Apply checks to the low 32 bits of one argument of one call, then go on with the call's number loaded again."""
    body = [_step(_LOAD, 16 + 8 * place), *checks, _step(_LOAD, 0)]
    return [_step(_EQUAL, number, 0, len(body)), *body]


def _assemble(machine: str, rules: list[bytes]) -> bytes:
    start = [_step(_LOAD, 4), _step(_EQUAL, _AUDIT[machine], 1, 0), _step(_RETURN, _KILL), _step(_LOAD, 0)]
    if machine == "x86_64":
        # The x32 table would offer every denied call under a second number.
        start += [_step(_AT_LEAST, 0x40000000, 0, 1), _step(_RETURN, _KILL)]
    return b"".join([*start, *rules, _step(_RETURN, _ALLOW)])


def _deny() -> bytes:
    return _step(_RETURN, _ERRNO | errno.EPERM)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
