"""The filter for system calls, run by a small interpreter of BPF: what the kernel would say on each machine."""

from __future__ import annotations

import struct

import pytest

from refine_tui.sandbox.seccomp import SUPPORTED, confined_filter, isolated_filter

ALLOW, KILL = "allow", "kill"
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def verdict(program: bytes, machine: str, number: int, *words: int, audit: int | None = None) -> str:
    """Return `allow`, `kill`, or the number of the error."""
    arguments = [*words, *[0] * (6 - len(words))]
    facts = struct.pack("=IIQ6Q", number, AUDIT[machine] if audit is None else audit, 0, *arguments)
    steps = [struct.unpack_from("=HBBI", program, place) for place in range(0, len(program), 8)]
    loaded, place = 0, 0
    while True:
        code, if_true, if_false, value = steps[place]
        place += 1
        if code == 0x20:
            loaded = struct.unpack_from("=I", facts, value)[0]
        elif code == 0x06:
            return {0x7FFF: ALLOW, 0x8000: KILL}.get(value >> 16, str(value & 0xFFFF))
        else:
            holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
            place += if_true if holds else if_false


@pytest.mark.parametrize(
    ("machine", "number", "words", "expected"),
    [
        ("x86_64", 0, (), ALLOW),  # read
        ("x86_64", 165, (), "1"),  # mount
        ("x86_64", 101, (), "1"),  # ptrace
        ("x86_64", 435, (), "38"),  # clone3
        ("x86_64", 319, (), "38"),  # memfd_create
        ("x86_64", 56, (0x01200011,), ALLOW),  # clone, as fork does it
        ("x86_64", 56, (0x10000011,), "1"),  # with a user namespace
        ("x86_64", 56, (0x00020011,), "1"),  # with a mount namespace
        ("x86_64", 41, (1, 1), ALLOW),  # socket: unix
        ("x86_64", 41, (2, 1), ALLOW),  # internet
        ("x86_64", 41, (10, 1), ALLOW),
        ("x86_64", 41, (16, 3), "1"),  # netlink
        ("x86_64", 41, (40, 1), "1"),  # vsock
        ("x86_64", 41, (38, 5), "1"),  # kernel crypto
        ("x86_64", 41, (0x1_0000_0001, 1), ALLOW),  # the kernel looks at 32 bits, and so does the filter
        ("x86_64", 16, (0, 0x5401), ALLOW),  # ioctl: read the terminal's settings
        ("x86_64", 16, (0, 0x5412), "1"),  # type into the terminal
        ("x86_64", 16, (0, 0xFFFFFFFF_00005412), "1"),
        ("x86_64", 135, (0xFFFFFFFF,), ALLOW),  # personality: ask
        ("x86_64", 135, (0x0400000,), "1"),
        ("x86_64", 0x40000000 + 39, (), KILL),  # the x32 table
        ("aarch64", 63, (), ALLOW),  # read
        ("aarch64", 40, (), "1"),  # mount
        ("aarch64", 117, (), "1"),  # ptrace
        ("aarch64", 435, (), "38"),
        ("aarch64", 220, (0x01200011,), ALLOW),
        ("aarch64", 220, (0x10000011,), "1"),
        ("aarch64", 198, (2, 1), ALLOW),
        ("aarch64", 198, (16, 3), "1"),
        ("aarch64", 29, (0, 0x5412), "1"),
        ("aarch64", 165, (), ALLOW),  # mount's number on the other machine
    ],
)
def test_the_filter_of_namespaces(machine: str, number: int, words: tuple[int, ...], expected: str) -> None:
    assert verdict(isolated_filter(machine), machine, number, *words) == expected


@pytest.mark.parametrize(
    ("machine", "number", "words", "expected"),
    [
        ("x86_64", 41, (1, 1), "1"),  # no sockets at all
        ("x86_64", 53, (1, 1), ALLOW),  # but pairs
        ("x86_64", 90, (), "0"),  # chmod reports success
        ("x86_64", 280, (), "0"),  # so does utimensat
        ("x86_64", 92, (), "1"),  # chown does not
        ("x86_64", 188, (), "1"),  # nor setxattr
        ("x86_64", 302, (0,), ALLOW),  # prlimit64 on oneself
        ("x86_64", 302, (4321,), "1"),
        ("x86_64", 62, (4321, 9), ALLOW),  # kill: Landlock decides
        ("aarch64", 198, (1, 1), "1"),
        ("aarch64", 53, (), "0"),
        ("aarch64", 261, (4321,), "1"),
    ],
)
def test_the_strict_filter(machine: str, number: int, words: tuple[int, ...], expected: str) -> None:
    assert verdict(confined_filter(machine, own_signals_only=False), machine, number, *words) == expected


def test_without_landlocks_help_the_strict_filter_refuses_signals() -> None:
    program = confined_filter("x86_64", own_signals_only=True)

    assert [verdict(program, "x86_64", number) for number in (62, 200, 234, 424)] == ["1"] * 4


@pytest.mark.parametrize("machine", SUPPORTED)
def test_calls_of_a_foreign_machine_end_the_process(machine: str) -> None:
    for program in (isolated_filter(machine), confined_filter(machine, own_signals_only=True)):
        assert verdict(program, machine, 0, audit=0x40000003) == KILL


@pytest.mark.parametrize("machine", SUPPORTED)
def test_a_filter_is_short_enough_for_the_kernel(machine: str) -> None:
    assert len(confined_filter(machine, own_signals_only=True)) // 8 < 4096
