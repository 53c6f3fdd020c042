# ruff: noqa: PTH100, PTH103, PTH118, PTH120, PTH123, PTH208, T201, SIM105
# Runs in any interpreter from 3.8 on; `os` says exactly what is called.
"""The part of the sandbox that lives inside it: gives every copy its own world, then runs the candidate there.

With `kernel.py` and `overlay.py` beside it, this file stands alone: standard library only, Python 3.8 or newer, Linux. Bubblewrap
has already built a file system with nothing in it but the system, the interpreter, and the project (read-only, at `/.base`). Here
every *copy* gets namespaces of its own (user, mount, pid, ipc, network with only a loopback), an overlay in place of the project at
the project's own path, an empty `/tmp`, `/dev/shm` and home folder, a `/proc` that shows only its own processes, no capability,
limits, and a filter for system calls. The copy's pid 1 is a keeper of ours; the candidate is its child. When that child ends,
everything it left ends with it. What overlays cannot do: renaming a folder that the project has gives EXDEV.

Two uses
--------
1. `python {tools}/inside.py --exec ARGV...` makes one copy and executes the command in it. The exit status is the command's, or
   128 + signal number.
2. A long-lived runner started with `Launch.nests` imports this file (it lies next to `launch.marshal` in `{tools}`) and calls, in order:

       inside.become_parent()        # once, early: before any thread is started and before any project file is read
       pid = inside.fork_copy({"pkg/mod.py": b"..."}, work, {"cpu_s": 5}, keep_fds=[report_fd, 2])
       status = os.WEXITSTATUS(os.waitpid(pid, 0)[1])      # or select on a pipe in keep_fds; after `kill` it is a signal instead
       inside.kill(pid)              # any time: ends the copy and everything in it; then reap it with waitpid
       inside.end_with_parent()      # in a plain fork of the runner that makes copies in its place

   `become_parent` gives the runner itself a copy (with `Launch.files` laid over), so that what it writes stays in it. It keeps the
   right to mount, and has no filter for system calls yet: only the user's own code may run there, never a candidate's.

   `fork_copy` returns at once. In the child `work()` runs with the project path showing the candidate's files, in the current folder
   `Launch.cwd`; what it returns is the exit status (an exception: traceback on standard error and status 1). All files but
   `keep_fds` are closed; standard input, output and error are `/dev/null` unless they are in `keep_fds`. The runner's own
   standard input and output are its line to the outside, so keep them out of `keep_fds`. Files that the runner wrote
   (also in `/tmp`) are not there. `limits` overrides `launch.marshal`'s: `wall_s`, `cpu_s`, `memory_bytes`, `processes`, `disk_bytes`.

   Exit statuses of a copy beside the candidate's own: `NOT_SET_UP`, `OVER_TIME`, `OVER_MEMORY`, `OVER_PROCESSES`, `OVER_CPU`.

`launch.marshal` (a format that every interpreter reads without importing anything): `project` (absolute path) · `cwd` · `limits` ·
`files` (path → bytes) · `masks` (project files shown empty) · `hidden` (project folders shown empty) · `frozen` (project folders
shown read-only) · `seccomp` (the BPF program) · `under_tmp` (bound paths to carry over into the fresh `/tmp`) · `overlay` (whether
overlays work here; if not, a real copy is made) · `lifeline` (an open file; when its other end closes, the program is gone, and what
`--exec` started ends).
"""

from __future__ import annotations

import marshal
import os
import sys
import time

# What is imported here is paid for at every launch, so `typing`, `signal` (which brings `enum`) and their like are left out.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType
    from typing import Any, NoReturn
else:
    import _signal as signal


