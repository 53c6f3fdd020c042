# ruff: noqa: PTH100, PTH101, PTH102, PTH103, PTH112, PTH113, PTH114, PTH116, PTH117, PTH118, PTH120, PTH123, PTH208, T201
# Runs in any interpreter from 3.8 on; `os` says exactly what is called.
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
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn


def _neighbour(name: str) -> ModuleType:
    """Load a file that lies next to this one, under no name that the project could use or shadow."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py"))
    assert spec is not None and spec.loader is not None  # noqa: PT018 - both for the type checker
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING or __package__:
    from refine_tui.sandbox import kernel
else:
    kernel = _neighbour("kernel")

NOT_SET_UP = 120
OVER_TIME = 121
OVER_MEMORY = 122
OVER_PROCESSES = 123

BASE = "/.base"
SCRATCH = "/.refine"
TEMPORARY = ("/tmp", "/var/tmp")
HOME = "/tmp/home"

_launch: dict[str, Any] = {}


# --- the two ways in ----------------------------------------------------------------------------------------------------


def become_parent() -> None:
    """Turn this process into a parent of copies: own user and mount namespace, a copy of its own.

    Raises:
        SetUpError: the process already has threads, or the kernel refuses.
    """
    spec = load()
    kernel.enter(kernel.NEWUSER | kernel.NEWNS)
    _furnish(spec, _files_of(spec), _limits_of(spec, {}))
    os.chdir(os.path.join(spec["project"], spec["cwd"]))


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
        kernel.enter(kernel.NEWUSER | kernel.NEWNS | kernel.NEWPID | kernel.NEWIPC | kernel.NEWNET)
        keeper = os.fork()
        if keeper:
            # Only the keeper may hold what the runner reads to learn that the copy has ended.
            kernel.close_all_but([held])
            os._exit(kernel.exit_status(os.waitpid(keeper, 0)[1]))
        os.close(held)
        _keep(spec, merged, bounds, work, list(keep_fds), lifeline)
    except BaseException:  # noqa: BLE001 - nothing may return into the runner's stack from here
        traceback.print_exc()
        os._exit(NOT_SET_UP)


def kill(pid: int) -> None:
    """End a copy and everything in it. Harmless when it has ended; the caller still reaps `pid`."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def load() -> dict[str, Any]:
    """Return the content of `launch.json`, read once."""
    if not _launch:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.json"), encoding="utf-8") as file:
            _launch.update(json.load(file))
    return _launch


def main(argv: list[str]) -> int:
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

    return kernel.exit_status(os.waitpid(fork_copy({}, work, {}, [0, 1, 2]), 0)[1])


# --- the keeper: pid 1 of a copy --------------------------------------------------------------------------------------------


def _keep(
    spec: dict[str, Any],
    files: Mapping[str, bytes],
    bounds: dict[str, float],
    work: Callable[[], int],
    fds: list[int],
    lifeline: int,
) -> NoReturn:
    # A pid 1 ignores signals from its own namespace, so nothing inside can end the keeper. All are blocked already (the candidate
    # unblocks them), which also lets `sigtimedwait` see every SIGCHLD.
    kernel.prctl(kernel.PDEATHSIG, signal.SIGKILL)
    _furnish(spec, files, bounds)
    own_proc = _mount_proc(int(bounds["processes"]))
    kernel.loopback_up()
    for covered in (BASE, SCRATCH):
        kernel.mount("none", covered, "tmpfs", kernel.RDONLY | kernel.NOSUID | kernel.NODEV, "size=4k,nr_inodes=2,mode=0555")
    os.chdir(os.path.join(spec["project"], spec["cwd"]))
    # Not dumpable: what runs as the same user cannot look into the keeper or trace it.
    kernel.prctl(kernel.SET_DUMPABLE, 0)
    candidate = os.fork()
    if candidate == 0:
        os.close(lifeline)
        _run(spec, bounds, work, fds)
    kernel.close_all_but([2, lifeline])
    kernel.drop_rights(spec["seccomp"])
    os._exit(_watch(candidate, bounds, lifeline, own_proc))


def _watch(candidate: int, bounds: dict[str, float], lifeline: int, own_proc: bool) -> int:
    deadline = time.monotonic() + bounds["wall_s"]
    os.set_blocking(lifeline, False)
    while True:
        signal.sigtimedwait([signal.SIGCHLD], 0.05)
        for pid, status in _ended():
            if pid == candidate:
                return kernel.exit_status(status)
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


def _ended() -> Iterable[tuple[int, int]]:
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


def _tree_size() -> tuple[int, int]:
    """Resident bytes and number of processes in this pid namespace, the keeper left out. Shared pages count in full."""
    page, resident, processes = os.sysconf("SC_PAGE_SIZE"), 0, 0
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


