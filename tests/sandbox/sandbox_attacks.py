# ruff: noqa: PTH102, PTH112, PTH118, PTH120, PTH208
"""Attempts to get out, each a function that returns what it got, or raises when it is refused.

With the files `sandbox_attacks_*.py` beside it, it stands alone: put into a sandbox and run as
`python sandbox_attacks.py PLACE_JSON [ATTACK]...`, all of them when none is named. Each
attempt is made in a process of its own; the answer is one JSON object from the attempt's name to `GOT ...`, `REFUSED ...`, or
`ENDED` and the number of the signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import platform
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


def entered(x86: int, arm: int, *words: Any) -> str:
    """Make a call whose arguments may be nonsense: when the kernel only complains about them, the way in was open."""
    try:
        return call(x86, arm, *words)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise
        return f"only the arguments were wrong: {error}"


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
    _first(lambda folder: os.link(Path(folder, "kept"), "hard"), place)
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


@attack
def make_a_folder_outside(place: Place) -> object:
    Path(place["outside"], "new").mkdir()
    return "made"


@attack
def make_a_link_outside(place: Place) -> object:
    Path(place["outside"], "new").symlink_to("/etc/passwd")
    return "linked"


@attack
def make_a_pipe_outside(place: Place) -> object:
    os.mkfifo(Path(place["outside"], "new"))
    return "made"


@attack
def remove_a_folder_outside(place: Place) -> object:
    Path(place["outside"], "empty").rmdir()
    return "removed"


@attack
def move_a_file_out(place: Place) -> object:
    Path("mine").write_text("x")
    return _first(lambda folder: Path("mine").rename(Path(folder, "new")), place)


@attack
def exchange_a_file_with_one_outside(place: Place) -> object:
    Path("mine").write_text("x")
    return _first(lambda folder: call(316, 276, -100, b"mine", -100, os.fsencode(folder + "/kept"), 2), place)


@attack
def link_a_file_outside_to_another_name(place: Place) -> object:
    os.link(Path(place["outside"], "kept"), Path(place["outside"], "new"))
    return "linked"


@attack
def write_outside_by_the_newer_call_to_open(place: Place) -> object:
    how = struct.pack("=QQQ", os.O_CREAT | os.O_WRONLY, 0o600, 0)
    return call(437, 437, -100, os.fsencode(place["outside"] + "/new"), how, len(how))


@attack
def write_outside_while_a_link_changes(place: Place) -> object:
    """Win a race: the path is a folder of the copy when it is checked, and the outside when it is used."""
    Path("inner").mkdir(exist_ok=True)
    turning, there = Path("turning"), os.fsencode("turning/new")
    pid = os.fork()
    if pid == 0:
        while os.getppid() != 1:
            for target in ("inner", place["outside"]):
                Path("next").symlink_to(target)
                Path("next").rename(turning)
    try:
        while not turning.is_symlink():
            os.sched_yield()
        for _ in range(3000):
            with contextlib.suppress(OSError):
                os.close(os.open(there, os.O_CREAT | os.O_WRONLY))
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return refuse()  # whether it landed there is seen outside


@attack
def write_to_the_users_own_tree(place: Place) -> object:
    for name in ("new", "pkg/mod.py"):
        with contextlib.suppress(OSError):
            Path(place["project"], name).write_text("x")
    return refuse()  # in a copy at the project's own path it is allowed; the tree itself is looked at outside


@attack
def plant_a_hook_of_git(place: Place) -> object:
    for folder in (".git", place["project"] + "/.git", "/.base/.git"):
        with contextlib.suppress(OSError):
            Path(folder, "hooks", "pre-commit").write_text("#!/bin/sh\n")
            return folder
    return refuse()


@attack
def plant_a_file_where_a_shell_starts(place: Place) -> object:
    return Path(place["home"], ".profile").write_text("x")


@attack
def leave_a_file_in_the_hosts_temporary_folders(place: Place) -> object:
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        with contextlib.suppress(OSError):
            Path(folder, place["planted"]).write_text("x")
    return refuse()  # what is empty inside and gone afterwards may be written; the host's is looked at outside


@attack
def write_through_a_file_that_a_host_process_has_open(place: Place) -> object:
    return Path(f"/proc/{place['victim']}/fd/0").write_text("x")


def refuse() -> object:
    raise PermissionError("refused")


def _first(action: Callable[[str], object], place: Place) -> object:
    """Do something with a folder outside; with one on another file system when the first is not on that of the copy."""
    try:
        return action(place["outside"])
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return action(place["beside"])


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


def load_the_rest() -> None:
    """Run the neighbours, which add their attacks here."""
    sys.modules["sandbox_attacks"] = sys.modules.get(__name__) or sys.modules["__main__"]
    for path in sorted(Path(__file__).parent.glob("sandbox_attacks_*.py")):
        exec(compile(path.read_bytes(), str(path), "exec"), {"__name__": path.stem})


load_the_rest()


def main() -> int:
    place = json.loads(sys.argv[1])
    print(json.dumps({name: attempt(name, place) for name in sys.argv[2:] or ATTACKS}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
