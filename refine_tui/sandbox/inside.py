"""The part of the sandbox that lives inside it: gives every copy its own world, then runs the candidate there.

One stand-alone file: standard library only, Python 3.8 or newer, Linux. Bubblewrap has already built a file system with
nothing in it but the system, the interpreter, and the project (read-only, at `/.base`). Here every *copy* gets namespaces
of its own (user, mount, pid, ipc, network with only a loopback), an overlay in place of the project at the project's own path,
an empty `/tmp`, `/dev/shm` and home folder, a `/proc` that shows only its own processes, no capability, limits, and a filter for
system calls. The copy's pid 1 is a keeper of ours; the candidate is its child. When that child ends, everything it left ends with it.

Two uses
--------
1. `python {tools}/inside.py --exec ARGV...` makes one copy and executes the command in it. The exit status is the command's, or
   128 + signal number.
2. A long-lived runner started with `Launch.nests` imports this file (it lies next to `launch.json` in `{tools}`) and calls, in order:

       inside.become_parent()        # once, early: before any thread is started and before any project file is read
       pid = inside.fork_copy({"pkg/mod.py": b"..."}, work, {"cpu_s": 5}, keep_fds=[report_fd, 2])
       status = os.WEXITSTATUS(os.waitpid(pid, 0)[1])      # or select on a pipe in keep_fds; after `kill` it is a signal instead
       inside.kill(pid)              # any time: ends the copy and everything in it; then reap it with waitpid

   `become_parent` gives the runner itself a copy (with `Launch.files` laid over), so that what it writes stays in it. It keeps the
   right to mount, and has no filter for system calls yet: only the user's own code may run there, never a candidate's.

   `fork_copy` returns at once. In the child `work()` runs with the project path showing the candidate's files, in the current folder
   `Launch.cwd`; what it returns is the exit status (an exception: traceback on standard error and status 1). All files but
   `keep_fds` are closed; standard input, output and error are `/dev/null` unless they are in `keep_fds`. The runner's own
   standard input and output are its line to the outside, so keep them out of `keep_fds`. Files that the runner wrote
   (also in `/tmp`) are not there. `limits` overrides `launch.json`'s: `wall_s`, `cpu_s`, `memory_bytes`, `processes`, `disk_bytes`.

   Exit statuses of a copy beside the candidate's own: `NOT_SET_UP`, `OVER_TIME`, `OVER_MEMORY`, `OVER_PROCESSES`.

`launch.json`: `project` (absolute path) · `cwd` · `limits` · `files` (path → base64) · `masks` (project files shown empty) ·
`hidden` (project folders shown empty) · `frozen` (project folders shown read-only) · `seccomp` (base64 of the BPF program) ·
`under_tmp` (bound paths to carry over into the fresh `/tmp`) · `overlay` (whether overlays work here; if not, a real copy is made).
"""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import struct
import sys
import time
import traceback
from typing import Callable, Dict, Iterable, List, Mapping, NoReturn, Optional, Sequence

NOT_SET_UP = 120
OVER_TIME = 121
OVER_MEMORY = 122
OVER_PROCESSES = 123

BASE = "/.base"
SCRATCH = "/.refine"
TEMPORARY = ("/tmp", "/var/tmp")
HOME = "/tmp/home"

_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC = 1, 2, 4, 8, 32, 4096, 16384
_NEWNS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP, _CAPBSET_DROP, _NO_NEW_PRIVS = 1, 4, 22, 24, 38

_libc = ctypes.CDLL(None, use_errno=True)
_launch: "Dict[str, object]" = {}


class SetUpError(OSError):
    """Raised when the kernel refuses a part of the copy's world."""


# --- the two ways in ----------------------------------------------------------------------------------------------------


def become_parent() -> None:
    """Turn this process into a parent of copies: own user and mount namespace, a copy of its own.

    Raises:
        SetUpError: the process already has threads, or the kernel refuses.
    """
    spec = load()
    _enter(_NEWUSER | _NEWNS)
    _furnish(spec, _files_of(spec), _limits_of(spec, {}))
    os.chdir(os.path.join(str(spec["project"]), str(spec["cwd"])))