def _run(spec: dict[str, Any], bounds: dict[str, float], work: Callable[[], int], fds: list[int]) -> NoReturn:
    status = 1
    try:
        kernel.prctl(kernel.SET_DUMPABLE, 1)
        signal.set_wakeup_fd(-1)
        os.setsid()
        _null_standard_files(fds)
        kernel.close_all_but([*fds, 0, 1, 2])
        os.makedirs(HOME, 0o700, exist_ok=True)
        kernel.limit(bounds)
        kernel.drop_rights(spec["seccomp"])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
        status = work()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - the candidate's, whatever it is
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)


def _null_standard_files(kept: Sequence[int]) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        if fd not in kept:
            os.dup2(null, fd)


# --- the copy's file system -------------------------------------------------------------------------------------------------


def _furnish(spec: dict[str, Any], files: Mapping[str, bytes], bounds: dict[str, float]) -> None:
    """Mount fresh temporary folders, and the project with `files` laid over at its own path."""
    project = spec["project"]
    kernel.mount("none", SCRATCH, "tmpfs", kernel.NOSUID | kernel.NODEV, f"size={int(bounds['disk_bytes'])},nr_inodes=400k,mode=0755")
    for name in ("upper", "work", "shm"):
        os.mkdir(os.path.join(SCRATCH, name))
    _lay_over(project, files, spec["masks"])
    for index, folder in enumerate(TEMPORARY):
        _fresh_temporary(os.path.join(SCRATCH, f"tmp{index}"), folder, project, spec["under_tmp"])
    os.chmod(os.path.join(SCRATCH, "shm"), 0o1777)
    kernel.mount(os.path.join(SCRATCH, "shm"), "/dev/shm", None, kernel.BIND)
    if spec["overlay"]:
        layers = f"lowerdir={BASE},upperdir={SCRATCH}/upper,workdir={SCRATCH}/work,userxattr"
        kernel.mount("overlay", project, "overlay", kernel.NOSUID | kernel.NODEV, layers)
    else:
        _copy_below(os.path.join(SCRATCH, "upper"))
        kernel.mount(os.path.join(SCRATCH, "upper"), project, None, kernel.BIND)
    for hidden in spec["hidden"]:
        kernel.mount(
            "none", os.path.join(project, hidden), "tmpfs", kernel.RDONLY | kernel.NOSUID | kernel.NODEV, "size=4k,nr_inodes=2,mode=0555"
        )
    for frozen in spec["frozen"]:
        path = os.path.join(project, frozen)
        kernel.mount(path, path, None, kernel.BIND)
        kernel.mount("none", path, None, kernel.REMOUNT | kernel.BIND | kernel.RDONLY | kernel.NOSUID | kernel.NODEV)


def _fresh_temporary(scratch: str, folder: str, project: str, carried: Sequence[str]) -> None:
    os.mkdir(scratch)
    os.chmod(scratch, 0o1777)
    if project.startswith(folder + "/"):
        os.makedirs(scratch + project[len(folder) :])
    for path in carried:
        if path.startswith(folder + "/"):
            os.makedirs(scratch + path[len(folder) :], exist_ok=True)
            kernel.mount(path, scratch + path[len(folder) :], None, kernel.BIND | kernel.REC)
    kernel.mount(scratch, folder, None, kernel.BIND | kernel.REC)


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
        raise kernel.SetUpError(f"{name!r} is not a path inside the project")
    resolved = os.path.realpath(os.path.join(BASE, name))
    for root in (BASE, project):
        if resolved.startswith(root + "/"):
            return resolved[len(root) + 1 :]
    raise kernel.SetUpError(f"{name!r} leads out of the project by a symbolic link")


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
    with contextlib.suppress(FileNotFoundError):
        os.chmod(path, os.stat(os.path.join(BASE, name)).st_mode & 0o777 | 0o700)


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
        kernel.mount("proc", "/proc", "proc", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
    except kernel.SetUpError:
        return False
    # From Linux 6.14 on each pid namespace has its own maximum, which holds for root too; 301 is the least allowed.
    with contextlib.suppress(OSError), open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as file:
        file.write(str(max(301, 2 * processes)))
    kernel.mount("none", "/proc", None, kernel.REMOUNT | kernel.RDONLY | kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
    return True


# --- small parts ------------------------------------------------------------------------------------------------------------


def _limits_of(spec: dict[str, Any], override: Mapping[str, float]) -> dict[str, float]:
    limits: dict[str, float] = dict(spec["limits"])
    limits.update(override)
    return limits


def _files_of(spec: dict[str, Any]) -> dict[str, bytes]:
    return {name: base64.b64decode(text) for name, text in spec["files"].items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
