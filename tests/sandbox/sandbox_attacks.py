# ruff: noqa: PTH102, PTH103, PTH112, PTH118, PTH120, PTH208
"""Attempts to get out, each a function that returns what it got, or raises when it is refused.

Stand-alone: put into a sandbox and run as `python sandbox_attacks.py PLACE_JSON`. Each attempt is made in a process of its own; the
answer is one JSON object from the attempt's name to `GOT ...`, `REFUSED ...`, or `ENDED` and the number of the signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Place = dict[str, Any]
ATTACKS: dict[str, Callable[[Place], object]] = {}
NOT_AT_CONFINED = {
    # There the project's own path does not exist and processes are visible to one another.
    "see_host_processes",
}

_libc = ctypes.CDLL(None, use_errno=True)
_ARM = platform.machine() == "aarch64"


def attack(function: Callable[[Place], object]) -> Callable[[Place], object]:
    ATTACKS[function.__name__] = function
    return function


def call(x86: int, arm: int, *words: Any) -> str:
    result = _libc.syscall(arm if _ARM else x86, *words)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return f"result {result}"


# --- files outside


@attack
def write_a_new_file_outside(place: Place) -> object:
    return Path(place["outside"], "new").write_text("x")


@attack
def append_to_a_file_outside(place: Place) -> object:
    with Path(place["outside"], "kept").open("a") as file:
        return file.write("x")


@attack
def truncate_a_file_outside(place: Place) -> object:
    os.truncate(Path(place["outside"], "kept"), 0)
    return "truncated"


@attack
def delete_a_file_outside(place: Place) -> object:
    Path(place["outside"], "kept").unlink()
    return "deleted"


@attack
def rename_a_file_outside(place: Place) -> object:
    return Path(place["outside"], "kept").rename(Path(place["outside"], "moved"))


@attack
def change_the_mode_of_a_file_outside(place: Place) -> object:
    Path(place["outside"], "kept").chmod(0o777)
    return "changed" if Path(place["outside"], "kept").stat().st_mode & 0o777 == 0o777 else refuse()


@attack
def change_the_owner_of_a_file_outside(place: Place) -> object:
    os.chown(Path(place["outside"], "kept"), 12345, 12345)
    return "changed"


@attack
def change_the_times_of_a_file_outside(place: Place) -> object:
    os.utime(Path(place["outside"], "kept"), (1, 1))
    return "changed" if Path(place["outside"], "kept").stat().st_mtime == 1 else refuse()


@attack
def set_an_attribute_of_a_file_outside(place: Place) -> object:
    os.setxattr(Path(place["outside"], "kept"), "user.x", b"x")
    return "set"


@attack
def write_outside_through_a_symbolic_link(place: Place) -> object:
    Path("way-out").symlink_to(place["outside"])
    return Path("way-out", "new").write_text("x")


@attack
def write_outside_through_a_link_of_the_project(place: Place) -> object:
    return Path("committed-link", "new").write_text("x")


@attack
def write_outside_through_a_hard_link(place: Place) -> object:
    os.link(Path(place["outside"], "kept"), "hard")
    return Path("hard").write_text("x")


@attack
def write_outside_through_the_root_of_process_1(place: Place) -> object:
    return Path("/proc/1/root" + place["outside"], "new").write_text("x")


@attack
def write_outside_through_the_root_of_the_parent(place: Place) -> object:
    return Path(f"/proc/{os.getppid()}/root" + place["outside"], "new").write_text("x")


@attack
def write_outside_through_the_folder_of_a_host_process(place: Place) -> object:
    return Path(f"/proc/{place['victim']}/cwd", "new").write_text("x")


@attack
def write_outside_from_an_inherited_file(place: Place) -> object:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.path.isdir(f"/proc/self/fd/{name}"):
                fd = os.open("../" * 20 + place["outside"] + "/new", os.O_CREAT | os.O_WRONLY, dir_fd=int(name))
                return os.write(fd, b"x")
    return refuse()


@attack
def write_outside_with_a_relative_path(place: Place) -> object:
    return Path("../" * 20 + place["outside"], "new").write_text("x")


@attack
def write_to_the_system(place: Place) -> object:
    for folder in ("/usr/bin", "/usr/lib", "/etc", "/", "/root", "/run", "/dev", "/var", "/.tools", "/.base"):
        with contextlib.suppress(OSError):
            Path(folder, "new").write_text("x")
            return folder
    return refuse()


@attack
def write_to_the_interpreter(place: Place) -> object:
    return Path(os.path.dirname(os.__file__), "new").write_text("x")


@attack
def write_to_kernel_settings(place: Place) -> object:
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/proc/sys/fs/binfmt_misc/register"):
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY))
            return path
    return refuse()


@attack
def write_to_control_groups(place: Place) -> object:
    for folder, _folders, _names in os.walk("/sys/fs/cgroup"):
        with contextlib.suppress(OSError):
            os.mkdir(os.path.join(folder, "new"))
            return folder
    return refuse()


@attack
def open_disks_and_memory(place: Place) -> object:
    for path in ("/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/proc/kcore"):
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_RDWR))
            return path
    return refuse()


@attack
def make_a_disk_device(place: Place) -> object:
    os.mknod("disk", 0o600 | 0o060000, os.makedev(8, 0))
    return os.open("disk", os.O_RDONLY)


# --- secrets


@attack
def read_a_secret_in_home(place: Place) -> object:
    return Path(place["home"], "secret").read_text()


@attack
def read_an_ssh_key(place: Place) -> object:
    return Path(place["home"], ".ssh", "id_ed25519").read_text()


@attack
def list_home(place: Place) -> object:
    names = os.listdir(place["home"])
    return names if "secret" in names else refuse()


@attack
def read_the_projects_env_file(place: Place) -> object:
    return _any_token(place, (".env", "config/.env.local", "/.base/.env", place["project"] + "/.env", ".aws/credentials", "deploy.pem"))


@attack
def read_the_remote_address_of_git(place: Place) -> object:
    return _any_token(place, (".git/config", "/.base/.git/config", place["project"] + "/.git/config"))


@attack
def read_a_masked_file_after_deleting_the_mask(place: Place) -> object:
    with contextlib.suppress(OSError):
        Path(".env").unlink()
    return _any_token(place, (".env",))


@attack
def read_the_environment_of_a_host_process(place: Place) -> object:
    return _any_token(place, (f"/proc/{place['victim']}/environ", f"/proc/{place['supervisor']}/environ"))


@attack
def read_the_environment_of_any_process(place: Place) -> object:
    return _any_token(place, [f"/proc/{name}/environ" for name in os.listdir("/proc") if name.isdigit()])


@attack
def find_the_secret_in_the_own_environment(place: Place) -> object:
    return _any_token(place, ("/proc/self/environ", "/proc/1/environ"))


@attack
def read_the_memory_of_a_host_process(place: Place) -> object:
    return os.open(f"/proc/{place['victim']}/mem", os.O_RDONLY)


@attack
def read_password_hashes(place: Place) -> object:
    return Path("/etc/shadow").read_text()


@attack
def see_host_processes(place: Place) -> object:
    found = [name for name in os.listdir("/proc") if name.isdigit()]
    return found if len(found) > 3 else refuse()


# --- network


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
    os.makedirs("bound", exist_ok=True)
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


def refuse() -> object:
    raise PermissionError("refused")


def _any_token(place: Place, paths: Any) -> object:
    for path in paths:
        with contextlib.suppress(OSError):
            content = Path(path).read_bytes()
            if place["token"].encode() in content.replace(json.dumps(place).encode(), b""):
                return path
    return refuse()


def _connect(family: int, address: Any) -> object:
    with socket.socket(family) as line:
        line.settimeout(2)
        line.connect(address)
    return "connected"


def attempt(name: str, place: Place) -> str:
    """Try one attack in a child: it may be ended by the filter for system calls, and must not spoil the others."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            word = f"GOT {ATTACKS[name](place)}"
        except Exception as error:  # noqa: BLE001 - any refusal counts
            word = f"REFUSED {type(error).__name__} {error}"
        os.write(writing, word.encode(errors="replace")[:4000])
        os._exit(0)
    os.close(writing)
    word = os.read(reading, 4096).decode()
    os.close(reading)
    status = os.waitpid(pid, 0)[1]
    return word or f"ENDED {os.WTERMSIG(status)}"


def main() -> int:
    place = json.loads(sys.argv[1])
    print(json.dumps({name: attempt(name, place) for name in ATTACKS}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
