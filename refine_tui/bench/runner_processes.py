"""Processes of this machine as seen from outside a sandbox: who carries a mark, who came from whom, how much memory they take."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
LOOK_S = 0.01
AFTER_S = 1.0


class Process(NamedTuple):
    """A process and not another one that has its number later."""

    pid: int
    started: str
    """Clock ticks since the machine started."""


def is_there() -> bool:
    """Say whether this system tells about its processes."""
    return (PROC / "self" / "stat").exists()


def stat(pid: int) -> tuple[int, str, str] | None:
    """Return the parent, the state and the start of a process, `None` when there is none."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), fields[0], fields[19]


def everybody() -> Iterator[int]:
    """Yield every process."""
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def process(pid: int) -> Process | None:
    """Return a process that lives, `None` when it ended or only waits to be reaped."""
    facts = stat(pid)
    return Process(pid, facts[2]) if facts and facts[1] != "Z" else None


def below(root: int) -> set[Process]:
    """Return what a process has started, and what that has started, itself left out."""
    children = _told_children if (PROC / f"self/task/{os.getpid()}/children").exists() else _found_children()
    reached = list(children(root))
    for pid in reached:
        reached.extend(children(pid))
    return {found for pid in reached if (found := process(pid))}


def _told_children(pid: int) -> list[int]:
    """Ask the kernel, where it was built to answer that: much faster than looking at everybody."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _found_children() -> Callable[[int], list[int]]:
    children = defaultdict(list)
    for pid in everybody():
        if facts := stat(pid):
            children[facts[0]].append(pid)
    return lambda pid: children.get(pid, [])


def marked(mark: str) -> set[Process]:
    """Return the processes with a word among their arguments, this one left out."""
    found = set()
    for pid in everybody():
        try:
            has_it = pid != os.getpid() and mark.encode() in (PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            continue
        if has_it and (one := process(pid)):
            found.add(one)
    return found


def copy_of(processes: Iterable[Process]) -> set[Process]:
    """Return processes that were left by their parents with all of their new parent's: the whole of the copy they run in."""
    found = set(processes)
    for keeper in {facts[0] for one in tuple(found) if (facts := stat(one.pid))} - {0, 1, os.getpid()}:
        found |= below(keeper) | {one for one in (process(keeper),) if one}
    return found


def alive(processes: Iterable[Process]) -> set[Process]:
    """Return those that still live."""
    return {one for one in processes if process(one.pid) == one}


class Later:
    """Looks for processes a second after they should have ended, while other things go on."""

    def __init__(self) -> None:
        self.left: list[str] = []
        """What was alive then, in words."""
        self._timers: list[threading.Timer] = []

    def look(self, what: str, mark: str, processes: Iterable[Process]) -> None:
        """Look in a second for these processes and for any that carries the mark."""
        known = frozenset(processes)

        def now() -> None:
            self.left += [f"{what}: {words_of(one.pid)}" for one in alive(known) | marked(mark)]

        self._timers.append(threading.Timer(AFTER_S, now))
        self._timers[-1].start()

    def wait(self) -> None:
        """Return when everything was looked for."""
        for timer in self._timers:
            timer.join()


def words_of(pid: int) -> str:
    """Return a process's arguments."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    except OSError:
        return "ended meanwhile"


class Memory:
    """The most that the processes below this one took at any time, those that were there before left out."""

    def __init__(self) -> None:
        self.most_bytes = 0
        """Pages that several processes share are counted once."""
        self.has_group = False
        """Whether a control group of ours bounds them."""
        self.looks = 0
        self.seconds = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look as often as can be until left."""
        before, over = below(os.getpid()), threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_S):
                new = below(os.getpid()) - before
                self.most_bytes = max(self.most_bytes, sum(proportional_bytes(one.pid) for one in new))
                self.looks += 1
                self.has_group = self.has_group or any(is_grouped(one.pid) for one in new)

        thread, began = threading.Thread(target=watch, name="bench-memory", daemon=True), time.monotonic()
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.seconds = time.monotonic() - began


def proportional_bytes(pid: int) -> int:
    """Return a process's memory, its share of what others have too."""
    try:
        with open(PROC / str(pid) / "smaps_rollup") as file:  # noqa: PTH123 - asked thousands of times
            return next((1024 * int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def computing_s() -> float:
    """Return the seconds that this process and all below it have computed, ended ones included once they were waited for.

    0 where the system does not tell.
    """
    if not is_there():
        return 0.0
    ticks = 0
    for pid in (os.getpid(), *(one.pid for one in below(os.getpid()))):
        with contextlib.suppress(OSError):
            fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def is_grouped(pid: int) -> bool:
    """Say whether a process is in a control group of this program."""
    try:
        return f"refine-tui-{os.getpid()}-" in (PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return False


def until(happens: Callable[[], bool], within_s: float) -> bool:
    """Ask every now and then; say whether it happened in time."""
    deadline = time.monotonic() + within_s
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S)
    return True
