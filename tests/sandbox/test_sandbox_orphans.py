"""However a run ends, nothing of it is left: daemons are left behind on purpose, and the run is ended in six ways in turns."""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from refine_tui.core.isolation import Level, Limits
from refine_tui.loop.ports.running import Launch, Running, Sandbox
from refine_tui.sandbox import cgroups, workcopy
from refine_tui.sandbox.bubblewrap import own_interpreter
from refine_tui.sandbox.supervision import Supervised

PYTHON, PREFIXES = own_interpreter()
WITHIN_S = 60.0
"""How long what was ended may take to be gone: it is waited for, and takes a moment."""
Ending = Callable[[Sandbox, Path, str], list[int]]

DAEMONS = """
import os, sys, time
ready, tell = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.write(tell, b".")
        for fd in (0, 1, 2):
            os.close(fd)
        time.sleep(600)
        os._exit(0)
for _ in range(3):
    os.read(ready, 1)
    os.wait()
print("left", flush=True)
if sys.argv[2] == "wait":
    sys.stdin.readline()
"""
EATING = DAEMONS + "kept = []\nwhile True:\n    kept.append(bytearray(b'x' * (8 << 20)))\n"
"""The same, and then it takes memory until it is stopped."""

PROGRAM = """
import sys
from pathlib import Path
from refine_tui.core.isolation import Level
from refine_tui.loop.ports.running import Launch
from refine_tui.sandbox.opening import Ladder
level, state, project, prefixes, *argv = sys.argv[1:]
sandbox = Ladder(Path(state)).at(Level(level))
running = sandbox.launch(Launch(tuple(argv), Path(project), readable=tuple(map(Path, prefixes.split(":")))))
print(running.stdout.readline().decode().strip(), flush=True)
sys.stdin.read()
"""


def launch(sandbox: Sandbox, project: Path, mark: str, then: str, limits: Limits | None = None, code: str = DAEMONS) -> Running:
    argv = (PYTHON, "-I", "-S", "-c", code, mark, then)
    return sandbox.launch(Launch(argv, project, readable=PREFIXES, limits=limits or Limits(wall_s=60)))


def marked(mark: str) -> list[int]:
    """Return every process of this machine with a word in its command line, this one left out."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@contextmanager
def watched(pids: list[int]) -> Iterator[list[int]]:
    """Yield process files, which become readable when the processes end."""
    with ExitStack() as stack:
        fds = []
        for pid in pids:
            fds.append(os.pidfd_open(pid))
            stack.callback(os.close, fds[-1])
        yield fds


def all_end(fds: list[int]) -> bool:
    waiting, deadline = set(fds), time.monotonic() + WITHIN_S
    while waiting and time.monotonic() < deadline:
        waiting -= set(select.select(list(waiting), [], [], max(0.0, deadline - time.monotonic()))[0])
    return not waiting


KILLED: list[int] = []
"""Programs that could not clear anything away."""


class Watch:
    """What an evaluation started, watched from the moment all of it is there; `left` says who outlives the end."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._stack = ExitStack()
        self._pids = marked(mark)
        self._fds = self._stack.enter_context(watched(self._pids))
        assert len(self._pids) >= 4, "the daemons were not there, so this proves nothing"

    def left(self) -> list[int]:
        with self._stack:
            all_end(self._fds)
            return marked(self._mark)


def by_itself(sandbox: Sandbox, project: Path, mark: str) -> list[int]:
    with launch(sandbox, project, mark, "wait") as running:
        assert running.stdout.readline() == b"left\n"
        watch = Watch(mark)
        running.stdin.write(b"\n")
        running.stdin.flush()
        assert running.wait(30) == 0
        return watch.left()


def by_cancelling(sandbox: Sandbox, project: Path, mark: str) -> list[int]:
    with launch(sandbox, project, mark, "wait") as running:
        assert running.stdout.readline() == b"left\n"
        watch = Watch(mark)
        running.kill()
        assert running.wait(30) is not None
        return watch.left()


def by_time(sandbox: Sandbox, project: Path, mark: str) -> list[int]:
    with launch(sandbox, project, mark, "wait") as running:
        assert running.stdout.readline() == b"left\n"
        watch = Watch(mark)
        assert isinstance(running, Supervised)
        running._deadline = time.monotonic()  # its time is over now
        assert running.wait(30) is not None
        assert running.stopped == "time"
        return watch.left()


