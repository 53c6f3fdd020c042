"""More attempts to get out: over the network, at other processes, through the kernel. Loaded by `sandbox_attacks.py`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import resource
import signal
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox.sandbox_attacks import Place, attack, call, refuse
else:
    from sandbox_attacks import Place, attack, call, refuse

_ARM = platform.machine() == "aarch64"


@attack
def connect_to_the_host_by_ip4(place: Place) -> object:
    return _connect(socket.AF_INET, ("127.0.0.1", place["port4"]))


@attack
def connect_to_the_host_by_ip6(place: Place) -> object:
    return _connect(socket.AF_INET6, ("::1", place["port6"]))


@attack
def send_a_datagram_to_the_host(place: Place) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.sendto(place["token"].encode(), ("127.0.0.1", place["port_udp"]))
    return refuse()  # whether it arrived is seen outside


@attack
def connect_to_an_abstract_socket(place: Place) -> object:
    return _connect(socket.AF_UNIX, "\0" + place["abstract"])


@attack
def connect_to_a_socket_outside(place: Place) -> object:
    return _connect(socket.AF_UNIX, place["outside"] + "/s")


@attack
def connect_to_a_socket_in_the_project(place: Place) -> object:
    for path in ("s", place["project"] + "/s", "/.base/s"):
        with contextlib.suppress(OSError):
            return _connect(socket.AF_UNIX, path)
    return refuse()


@attack
def connect_to_the_container_daemon(place: Place) -> object:
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/dbus/system_bus_socket"):
        with contextlib.suppress(OSError):
            return _connect(socket.AF_UNIX, path)
    return refuse()


@attack
def connect_to_another_machine(place: Place) -> object:
    return _connect(socket.AF_INET, ("192.0.2.1", 80))


@attack
def make_a_netlink_socket(place: Place) -> object:
    return socket.socket(16, socket.SOCK_RAW, 0)


@attack
def make_a_vsock_socket(place: Place) -> object:
    return socket.socket(40, socket.SOCK_STREAM)


@attack
def make_a_packet_socket(place: Place) -> object:
    return socket.socket(17, socket.SOCK_RAW)


@attack
def make_a_raw_socket(place: Place) -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)


@attack
def make_a_kernel_crypto_socket(place: Place) -> object:
    return socket.socket(38, socket.SOCK_SEQPACKET)


# --- other processes


@attack
def kill_a_host_process(place: Place) -> object:
    os.kill(place["victim"], signal.SIGKILL)
    return "sent"


@attack
def kill_the_supervisor(place: Place) -> object:
    os.kill(place["supervisor"], signal.SIGTERM)
    return "sent"


@attack
def kill_through_a_process_file(place: Place) -> object:
    fd = int(call(434, 434, place["victim"], 0).split()[1])
    return call(424, 424, fd, 9, None, 0)


@attack
def limit_a_host_process(place: Place) -> object:
    resource.prlimit(place["victim"], resource.RLIMIT_NOFILE, (3, 3))
    return "limited"


@attack
def move_a_host_process_to_one_core(place: Place) -> object:
    os.sched_setaffinity(place["victim"], {0})
    return "moved"


@attack
def slow_a_host_process_down(place: Place) -> object:
    os.setpriority(os.PRIO_PROCESS, place["victim"], 19)
    return "slowed"


@attack
def trace_a_host_process(place: Place) -> object:
    return call(101, 117, 16, place["victim"], None, None)


@attack
def trace_the_parent(place: Place) -> object:
    return call(101, 117, 16, os.getppid(), None, None)


@attack
def be_traced(place: Place) -> object:
    return call(101, 117, 0, 0, None, None)


@attack
def read_another_processs_memory(place: Place) -> object:
    return call(310, 270, os.getppid(), None, 0, None, 0, 0)


# --- the kernel


@attack
def mount_a_file_system(place: Place) -> object:
    return call(165, 40, b"none", b"/tmp", b"tmpfs", 0, None)


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
    return call(155, 41, b".", b".")


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
    return call(250, 219, 0, -3, 0, 0, 0)


@attack
def load_a_bpf_program(place: Place) -> object:
    return call(321, 280, 0, bytes(64), 64)


@attack
def watch_performance(place: Place) -> object:
    return call(298, 241, bytes(112), 0, -1, -1, 0)


@attack
def handle_page_faults(place: Place) -> object:
    return call(323, 282, 1)


@attack
def use_io_uring(place: Place) -> object:
    return call(425, 425, 4, bytes(120))


@attack
def open_by_handle(place: Place) -> object:
    return call(304, 265, 3, bytes(16), 0)


@attack
def make_memory_that_belongs_to_nobody(place: Place) -> object:
    with contextlib.suppress(OSError):
        return os.memfd_create("x")
    return call(29, 194, 0, 1 << 20, 0o1600)


@attack
def change_the_personality(place: Place) -> object:
    return call(135, 92, 0x0400000)


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


def _connect(family: int, address: Any) -> object:
    with socket.socket(family) as line:
        line.settimeout(2)
        line.connect(address)
    return "connected"
