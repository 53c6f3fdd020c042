# ruff: noqa: PTH102, PTH112, PTH118, PTH120, PTH208
"""Attempts to get out, each a function that returns what it got, or raises when it is refused.

With `sandbox_attacks_system.py` beside it, it stands alone: put into a sandbox and run as `python sandbox_attacks.py PLACE_JSON`. Each
attempt is made in a process of its own; the answer is one JSON object from the attempt's name to `GOT ...`, `REFUSED ...`, or
`ENDED` and the number of the signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
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


def refuse() -> object:
    raise PermissionError("refused")


def _any_token(place: Place, paths: Any) -> object:
    for path in paths:
        with contextlib.suppress(OSError):
            content = Path(path).read_bytes()
            if place["token"].encode() in content.replace(json.dumps(place).encode(), b""):
                return path
    return refuse()


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
    """Run the neighbour, which adds its attacks here."""
    sys.modules["sandbox_attacks"] = sys.modules.get(__name__) or sys.modules["__main__"]
    path = Path(__file__).with_name("sandbox_attacks_system.py")
    exec(compile(path.read_bytes(), str(path), "exec"), {"__name__": path.stem})


load_the_rest()


def main() -> int:
    place = json.loads(sys.argv[1])
    print(json.dumps({name: attempt(name, place) for name in ATTACKS}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
