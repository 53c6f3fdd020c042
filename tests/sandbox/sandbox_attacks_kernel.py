"""Attempts at the kernel: mounts, namespaces, rights, and calls that have been the way out before. Loaded by `sandbox_attacks.py`."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import platform
import signal
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.sandbox_attacks import Place, attack, call, entered, refuse
else:
    from sandbox_attacks import Place, attack, call, entered, refuse


_ARM = platform.machine() == "aarch64"


@attack
def mount_a_file_system(place: Place) -> object:
    return entered(165, 40, b"none", b"/tmp", b"tmpfs", 0, None)


@attack
def bind_the_root(place: Place) -> object:
    Path("bound").mkdir(exist_ok=True)
    return call(165, 40, b"/", b"bound", None, 4096, None)


@attack
def remount_the_system_for_writing(place: Place) -> object:
    return call(165, 40, b"none", b"/usr", None, 32 | 4096, None)


@attack
def unmount_what_hides_the_host(place: Place) -> object:
    for path in (b"/.refine", b"/.base", b"/tmp", b"/proc", b"/"):
        with contextlib.suppress(OSError):
            return call(166, 39, path, 2)
    return refuse()


@attack
def use_the_new_mount_calls(place: Place) -> object:
    for number in (428, 429, 430, 432, 433, 442):
        with contextlib.suppress(OSError):
            return call(number, number, 0, b"/", 0, 0, 0)
    return refuse()


@attack
def change_the_root(place: Place) -> object:
    os.chroot("/")
    return "changed"


@attack
def pivot_the_root(place: Place) -> object:
    return entered(155, 41, b".", b".")


@attack
def make_a_user_namespace(place: Place) -> object:
    return call(272, 97, 0x10000000)


@attack
def make_a_user_namespace_with_clone(place: Place) -> object:
    pid = int(call(56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0).split()[1])
    if pid == 0:
        os._exit(0)
    return "cloned"


@attack
def make_a_user_namespace_with_clone3(place: Place) -> object:
    words = struct.pack("=8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = int(call(435, 435, words, len(words)).split()[1])
    if pid == 0:
        os._exit(0)
    return "cloned"


@attack
def enter_the_namespace_of_another_process(place: Place) -> object:
    return call(308, 268, os.open(f"/proc/{os.getppid()}/ns/mnt", os.O_RDONLY), 0)


@attack
def use_kernel_keys(place: Place) -> object:
    return entered(250, 219, 0, -3, 0, 0, 0)


@attack
def load_a_bpf_program(place: Place) -> object:
    return entered(321, 280, 0, bytes(64), 64)


@attack
def watch_performance(place: Place) -> object:
    return entered(298, 241, bytes(112), 0, -1, -1, 0)


@attack
def handle_page_faults(place: Place) -> object:
    return entered(323, 282, 1)


@attack
def use_io_uring(place: Place) -> object:
    return entered(425, 425, 4, bytes(120))


@attack
def open_by_handle(place: Place) -> object:
    return entered(304, 265, 3, bytes(16), 0)


@attack
def make_memory_that_belongs_to_nobody(place: Place) -> object:
    with contextlib.suppress(OSError):
        return os.memfd_create("x")
    return call(29, 194, 0, 1 << 20, 0o1600)


@attack
def change_the_personality(place: Place) -> object:
    return entered(135, 92, 0x0400000)


@attack
def type_into_the_terminal(place: Place) -> object:
    for path in ("/dev/tty", "/dev/console", "/dev/ptmx"):
        with contextlib.suppress(OSError):
            fcntl.ioctl(os.open(path, os.O_RDWR), 0x5412, b"x")
            return path
    return refuse()


@attack
def restart_the_machine_with_a_wrong_code(place: Place) -> object:
    try:
        return call(169, 142, 0, 0, 0, None)
    except OSError as error:
        if error.errno == 22:
            return "only the code was wrong"
        raise


@attack
def use_the_second_table_of_calls(place: Place) -> object:
    if _ARM:
        return refuse()
    return call(0x40000000 + 272, 0, 0x10000000)


@attack
def become_root(place: Place) -> object:
    if os.getuid() == 0:
        return refuse()  # it is, but without a capability; see the next one
    os.setuid(0)
    return os.getuid()


@attack
def have_a_capability(place: Place) -> object:
    status = Path("/proc/self/status").read_text()
    kinds = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if place["level"] == "isolated" else ("CapInh", "CapPrm", "CapEff", "CapAmb")
    return [line for line in status.splitlines() if line.startswith(kinds) and int(line.split()[1], 16)] or refuse()


@attack
def gain_rights_by_executing(place: Place) -> object:
    return "NoNewPrivs:\t1" in Path("/proc/self/status").read_text() and refuse()


@attack
def set_the_clock(place: Place) -> object:
    return entered(227, 112, 0, None)


@attack
def rename_the_machine(place: Place) -> object:
    return entered(170, 161, b"x", -1)


@attack
def load_a_kernel_module(place: Place) -> object:
    with contextlib.suppress(OSError):
        return entered(175, 105, None, 0, b"")
    return entered(313, 273, -1, b"", 0)


@attack
def start_another_kernel(place: Place) -> object:
    return entered(246, 104, 0, 1 << 20, None, 0)


@attack
def read_the_kernels_log(place: Place) -> object:
    with contextlib.suppress(OSError):
        return entered(103, 116, 10, None, 0)
    return os.open("/dev/kmsg", os.O_RDONLY)


@attack
def account_for_every_process(place: Place) -> object:
    return entered(163, 89, b"/no/such/file")


@attack
def stop_the_swapping(place: Place) -> object:
    return entered(168, 225, b"/no/such/file")


@attack
def limit_the_disk_of_a_user(place: Place) -> object:
    return entered(179, 60, 0x80000700, b"/no/such/file", 0, None)


@attack
def watch_every_file(place: Place) -> object:
    return entered(300, 262, 0xFFFF, 0)


@attack
def name_a_file_by_handle(place: Place) -> object:
    return entered(303, 264, -1, b"", None, None, 0)


@attack
def add_a_key_for_the_user(place: Place) -> object:
    return entered(248, 217, b"user", b"refine-tui-test", b"x", 1, -1)


@attack
def ask_for_a_key_of_the_user(place: Place) -> object:
    return entered(249, 218, b"user", b"refine-tui-test", None, 0)


@attack
def make_memory_that_nobody_sees(place: Place) -> object:
    return entered(447, 447, 0)


@attack
def reach_the_ports_of_the_machine(place: Place) -> object:
    if _ARM:
        return refuse()
    with contextlib.suppress(OSError):
        return entered(173, 0, 0, 1, 1)
    return entered(172, 0, 3)


@attack
def change_the_segments_of_the_processor(place: Place) -> object:
    return refuse() if _ARM else entered(154, 0, 0, bytes(16), 16)


@attack
def advise_on_another_process(place: Place) -> object:
    return entered(440, 440, -1, None, 0, 0, 0)


@attack
def use_the_calls_of_32_bits(place: Place) -> object:
    """Numbers mean other calls there: `int 0x80` asks for the id of the process."""
    if _ARM:
        return refuse()
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))
    answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    return f"asked for {answer}" if answer == os.getpid() else refuse()
