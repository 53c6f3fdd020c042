"""The levels that run a copy in a temporary folder: fenced by the kernel (CONFINED), or not at all (UNSAFE)."""

from __future__ import annotations

import base64
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from refine_tui.core.errors import IsolationError
from refine_tui.core.isolation import Level, Probe
from refine_tui.loop.ports.running import Launch
from refine_tui.sandbox import confine, kernel, seatbelt, seccomp, workcopy
from refine_tui.sandbox.bubblewrap import own_interpreter, private_folders, refuse_private, system_paths
from refine_tui.sandbox.cgroups import ControlGroup
from refine_tui.sandbox.environment import scrubbed
from refine_tui.sandbox.fingerprint import fingerprint
from refine_tui.sandbox.spawning import Command, Lifeline, spawn
from refine_tui.sandbox.supervision import Supervised
from refine_tui.sandbox.workcopy import WorkCopy

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
_OWN_PROCESSES = 4
_SIGNALS_FENCED_FROM = 6
"""Version of Landlock that keeps signals inside the fence."""
_WEIGH_EVERY_S = 0.5


class Confined:
    """Starts processes in a copy of the project.

    The project's own path cannot be used: the current folder is the copy, words of the command and of the environment that begin with the
    project's path are changed to the copy's, and `.git` and credentials are not in it. Sockets are refused, so tests that
    start a server fail here; modes and times of files cannot be changed (the calls report success and do nothing).
    """

    can_nest = False

    def __init__(
        self, level: Level, state_dir: Path, *, allow: Sequence[str] = (), probes: Callable[[], tuple[Probe, ...]] = tuple
    ) -> None:
        """Run at one level.

        Args:
            level: `CONFINED`, or `UNSAFE` for no fence.
            state_dir: where copies go that memory cannot take.
            allow: patterns of credentials of the project that are in the copy all the same.
            probes: what `probes` returns.
        """
        self.level, self._state_dir, self._allow, self.probes = level, state_dir, tuple(allow), probes

    def fingerprint(self, project: Path) -> str:
        """Return what the project's sources look like now; see `Sandbox.fingerprint`."""
        return fingerprint(project)

    def launch(self, launch: Launch) -> Supervised:
        """Start a process; see `Sandbox.launch`."""
        if launch.nests:
            raise IsolationError(f"at the level {self.level.value} each candidate is started on its own; start it without a parent")
        project = (Path.cwd() / launch.project).resolve()
        refuse_private(project)
        readable = tuple(path for given in launch.readable for path in {Path.cwd() / given, given.resolve()})
        if not private_folders().isdisjoint(readable):
            raise IsolationError("a folder to be readable holds your private files; name the folder of the interpreter instead")
        left_out = (*workcopy.private(project, self._allow), *readable)
        copy = workcopy.make(project, launch.files, left_out, self._state_dir)
        try:
            return self._start(launch, _Names(launch, project, readable, copy), copy)
        except OSError as error:
            copy.remove()
            raise IsolationError(f"the supervisor could not be started: {error}") from error

    def _start(self, launch: Launch, names: _Names, copy: WorkCopy) -> Supervised:
        for name, content in (*launch.tools.items(), *_own_tools()):
            (copy.tools / name).write_bytes(content)
        spec = copy.root / "spec.json"
        spec.write_text(json.dumps(self._spec(launch, names, copy)))
        argv = [names.inside(word) for word in launch.argv]
        if self.level is Level.CONFINED and sys.platform == "darwin":
            argv = ["sandbox-exec", "-p", seatbelt.profile(readable=names.readable, writable=_writable(copy)), *argv]
        added = {name: names.inside(value) for name, value in launch.environment.items()}
        lifeline = Lifeline()
        supervisor = [own_interpreter()[0], "-I", "-S", str(copy.tools / "confine.py"), str(lifeline.held), str(spec), *argv]
        environment = scrubbed(str(copy.home), str(copy.temporary), added)
        # The limit on processes that a process can set for itself does not hold for root; a group's does.
        group = ControlGroup(launch.limits, processes=launch.limits.processes + _OWN_PROCESSES)
        scales = _Scales(copy, launch.limits.disk_bytes)

        def clean_up() -> None:
            lifeline.cut()
            group.remove()
            copy.remove()

        try:
            process = spawn(Command(group.joined(supervisor), environment, cwd=copy.project / launch.cwd, inherited=(lifeline.held,)))
        except OSError:
            clean_up()
            raise
        lifeline.passed_on()
        limits = replace(launch.limits, processes=launch.limits.processes + _OWN_PROCESSES)
        return Supervised(process, limits, lifeline.cut, over_limit=lambda: group.exceeded() or scales.over(), clean_up=clean_up)

    def _spec(self, launch: Launch, names: _Names, copy: WorkCopy) -> dict[str, object]:
        fenced = self.level is Level.CONFINED and sys.platform == "linux"
        program = b""
        if fenced:
            alone = kernel.landlock_version() < _SIGNALS_FENCED_FROM
            program = seccomp.confined_filter(platform.machine(), own_signals_only=alone)
        limits = asdict(launch.limits)
        del limits["wall_s"]
        readable = [*system_paths(), "/proc", str(copy.tools), *map(str, names.readable)]
        return {
            "limits": limits,
            "fenced": fenced,
            "readable": readable,
            "writable": [*_DEVICES, *map(str, _writable(copy))],
            "seccomp": base64.b64encode(program).decode(),
        }


class _Names:
    """What paths become inside."""

    def __init__(self, launch: Launch, project: Path, readable: tuple[Path, ...], copy: WorkCopy) -> None:
        self.readable = readable
        self._kept = [str(path) for path in readable]
        self._from = {str(launch.project), str(project)}
        self._to, self._tools = str(copy.project), str(copy.tools)

    def inside(self, word: str) -> str:
        """Translate a word of the command or the environment: `{tools}`, and paths in the project that are not shown as they are."""
        word = word.replace("{tools}", self._tools)
        if any(word == kept or word.startswith(kept + "/") for kept in self._kept):
            return word
        for start in self._from:
            if word == start or word.startswith(start + "/"):
                return self._to + word[len(start) :]
        return word


class _Scales:
    """Weighs what a run has written: a copy in a plain folder has no size limit of its own.

    To weigh a copy is to look at every file of it. That happens now and then, and at once when the file system has become so much
    fuller that this run may be why.
    """

    def __init__(self, copy: WorkCopy, most: int) -> None:
        self._copy, self._most = copy, copy.used_bytes() + most
        self._next, self._left, self._free = 0.0, most, copy.free_bytes()

    def over(self) -> str:
        free = self._copy.free_bytes()
        if time.monotonic() < self._next and self._free - free <= self._left:
            return ""
        self._left, self._free = self._most - self._copy.used_bytes(), free
        self._next = time.monotonic() + _WEIGH_EVERY_S
        return "disk" if self._left < 0 else ""


def _writable(copy: WorkCopy) -> list[Path]:
    return [copy.project, copy.temporary, copy.home]


def _own_tools() -> list[tuple[str, bytes]]:
    return [(Path(part).name, Path(part).read_bytes()) for part in (confine.__file__, kernel.__file__)]