def fork_copy(files: Mapping[str, bytes], work: Callable[[], int], limits: Mapping[str, float], keep_fds: Sequence[int]) -> int:
    """Fork a copy that sees `files` in the project and runs `work`; see the top of this file.

    Returns:
        The process to wait for or to `kill`.
    """
    spec = load()
    merged = dict(_files_of(spec))
    merged.update(files)
    bounds = _limits_of(spec, limits)
    lifeline, held = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    outer = os.fork()
    if outer:
        os.close(lifeline)
        os.close(held)
        return outer
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        _enter(_NEWUSER | _NEWNS | _NEWPID | _NEWIPC | _NEWNET)
        keeper = os.fork()
        if keeper:
            # Only the keeper may hold what the runner reads to learn that the copy has ended.
            _close_all_but([held])
            os._exit(_exit_status(os.waitpid(keeper, 0)[1]))
        os.close(held)
        _keep(spec, merged, bounds, work, list(keep_fds), lifeline)
    except BaseException:  # noqa: BLE001 - nothing may return into the runner's stack from here
        traceback.print_exc()
        os._exit(NOT_SET_UP)


def kill(pid: int) -> None:
    """End a copy and everything in it. Harmless when it has ended; the caller still reaps `pid`."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def load() -> "Dict[str, object]":
    """Return the content of `launch.json`, read once."""
    if not _launch:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.json"), encoding="utf-8") as file:
            _launch.update(json.load(file))
    return _launch


def main(argv: List[str]) -> int:
    """Make one copy and execute the command after `--exec` in it."""
    if len(argv) < 2 or argv[0] != "--exec":
        print("usage: inside.py --exec ARGV...", file=sys.stderr)
        return NOT_SET_UP

    def work() -> int:
        try:
            os.execvp(argv[1], argv[1:])
        except OSError as error:
            print(f"inside: {argv[1]}: {error.strerror}", file=sys.stderr)
            return 127

    return _exit_status(os.waitpid(fork_copy({}, work, {}, [0, 1, 2]), 0)[1])


# --- the keeper: pid 1 of a copy --------------------------------------------------------------------------------------------


def _keep(
    spec: "Dict[str, object]", files: Mapping[str, bytes], bounds: "Dict[str, float]", work: Callable[[], int], fds: List[int], lifeline: int
) -> NoReturn:
    # A pid 1 ignores signals from its own namespace, so nothing inside can end the keeper. All are blocked already (the candidate
    # unblocks them), which also lets `sigtimedwait` see every SIGCHLD.
    _prctl(_PDEATHSIG, signal.SIGKILL)
    _furnish(spec, files, bounds)
    own_proc = _mount_proc(int(bounds["processes"]))
    _loopback_up()
    for covered in (BASE, SCRATCH):
        _mount("none", covered, "tmpfs", _RDONLY | _NOSUID | _NODEV, "size=4k,nr_inodes=2,mode=0555")
    os.chdir(os.path.join(str(spec["project"]), str(spec["cwd"])))
    # Not dumpable: what runs as the same user cannot look into the keeper or trace it.
    _prctl(_SET_DUMPABLE, 0)
    candidate = os.fork()
    if candidate == 0:
        os.close(lifeline)
        _run(spec, bounds, work, fds)
    _close_all_but([2, lifeline])
    _drop_rights(str(spec["seccomp"]))
    os._exit(_watch(candidate, bounds, lifeline, own_proc))


def _watch(candidate: int, bounds: "Dict[str, float]", lifeline: int, own_proc: bool) -> int:
    deadline = time.monotonic() + bounds["wall_s"]
    os.set_blocking(lifeline, False)
    while True:
        signal.sigtimedwait([signal.SIGCHLD], 0.05)
        for pid, status in _ended():
            if pid == candidate:
                return _exit_status(status)
        if time.monotonic() > deadline:
            return OVER_TIME
        if _at_end(lifeline):
            return NOT_SET_UP
        if own_proc:
            resident, processes = _tree_size()
            if resident > bounds["memory_bytes"]:
                return OVER_MEMORY
            if processes > bounds["processes"]:
                return OVER_PROCESSES


def _ended() -> "Iterable[tuple[int, int]]":
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, status


def _at_end(fd: int) -> bool:
    try:
        return os.read(fd, 1) == b""
    except BlockingIOError:
        return False


def _tree_size() -> "tuple[int, int]":
    """Resident bytes and number of processes in this pid namespace, the keeper left out. Shared pages count in full."""
    page, resident, processes = resource.getpagesize(), 0, 0
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        try:
            with open(f"/proc/{name}/statm", encoding="ascii") as file:
                resident += int(file.read().split()[1]) * page
            processes += 1
        except (OSError, IndexError):
            continue
    return resident, processes


def _run(spec: "Dict[str, object]", bounds: "Dict[str, float]", work: Callable[[], int], fds: List[int]) -> NoReturn:
    status = 1
    try:
        _prctl(_SET_DUMPABLE, 1)
        _prctl(_PDEATHSIG, 0)
        os.setsid()
        _null_standard_files(fds)
        _close_all_but([*fds, 0, 1, 2])
        os.makedirs(HOME, 0o700, exist_ok=True)
        _limit(bounds)
        _drop_rights(str(spec["seccomp"]))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
        status = work()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - the candidate's, whatever it is
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            pass
        os._exit(status & 0xFF)


def _null_standard_files(kept: Sequence[int]) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        if fd not in kept:
            os.dup2(null, fd)


def _close_all_but(kept: Sequence[int]) -> None:
    first = 0
    for fd in sorted(set(kept)):
        if fd > first:  # an empty range that ends at 0 closes everything
            os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, 65536)


def _exit_status(status: int) -> int:
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


# --- the copy's file system -------------------------------------------------------------------------------------------------


def _furnish(spec: "Dict[str, object]", files: Mapping[str, bytes], bounds: "Dict[str, float]") -> None:
    """Mount fresh temporary folders, and the project with `files` laid over at its own path."""
    project = str(spec["project"])
    _mount("none", SCRATCH, "tmpfs", _NOSUID | _NODEV, f"size={int(bounds['disk_bytes'])},nr_inodes=400k,mode=0755")
    for name in ("upper", "work", "shm"):
        os.mkdir(os.path.join(SCRATCH, name))
    _lay_over(project, files, _strings(spec["masks"]))
    for index, folder in enumerate(TEMPORARY):
        _fresh_temporary(os.path.join(SCRATCH, f"tmp{index}"), folder, project, _strings(spec["under_tmp"]))
    os.chmod(os.path.join(SCRATCH, "shm"), 0o1777)
    _mount(os.path.join(SCRATCH, "shm"), "/dev/shm", None, _BIND)
    if spec["overlay"]:
        layers = f"lowerdir={BASE},upperdir={SCRATCH}/upper,workdir={SCRATCH}/work,userxattr"
        _mount("overlay", project, "overlay", _NOSUID | _NODEV, layers)
    else:
        _copy_below(os.path.join(SCRATCH, "upper"))
        _mount(os.path.join(SCRATCH, "upper"), project, None, _BIND)
    for hidden in _strings(spec["hidden"]):
        _mount("none", os.path.join(project, hidden), "tmpfs", _RDONLY | _NOSUID | _NODEV, "size=4k,nr_inodes=2,mode=0555")
    for frozen in _strings(spec["frozen"]):
        path = os.path.join(project, frozen)
        _mount(path, path, None, _BIND)
        _mount("none", path, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)


def _fresh_temporary(scratch: str, folder: str, project: str, carried: Sequence[str]) -> None:
    os.mkdir(scratch)
    os.chmod(scratch, 0o1777)
    if project.startswith(folder + "/"):
        os.makedirs(scratch + project[len(folder) :])
    for path in carried:
        if path.startswith(folder + "/"):
            os.makedirs(scratch + path[len(folder) :], exist_ok=True)
            _mount(path, scratch + path[len(folder) :], None, _BIND | _REC)
    _mount(scratch, folder, None, _BIND | _REC)


def _lay_over(project: str, files: Mapping[str, bytes], masks: Sequence[str]) -> None:
    """Write into the upper layer: there a file replaces the project's without its content being copied first."""
    for mask in masks:
        _write_upper(mask, b"", 0o444)
    for name, content in files.items():
        path = _within_project(project, name)
        try:
            mode = os.stat(os.path.join(BASE, path)).st_mode & 0o777
        except OSError:
            mode = 0o644
        _write_upper(path, content, mode | 0o600)


