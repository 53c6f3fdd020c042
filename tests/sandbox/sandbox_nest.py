# ruff: noqa: PTH109, PTH115, PTH208
"""A runner that forks copies, for the tests of nesting: `python FILE TOOLS CASE` inside a sandbox. Python 3.8 or newer."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

spec = importlib.util.spec_from_file_location("inside", os.path.join(sys.argv[1], "inside.py"))  # noqa: PTH118
assert spec is not None
assert spec.loader is not None
inside: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(inside)


def copy(work: Callable[[], object], files: dict[str, bytes] | None = None, limits: dict[str, float] | None = None) -> tuple[object, int]:
    """Run work in a copy; return what it returned and the exit status."""
    reading, writing = os.pipe()

    def report() -> int:
        os.write(writing, json.dumps(work()).encode())
        return 0

    pid = inside.fork_copy(files or {}, report, limits or {}, [writing, 2])
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        text = file.read()
    status = os.waitpid(pid, 0)[1]
    return (json.loads(text) if text else None), os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def held_copy(files: dict[str, bytes], prepare: Callable[[], object] = lambda: None) -> tuple[int, int]:
    """Start a copy that says when it is ready and then waits for its end; return the process and the file that says so."""
    reading, writing = os.pipe()

    def work() -> int:
        prepare()
        os.write(writing, b"r")
        time.sleep(600)
        return 0

    pid = inside.fork_copy(files, work, {}, [writing])
    os.close(writing)
    assert os.read(reading, 1) == b"r"
    return pid, reading


def listing() -> object:
    return {
        "here": sorted(os.listdir(".")),
        "module": Path("pkg/mod.py").read_text(),
        "tmp": sorted(os.listdir("/tmp")),
        "shm": sorted(os.listdir("/dev/shm")),
        "base": sorted(os.listdir("/.base")),
        "processes": sorted(name for name in os.listdir("/proc") if name.isdigit()),
        "files": sorted(os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if int(name) < 3),
        "cwd": os.getcwd(),
    }


def litter() -> object:
    for path in ("left", "/tmp/left", "/dev/shm/left", "pkg/left"):
        Path(path).write_text("x")
    os.environ["LEFT"] = "x"
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    return "littered"


def sees_candidate() -> object:
    return copy(listing, {"pkg/mod.py": b"VALUE = 2\n", "new.py": b""})


def sees_environment() -> object:
    def look() -> object:
        Path(sys.prefix, "written").write_text("x")
        return [sys.prefix, sorted(os.listdir(".")), Path("pkg/mod.py").read_text(), os.access(sys.executable, os.X_OK)]

    return [copy(look, {"pkg/mod.py": b"VALUE = 2\n"}), Path(sys.prefix, "written").exists()]


def sees_nothing_left() -> object:
    Path("left-by-parent").write_text("x")
    Path("/tmp/left-by-parent").write_text("x")
    return [copy(litter), copy(listing), "LEFT" in os.environ]


def sees_nothing_of_a_living_copy() -> object:
    def prepare() -> None:
        litter()
        line = socket.socket(socket.AF_UNIX)
        line.bind("\0name")
        line.listen()
        kept.append(line)

    kept: list[socket.socket] = []
    pid, _ready = held_copy({"secret.py": b"x"}, prepare)

    def look() -> object:
        found = listing()
        assert isinstance(found, dict)
        for word, address in (("abstract", "\0name"),):
            try:
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(address)
                found[word] = "reached"
            except OSError:
                found[word] = "refused"
        try:
            os.kill(pid, 9)
            found["kill"] = "sent"
        except OSError:
            found["kill"] = "refused"
        return found

    result = copy(look)
    alive = os.waitpid(pid, os.WNOHANG)[0] == 0
    inside.kill(pid)
    os.waitpid(pid, 0)
    return [result, alive]


def kills_a_copy() -> object:
    pid, ready = held_copy({}, litter)
    inside.kill(pid)
    status = os.waitpid(pid, 0)[1]
    # Everything in the copy held the pipe's other end: its end means that all of it is gone.
    return [os.WTERMSIG(status), os.read(ready, 1) == b""]


def meets_limits() -> object:
    def spin() -> object:
        while True:
            pass

    def grow() -> object:
        kept = []
        while True:
            kept.append(bytearray(b"x" * (1 << 20)))
            time.sleep(0.001)

    def sleep() -> object:
        time.sleep(600)
        return None

    def share() -> object:
        kept = bytearray(48 << 20)
        kept[::4096] = b"x" * (len(kept) // 4096)  # touched page by page: made from a text it would take its size twice
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(0.4)
                os._exit(len(kept) % 2)
        for _ in range(3):
            os.wait()
        return "shared pages count once"

    def spin_by_turns() -> object:
        while True:
            if os.fork() == 0:
                began = time.process_time()
                while time.process_time() - began < 0.2:
                    pass
                os._exit(0)
            os.wait()

    return [
        copy(spin_by_turns, limits={"cpu_s": 1})[1],
        copy(spin, limits={"cpu_s": 1})[1],
        copy(grow, limits={"memory_bytes": (64 << 20)})[1],
        copy(sleep, limits={"wall_s": 0.3})[1],
        copy(share, limits={"memory_bytes": 96 << 20})[0],
    ]


def reports_failures() -> object:
    def fail() -> object:
        raise RuntimeError("in the copy")

    def leave() -> object:
        sys.exit(5)

    def abort() -> object:
        os.abort()

    def interrupt_everyone() -> object:
        os.kill(1, signal.SIGINT)
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)
        return "still here"

    return [copy(fail)[1], copy(leave)[1], copy(abort)[1], copy(interrupt_everyone), copy(listing, {"../x": b""})[1]]


def cannot_mount_or_leave() -> object:
    def attempt() -> object:
        status = Path("/proc/self/status").read_text()
        seen = {
            line.split()[0]: line.split()[1]
            for line in status.splitlines()
            if line.startswith(("CapEff", "CapBnd", "Seccomp:", "NoNewPrivs"))
        }
        for path in ("/proc/1/root/etc", "/proc/1/mem", "/proc/1/environ"):
            try:
                os.close(os.open(path, os.O_RDONLY))
                seen[path] = "opened"
            except OSError:
                seen[path] = "refused"
        return seen

    return copy(attempt)


def times() -> object:
    taken = []
    for number in range(20):
        start = time.perf_counter()
        copy(lambda: 1, {"pkg/mod.py": b"VALUE = %d\n" % number})
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


inside.become_parent()
print(json.dumps(globals()[sys.argv[2]]()), flush=True)  # noqa: T201