def by_memory(sandbox: Sandbox, project: Path, mark: str) -> list[int]:
    with launch(sandbox, project, mark, "wait", Limits(wall_s=60, memory_bytes=160 << 20), EATING) as running:
        assert running.stdout.readline() == b"left\n"
        watch = Watch(mark)
        running.stdin.write(b"\n")
        running.stdin.flush()
        assert running.wait(30) is not None
        assert running.stopped == "memory"
        return watch.left()


def by_an_error_of_ours(sandbox: Sandbox, project: Path, mark: str) -> list[int]:
    with pytest.raises(ZeroDivisionError), launch(sandbox, project, mark, "wait") as running:  # noqa: PT012
        assert running.stdout.readline() == b"left\n"
        watch = Watch(mark)
        raise ZeroDivisionError
    return watch.left()


def by_killing_the_program(sandbox: Sandbox, project: Path, mark: str) -> list[int]:
    argv = (PYTHON, "-I", "-S", "-c", DAEMONS, mark, "wait")
    words = (sandbox.level.value, str(project.parent / "state"), str(project), ":".join(map(str, PREFIXES)), *argv)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"left\n"
        watch = Watch(mark)
        KILLED.append(program.pid)
        program.send_signal(signal.SIGKILL)
        assert program.wait() == -signal.SIGKILL
        return watch.left()


def kept_for(pid: int) -> list[Path]:
    """Return copies and control groups that a program made."""
    groups = [Path(folder) for folder, _folders, _names in os.walk("/sys/fs/cgroup")]  # others vanish while we look
    return [*Path("/dev/shm").glob(f"refine-tui-copy-{pid}-*"), *(path for path in groups if path.name.startswith(f"refine-tui-{pid}-"))]


WAYS: tuple[Ending, ...] = (by_itself, by_cancelling, by_time, by_memory, by_an_error_of_ours, by_killing_the_program)


@pytest.mark.parametrize("runs", [6, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_nothing_is_left_after_evaluations_ended_in_six_ways(sandbox: Sandbox, project: Path, runs: int) -> None:
    left = {}
    for number in range(runs):
        way = WAYS[number % len(WAYS)]
        left[f"{number} {way.__name__}"] = way(sandbox, project, f"ending-{os.getpid()}-{number}-")

    assert {name: pids for name, pids in left.items() if pids} == {}
    workcopy.sweep(project.parent / "state")
    cgroups.sweep()
    assert [path for pid in (os.getpid(), *KILLED) for path in kept_for(pid)] == []


def test_nothing_is_left_when_somebody_kills_the_supervisor(sandbox: Sandbox, project: Path) -> None:
    mark = f"supervisor-{os.getpid()}"
    group = cgroups.ControlGroup(Limits(), processes=1)
    can_group = group.joined(["true"]) != ["true"]
    group.remove()
    if sandbox.level is Level.CONFINED and not can_group:
        pytest.skip("this user may not make control groups")
    with launch(sandbox, project, mark, "wait") as running:
        assert running.stdout.readline() == b"left\n"
        watch = Watch(mark)
        assert isinstance(running, Supervised)
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait(30) == 137
    assert watch.left() == []


def test_a_run_outlives_the_thread_that_started_it(isolated: Sandbox, project: Path) -> None:
    import threading

    started: list[Running] = []
    thread = threading.Thread(target=lambda: started.append(isolated.launch(Launch(("cat",), project))))
    thread.start()
    thread.join()
    with started[0] as running:
        running.stdin.write(b"alive\n")
        running.stdin.flush()
        assert running.stdout.readline() == b"alive\n"


def test_many_runs_leave_no_files_open(sandbox: Sandbox, project: Path) -> None:
    with sandbox.launch(Launch(("true",), project)) as running:
        running.wait(30)
    gc.collect()  # what other tests let go of keeps its files until then
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with sandbox.launch(Launch(("true",), project)) as running:
            running.wait(30)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


if sys.platform != "linux":
    pytest.skip("written for Linux", allow_module_level=True)