def _within_project(project: str, name: str) -> str:
    """Follow the project's own symbolic links, so that content lands where the user's editor would put it."""
    if os.path.isabs(name) or ".." in name.split("/") or not name:
        raise SetUpError(f"{name!r} is not a path inside the project")
    resolved = os.path.realpath(os.path.join(BASE, name))
    for root in (BASE, project):
        if resolved.startswith(root + "/"):
            return resolved[len(root) + 1 :]
    raise SetUpError(f"{name!r} leads out of the project by a symbolic link")


def _write_upper(name: str, content: bytes, mode: int) -> None:
    path = os.path.join(SCRATCH, "upper", name)
    _make_upper_folder(os.path.dirname(name))
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def _make_upper_folder(name: str) -> None:
    path = os.path.join(SCRATCH, "upper", name)
    if not name or os.path.isdir(path):
        return
    _make_upper_folder(os.path.dirname(name))
    os.mkdir(path)
    try:
        os.chmod(path, os.stat(os.path.join(BASE, name)).st_mode & 0o777 | 0o700)
    except FileNotFoundError:
        pass


def _copy_below(target: str) -> None:
    """Copy what the upper layer does not have from the base: the slow way where overlays do not work."""
    for folder, folders, names in os.walk(BASE):
        there = os.path.join(target, os.path.relpath(folder, BASE))
        os.makedirs(there, exist_ok=True)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in [*names, *links]:
            source, copy = os.path.join(folder, name), os.path.join(there, name)
            if not os.path.lexists(copy) and (os.path.islink(source) or os.path.isfile(source)):
                shutil.copy2(source, copy, follow_symlinks=False)


