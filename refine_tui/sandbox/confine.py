# ruff: noqa: PTH100, PTH116, PTH118, PTH120, PTH123, PTH208
"""Supervises one command that shares the host's namespaces: limits it, fences it with Landlock, and leaves nothing of it behind.

One stand-alone file: standard library only, Python 3.8 or newer. `python confine.py LIFELINE_FD SPEC.json ARGV...` runs the command in the
current folder and ends with its exit status (128 + number for a signal). When the other end of the lifeline closes, which the
kernel sees to when the program is killed, everything below is ended. On Linux this process adopts whatever loses its parent, so a
daemon cannot get away.

`SPEC.json`: `limits` · `readable` and `writable` (paths for Landlock; no fence without `fenced`) · `fenced` · `seccomp` (base64).
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn


def _neighbour(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING or __package__:
    from refine_tui.sandbox import kernel
else:
    kernel = _neighbour("kernel")

LINUX = sys.platform == "linux"
OVER_PROCESSES = 123

GIVES_WAY = 5
"""By how much the command is nicer than whoever started it."""


def main(argv: list[str]) -> int:
    """Run a command under supervision; see the top of this file."""
    lifeline = int(argv[0])
    with open(argv[1], encoding="utf-8") as file:
        spec: dict[str, Any] = json.load(file)
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    if LINUX:
        kernel.prctl(kernel.CHILD_SUBREAPER, 1)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    patience = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):
        # Only root may, and only root needs it: no limit on processes holds for root, so the supervisor must get its turn.
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    command = os.fork()
    if command == 0:
        with contextlib.suppress(OSError):
            # Whoever watches the screen comes first; the command may not say so itself, since the filter refuses any change.
            os.setpriority(os.PRIO_PROCESS, 0, min(19, patience + GIVES_WAY))
        os.close(lifeline)
        _become(spec, argv[2:])
    kernel.close_all_but([2, lifeline, woken, waker])
    status = _watch(command, int(spec["limits"]["processes"]), lifeline, woken)
    _end_all(command)
    return status


def _become(spec: Mapping[str, Any], argv: list[str]) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        bounds = dict(spec["limits"])
        bounds["processes"] += _tasks_of_user()
        kernel.limit(bounds)
        kernel.close_all_but([0, 1, 2])
        if spec["fenced"]:
            kernel.landlock(spec["readable"], spec["writable"])
        if LINUX:
            kernel.drop_rights(base64.b64decode(spec["seccomp"]))
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, f"sandbox: {argv[0]}: {error}\n".encode())
    os._exit(127 if spec else 120)


def _tasks_of_user() -> int:
    """Threads this user has already (on macOS: processes): outside a user namespace, the limit on processes counts them too."""
    if not LINUX:
        with os.popen(f"/bin/ps -U {os.getuid()} -o pid=") as listing:
            return sum(1 for _line in listing)
    count = 0
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


def _watch(command: int, most: int, lifeline: int, woken: int) -> int:
    poll = select.poll()
    poll.register(lifeline, select.POLLIN | select.POLLHUP)
    poll.register(woken, select.POLLIN)
    while True:
        ready = {fd for fd, _event in poll.poll(50)}
        if woken in ready:
            os.read(woken, 4096)
        ended = _reap(command)
        if ended is not None:
            return ended
        if lifeline in ready:
            return 128 + signal.SIGKILL
        if LINUX and len(_below(os.getpid())) > most:
            return OVER_PROCESSES


def _reap(command: int) -> int | None:
    """Collect what has ended; return the command's exit status when it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == command:
            found = int(kernel.exit_status(status))


def _end_all(command: int) -> None:
    """End everything below. All are stopped before any is killed: what is stopped cannot fork away."""
    if not LINUX:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(command, signal.SIGKILL)
        return
    stopped: set[int] = set()
    while new := set(_below(os.getpid())) - stopped:
        _signal(new, signal.SIGSTOP)
        stopped |= new
    give_up = time.monotonic() + 5.0
    while time.monotonic() < give_up:
        _signal(set(_below(os.getpid())), signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def _signal(pids: set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _below(root: int) -> list[int]:
    """Return every living process below one. One look at the whole table: a list per process would miss what forks meanwhile."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
                if state != "Z":
                    parents[int(name)] = int(parent)
    below, found = {root}, True
    while found:
        more = {pid for pid, parent in parents.items() if parent in below} - below
        below |= more
        found = bool(more)
    return sorted(below - {root})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