def _neighbour(name: str, **given: object) -> ModuleType:
    """Load a file that lies next to this one, under no name that the project could use or shadow, with some names given."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    module = type(sys)(name)
    module.__dict__.update(given)
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
    return module


if TYPE_CHECKING or __package__:
    from refine_tui.sandbox import kernel, overlay
else:
    kernel = _neighbour("kernel")
    overlay = _neighbour("overlay", kernel=kernel)

NOT_SET_UP = 120
OVER_TIME = 121
OVER_MEMORY = 122
OVER_PROCESSES = 123
OVER_CPU = 124

_launch: dict[str, Any] = {}


# --- the two ways in ----------------------------------------------------------------------------------------------------


def become_parent() -> None:
    """Turn this process into a parent of copies: own user and mount namespace, a copy of its own.

    Raises:
        SetUpError: the process already has threads, or the kernel refuses.
    """
    spec = load()
    kernel.enter(kernel.NEWUSER | kernel.NEWNS)
    overlay.furnish(spec, spec["files"], _limits_of(spec, {}))
    os.chdir(os.path.join(spec["project"], spec["cwd"]))


def fork_copy(files: Mapping[str, bytes], work: Callable[[], int] | None, limits: Mapping[str, float], keep_fds: Sequence[int]) -> int:
    """Fork a copy that sees `files` in the project and runs `work`; see the top of this file.

    Returns:
        The process to wait for or to `kill`. Without `work`, 0 in the copy: it goes on in its own way, and ends with `os._exit`.
    """
    spec = load()
    merged = dict(spec["files"])
    merged.update(files)
    bounds = _limits_of(spec, limits)
    sys.stdout.flush()
    sys.stderr.flush()
    outer = os.fork()
    if outer == 0:
        _make_copy(spec, merged, bounds, work, list(keep_fds))
    return outer


def kill(pid: int) -> None:
    """End a copy and everything in it. Harmless when it has ended; the caller still reaps `pid`."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_with_parent() -> None:
    """Let the kernel end this process when the one it was forked from ends."""
    kernel.prctl(kernel.PDEATHSIG, signal.SIGKILL)


def load() -> dict[str, Any]:
    """Return the content of `launch.marshal`, read once."""
    if not _launch:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.marshal"), "rb") as file:
            _launch.update(marshal.load(file))
    return _launch


def main(argv: list[str]) -> NoReturn:
    """Make one copy and execute the command after `--exec` in it."""
    if len(argv) < 2 or argv[0] != "--exec":
        sys.exit("usage: inside.py --exec ARGV...")

    def work() -> int:
        try:
            os.execvp(argv[1], argv[1:])
        except OSError as error:
            print(f"inside: {argv[1]}: {error.strerror}", file=sys.stderr)
            return 127

    spec = load()
    _make_copy(spec, spec["files"], _limits_of(spec, {}), work, [0, 1, 2], [spec["lifeline"]])
    raise AssertionError("work ends the process")


# --- the keeper: pid 1 of a copy --------------------------------------------------------------------------------------------


def _make_copy(
    spec: dict[str, Any],
    files: Mapping[str, bytes],
    bounds: dict[str, float],
    work: Callable[[], int] | None,
    fds: list[int],
    lifelines: Sequence[int] = (),
) -> None:
    """Become the outer process of a copy: start its keeper, wait for it, and end with its status. A candidate without `work` returns.

    With a lifeline to the program, the program watches the limits on time, memory and processes; else the keeper does.
    """
    try:
        lifeline, held = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        kernel.enter(kernel.NEWUSER | kernel.NEWNS | kernel.NEWPID | kernel.NEWIPC | kernel.NEWNET)
        keeper = os.fork()
        if keeper == 0:
            os.close(held)
            _keep(spec, files, bounds, work, fds, [lifeline, *lifelines], limited=not lifelines)
            return
        # Only the candidate may hold what the runner reads to learn that the copy has ended.
        kernel.close_all_but([held])
        os._exit(kernel.exit_status(os.waitpid(keeper, 0)[1]))
    except BaseException:  # noqa: BLE001 - no error may get into the runner's stack from here
        _print_exception()
        os._exit(NOT_SET_UP)


def _keep(
    spec: dict[str, Any],
    files: Mapping[str, bytes],
    bounds: dict[str, float],
    work: Callable[[], int] | None,
    fds: list[int],
    lifelines: list[int],
    *,
    limited: bool,
) -> None:
    # A pid 1 ignores signals from its own namespace, so nothing inside can end the keeper. All are blocked already (the candidate
    # unblocks them), which also lets `sigtimedwait` see every SIGCHLD.
    kernel.prctl(kernel.PDEATHSIG, signal.SIGKILL)
    overlay.furnish(spec, files, bounds)
    own_proc = _mount_proc(int(bounds["processes"]))
    kernel.loopback_up()
    for covered in (overlay.BASE, overlay.SCRATCH):
        kernel.mount("none", covered, "tmpfs", kernel.RDONLY | kernel.NOSUID | kernel.NODEV, "size=4k,nr_inodes=2,mode=0555")
    os.chdir(os.path.join(spec["project"], spec["cwd"]))
    # Not dumpable: what runs as the same user cannot look into the keeper or trace it.
    kernel.prctl(kernel.SET_DUMPABLE, 0)
    candidate = os.fork()
    if candidate == 0:
        _become_candidate(spec, bounds, fds)
        if work is None:
            return
        _run(work)
    kernel.close_all_but([2, *lifelines])
    kernel.drop_rights(spec["seccomp"])
    os._exit(_watch(candidate, bounds if limited else None, lifelines, own_proc))


