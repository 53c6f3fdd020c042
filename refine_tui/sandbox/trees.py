"""What Linux's `/proc` says about a process and its descendants."""

from __future__ import annotations

import os
import resource
import signal
from collections import defaultdict
from pathlib import Path

_PROC = Path("/proc")
_TIMES = (11, 12, 13, 14)
"""utime, stime, cutime and cstime among the words that follow the name in `stat`."""


def descendants(root: int) -> list[int]:
    """Return the process itself, when it lives, and everything below it, parents first."""
    if not (_PROC / str(root)).exists():
        return []
    found, children = [root], _children_by_scan() if _needs_scan() else None
    for pid in found:
        found.extend(children[pid] if children is not None else _children(pid))
    return found


def resident_bytes(pids: list[int]) -> int:
    """Sum of resident memory; pages shared between the processes count once for each."""
    page = resource.getpagesize()
    return sum(page * _field(pid, "statm", 1) for pid in pids)


def proportional_bytes(pids: list[int]) -> int:
    """Sum of resident memory with shared pages counted once in all; slower than `resident_bytes` by far."""
    return sum(_proportional(pid) for pid in pids)


def processor_s(pids: list[int]) -> float:
    """Sum of processor time in seconds, with that of children that ended and were waited for."""
    return sum(_field(pid, "stat", place, after=")") for pid in pids for place in _TIMES) / os.sysconf("SC_CLK_TCK")


def kill_all(pids: list[int]) -> None:
    """Send SIGKILL to each; those that are gone or not ours are passed over."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _needs_scan() -> bool:
    return not Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except OSError:
        pass  # it ended while we looked
    return found


def _children_by_scan() -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text(errors="replace").rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            found[parent].append(int(entry.name))
    return found


def _field(pid: int, name: str, place: int, after: str = "") -> int:
    try:
        text = (_PROC / str(pid) / name).read_text(errors="replace")
        return int((text.rpartition(after)[2] if after else text).split()[place])
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return resident_bytes([pid])
    return 0
