"""Exact limits on total memory, processor time and processes, where this user may make a control group (cgroup version 1 or 2)."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

from refine_tui.core.isolation import Limits
from refine_tui.sandbox import trees

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_PREFIX = "refine-tui-"
_numbers = itertools.count()

_JOIN = 'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'


class ControlGroup:
    """The groups of one launch; none at all where none can be made."""

    def __init__(self, limits: Limits, *, processes: int) -> None:
        """Make the groups.

        Args:
            limits: `memory_bytes` holds for everything in the group, files in memory included; `cpu_s` too, of those that ended as well.
            processes: the most processes and threads in the group, the sandbox's own included.
        """
        self._cpu_s = limits.cpu_s
        name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        self._folders = [made for parent, settings in _places(limits, processes) if (made := _make(parent / name, settings))]

    def joined(self, argv: Sequence[str]) -> list[str]:
        """Return a command that enters the groups and then becomes `argv`."""
        if not self._folders:
            return list(argv)
        return ["/bin/sh", "-c", _JOIN, "sh", *map(str, self._folders), "--", *argv]

    def exceeded(self) -> str:
        """Return `memory` when the kernel has ended a process for lack of it, `cpu` when all together took too long, else nothing."""
        if any(_out_of_memory(folder) for folder in self._folders):
            return "memory"
        return "cpu" if any(_processor_s(folder) > self._cpu_s for folder in self._folders) else ""

    @property
    def bounds_memory(self) -> bool:
        """Whether the kernel itself keeps the sum of memory."""
        return any((folder / name).exists() for folder in self._folders for name in ("memory.limit_in_bytes", "memory.max"))

    def remove(self) -> None:
        """Remove the groups and end what is still in them; the last process may need a moment."""
        give_up = time.monotonic() + 1.0
        while self._folders:
            # Nothing, unless somebody killed the one who was to see to it.
            trees.kill_all(_members(self._folders[-1]))
            with contextlib.suppress(OSError):
                self._folders[-1].rmdir()
            if not self._folders[-1].exists() or time.monotonic() > give_up:
                self._folders.pop()
            else:
                time.sleep(0.005)


def bound_memory() -> bool:
    """Say whether the kernel keeps the sum of memory for runs of this user; if not, it is watched."""
    group = ControlGroup(Limits(), processes=1)
    try:
        return group.bounds_memory
    finally:
        group.remove()


def sweep() -> None:
    """Remove empty groups left by a program that was killed, also by one that ran in a group beside ours."""
    for parent, _settings in _places(Limits(), 1):
        for folder in [*parent.glob(f"{_PREFIX}*"), *(parent.parent.glob(f"*/{_PREFIX}*") if parent.parent != _ROOT else ())]:
            owner = folder.name[len(_PREFIX) :].split("-")[0]
            if not Path(f"/proc/{owner}").exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _places(limits: Limits, processes: int) -> list[tuple[Path, dict[str, int]]]:
    """Return folders that might take a group, each with what to write in the group; names with `?` may be missing."""
    places: list[tuple[Path, dict[str, int]]] = []
    memory, tasks = limits.memory_bytes, processes
    for line in _OWN.read_text().splitlines() if _OWN.exists() else ():
        _number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            settings = {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes?": memory}
            places.append((_ROOT / "memory" / path.lstrip("/"), settings))
        elif "cpuacct" in controllers.split(","):
            places.append((_ROOT / "cpuacct" / path.lstrip("/"), {}))
        elif "pids" in controllers.split(","):
            places.append((_ROOT / "pids" / path.lstrip("/"), {"pids.max": tasks}))
        elif not controllers:
            # A group with processes of its own may not pass controllers down, so ours goes beside it.
            settings = {"memory.max": memory, "memory.swap.max?": 0, "memory.oom.group?": 1, "pids.max": tasks}
            places.append(((_ROOT / path.lstrip("/")).parent if path != "/" else _ROOT, settings))
    return [(folder, settings) for folder, settings in places if os.access(folder, os.W_OK) and folder.is_relative_to(_ROOT)]


def _make(folder: Path, settings: dict[str, int]) -> Path | None:
    try:
        folder.mkdir()
    except OSError:
        return None
    try:
        for name, value in settings.items():
            target = folder / name.rstrip("?")
            if target.exists() or not name.endswith("?"):
                # Opened without creating: a missing controller must fail.
                with open(os.open(target, os.O_WRONLY), "w") as file:  # noqa: PTH123
                    file.write(str(value))
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        return None
    return folder


def _members(folder: Path) -> list[int]:
    try:
        # A process that cannot be seen from here is listed as 0, which to a signal means all of our own.
        return [int(pid) for pid in (folder / "cgroup.procs").read_text().split() if pid != "0"]
    except OSError:
        return []


def _processor_s(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return int((folder / "cpuacct.usage").read_text()) / 1e9
    with contextlib.suppress(OSError):
        return int((folder / "cpu.stat").read_text().split()[1]) / 1e6  # its first line is `usage_usec`
    return 0.0


def _out_of_memory(folder: Path) -> bool:
    for name in ("memory.oom_control", "memory.events"):
        with contextlib.suppress(OSError):
            for line in (folder / name).read_text().splitlines():
                word, _space, number = line.partition(" ")
                if word == "oom_kill" and int(number) > 0:
                    return True
    return False