def _watch(candidate: int, bounds: dict[str, float] | None, lifelines: list[int], own_proc: bool) -> int:
    deadline = time.monotonic() + bounds["wall_s"] if bounds else None
    for lifeline in lifelines:
        os.set_blocking(lifeline, False)
    while True:
        signal.sigtimedwait([signal.SIGCHLD], 0.05)
        for pid, status in _ended():
            if pid == candidate:
                return kernel.exit_status(status)
        if any(_at_end(lifeline) for lifeline in lifelines):
            return NOT_SET_UP
        if deadline is not None and time.monotonic() > deadline:
            return OVER_TIME
        over = _exceeded(bounds) if bounds and own_proc else 0
        if over:
            return over


def _exceeded(bounds: dict[str, float]) -> int:
    pids = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    if len(pids) > bounds["processes"]:
        return OVER_PROCESSES
    # The quick sum counts shared pages once for each process; only when it is over, the exact one is worth its price.
    if _resident(pids) > bounds["memory_bytes"] and _proportional(pids) > bounds["memory_bytes"]:
        return OVER_MEMORY
    return OVER_CPU if _processor_s(pids) > bounds["cpu_s"] else 0


def _ended() -> Iterator[tuple[int, int]]:
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


def _processor_s(pids: list[str]) -> float:
    """Return the processor time of all, with that of what has ended: they or the keeper waited for it."""
    own = os.times()
    ticks, total = os.sysconf("SC_CLK_TCK"), own.children_user + own.children_system
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                total += sum(map(int, file.read().rpartition(")")[2].split()[11:15])) / ticks
        except (OSError, ValueError):
            continue
    return total


def _resident(pids: list[str]) -> int:
    page, total = os.sysconf("SC_PAGE_SIZE"), 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                total += int(file.read().split()[1]) * page
        except (OSError, IndexError):
            continue
    return total


def _proportional(pids: list[str]) -> int:
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
        except OSError:
            total += _resident([pid])
    return total


def _become_candidate(spec: dict[str, Any], bounds: dict[str, float], fds: list[int]) -> None:
    kernel.prctl(kernel.SET_DUMPABLE, 1)
    signal.set_wakeup_fd(-1)
    os.setsid()
    _null_standard_files(fds)
    kernel.close_all_but([*fds, 0, 1, 2])
    os.makedirs(overlay.HOME, 0o700, exist_ok=True)
    kernel.limit(bounds)
    kernel.drop_rights(spec["seccomp"])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())


def _run(work: Callable[[], int]) -> NoReturn:
    status = 1
    try:
        status = work()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - the candidate's, whatever it is
        _print_exception()
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


# --- small parts ------------------------------------------------------------------------------------------------------------


def _mount_proc(processes: int) -> bool:
    """Mount a `/proc` of this pid namespace; say whether the kernel allows it (it wants a fully visible one to exist)."""
    try:
        kernel.mount("proc", "/proc", "proc", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
    except kernel.SetUpError:
        return False
    # From Linux 6.14 on each pid namespace has its own maximum, which holds for root too; 301 is the least allowed.
    try:
        with open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as file:
            file.write(str(max(301, 2 * processes)))
    except OSError:
        pass
    kernel.mount("none", "/proc", None, kernel.REMOUNT | kernel.RDONLY | kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
    return True


def _print_exception() -> None:
    import traceback

    traceback.print_exc()


def _limits_of(spec: dict[str, Any], override: Mapping[str, float]) -> dict[str, float]:
    limits: dict[str, float] = dict(spec["limits"])
    limits.update(override)
    return limits


if __name__ == "__main__":
    main(sys.argv[1:])
