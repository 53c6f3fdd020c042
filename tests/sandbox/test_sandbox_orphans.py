"""However a run ends, no process of it is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from refine_tui.core.isolation import Limits
from refine_tui.loop.ports.running import Launch, Running, Sandbox
from refine_tui.sandbox.bubblewrap import own_interpreter

PYTHON, PREFIXES = own_interpreter()

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
print("left", flush=True)
if sys.argv[2] == "wait":
    sys.stdin.readline()
"""


def launch(sandbox: Sandbox, project: Path, mark: str, then: str, limits: Limits | None = None) -> Running:
    argv = (PYTHON, "-I", "-S", "-c", DAEMONS, mark, then)
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


def all_end(fds: list[int], within_s: float = 10.0) -> bool:
    waiting, deadline = set(fds), time.monotonic() + within_s
    while waiting and time.monotonic() < deadline:
        waiting -= set(select.select(list(waiting), [], [], max(0.0, deadline - time.monotonic()))[0])
    return not waiting


@pytest.fixture
def mark(request: pytest.FixtureRequest) -> str:
    return f"mark-{os.getpid()}-{abs(hash(request.node.nodeid))}"


def test_nothing_is_left_when_the_command_ends(sandbox: Sandbox, project: Path, mark: str) -> None:
    with launch(sandbox, project, mark, "wait") as running:
        assert running.stdout.readline() == b"left\n"
        with watched(marked(mark)) as fds:
            assert len(fds) >= 4
            running.stdin.write(b"\n")
            running.stdin.flush()
            assert running.wait(30) == 0
            assert all_end(fds)
    assert marked(mark) == []


def test_nothing_is_left_when_it_is_killed(sandbox: Sandbox, project: Path, mark: str) -> None:
    with launch(sandbox, project, mark, "wait") as running:
        assert running.stdout.readline() == b"left\n"
        with watched(marked(mark)) as fds:
            running.kill()
            assert running.wait(30) is not None
            assert all_end(fds)
    assert marked(mark) == []


def test_nothing_is_left_when_the_time_is_over(sandbox: Sandbox, project: Path, mark: str) -> None:
    with launch(sandbox, project, mark, "wait", Limits(wall_s=2.0)) as running:
        assert running.stdout.readline() == b"left\n"
        with watched(marked(mark)) as fds:
            assert running.wait(30) is not None
            assert running.stopped == "time"
            assert all_end(fds)
    assert marked(mark) == []


def test_leaving_the_context_ends_everything(sandbox: Sandbox, project: Path, mark: str) -> None:
    with launch(sandbox, project, mark, "wait") as running:
        assert running.stdout.readline() == b"left\n"
        pids = marked(mark)
        stack = watched(pids)
        fds = stack.__enter__()
    assert all_end(fds)
    stack.__exit__(None, None, None)
    assert marked(mark) == []


def test_nothing_is_left_when_the_program_is_killed(sandbox: Sandbox, project: Path, mark: str, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from refine_tui.core.isolation import Level, Limits
from refine_tui.loop.ports.running import Launch
from refine_tui.sandbox.opening import Ladder
argv = {(PYTHON, "-I", "-S", "-c", DAEMONS, mark, "wait")!r}
launch = Launch(argv, Path({str(project)!r}), readable=tuple(map(Path, {list(map(str, PREFIXES))!r})))
sandbox = Ladder(Path({str(tmp_path / "state")!r})).at(Level({sandbox.level.value!r}))
running = sandbox.launch(launch)
print(running.stdout.readline().decode().strip(), flush=True)
sys.stdin.read()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"left\n"
        pids = [pid for pid in marked(mark) if pid != program.pid]
        with watched(pids) as fds:
            assert len(fds) >= 4
            program.send_signal(signal.SIGKILL)
            assert all_end(fds)
    assert marked(mark) == []


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
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with sandbox.launch(Launch(("true",), project)) as running:
            running.wait(30)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


if sys.platform != "linux":
    pytest.skip("written for Linux", allow_module_level=True)