def _mount_proc(processes: int) -> bool:
    """Mount a `/proc` of this pid namespace; say whether the kernel allows it (it wants a fully visible one to exist)."""
    try:
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    except SetUpError:
        return False
    try:
        # From Linux 6.14 on each pid namespace has its own maximum, which holds for root too; 301 is the least allowed.
        with open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as file:
            file.write(str(max(301, 2 * processes)))
    except OSError:
        pass
    _mount("none", "/proc", None, _REMOUNT | _RDONLY | _NOSUID | _NODEV | _NOEXEC)
    return True


# --- rights and limits ------------------------------------------------------------------------------------------------------


def _enter(namespaces: int) -> None:
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(namespaces), "unshare (a process with threads cannot)")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sH14x", b"lo", 0x41))


def _limit(bounds: "Dict[str, float]") -> None:
    memory, disk = int(bounds["memory_bytes"]), int(bounds["disk_bytes"])
    cpu = max(1, int(bounds["cpu_s"] + 0.999))
    for what, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_FSIZE, disk, disk),
        (resource.RLIMIT_NPROC, int(bounds["processes"]), int(bounds["processes"])),
        # Address space is not memory: runtimes reserve a lot. It only bounds how far one process overshoots between two looks.
        (resource.RLIMIT_AS, 4 * memory + (4 << 30), 4 * memory + (4 << 30)),
        (resource.RLIMIT_NOFILE, 1024, 4096),
        (resource.RLIMIT_MEMLOCK, 8 << 20, 8 << 20),
    ):
        _set_limit(what, soft, hard)


def _set_limit(what: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(what)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(what, (soft, hard))


def _drop_rights(program: str) -> None:
    """Give up every capability for good, then filter system calls."""
    for capability in range(64):
        if _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = struct.pack("=II", 0x20080522, 0)
    _check(_libc.capset(header, bytes(24)), "capset")
    _prctl(_NO_NEW_PRIVS, 1)
    code = base64.b64decode(program)
    if code:
        buffer = ctypes.create_string_buffer(code, len(code))
        filters = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
        _check(_libc.prctl(_SET_SECCOMP, 2, filters, 0, 0), "seccomp")


# --- small parts ------------------------------------------------------------------------------------------------------------


def _limits_of(spec: "Dict[str, object]", override: Mapping[str, float]) -> "Dict[str, float]":
    limits: Dict[str, float] = dict(spec["limits"])  # type: ignore[call-overload]
    limits.update(override)
    return limits


def _files_of(spec: "Dict[str, object]") -> "Dict[str, bytes]":
    files: Dict[str, str] = spec["files"]  # type: ignore[assignment]
    return {name: base64.b64decode(text) for name, text in files.items()}


def _strings(value: object) -> "List[str]":
    return [str(item) for item in value] if isinstance(value, list) else []


def _mount(source: str, target: str, kind: Optional[str], flags: int, options: str = "") -> None:
    result = _libc.mount(os.fsencode(source), os.fsencode(target), kind.encode() if kind else None, flags, options.encode() or None)
    _check(result, f"mount {kind or source} on {target}")


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0), f"prctl {option}")


def _check(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise SetUpError(error, f"inside: {what}: {os.strerror(error)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
