"""The strongest level: bubblewrap's namespaces outside, a copy's own namespaces, overlay and filter inside."""

from __future__ import annotations

import marshal
import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from refine_tui.core.errors import IsolationError
from refine_tui.core.isolation import Level, Probe
from refine_tui.loop.ports.running import Launch
from refine_tui.sandbox import bubblewrap, inside, kernel, overlay, seccomp, trees
from refine_tui.sandbox.cgroups import ControlGroup
from refine_tui.sandbox.environment import scrubbed
from refine_tui.sandbox.fingerprint import fingerprint
from refine_tui.sandbox.masks import MaskFinder
from refine_tui.sandbox.spawning import Command, Lifeline, spawn
from refine_tui.sandbox.supervision import Supervised

_READ_BY_ALL = 2
"""The version of the format that every Python 3 reads."""


class Isolated:
    """Starts processes that see a copy of the project, the system read-only, and nothing else."""

    level = Level.ISOLATED

    def __init__(
        self, bwrap: str, *, overlay: bool = True, allow: Sequence[str] = (), probes: Callable[[], tuple[Probe, ...]] = tuple
    ) -> None:
        """Use a bubblewrap program.

        Args:
            bwrap: its path.
            overlay: whether overlays work here; if not, each copy is made by copying files into memory.
            allow: patterns of credentials of the project that are shown all the same.
            probes: what `probes` returns.
        """
        self._bwrap, self._overlay, self._allow, self.probes = bwrap, overlay, tuple(allow), probes
        self.can_nest = overlay
        self._finders: dict[Path, MaskFinder] = {}
        self._lock = threading.Lock()

    def fingerprint(self, project: Path) -> str:
        """Return what the project's sources look like now; see `Sandbox.fingerprint`."""
        return fingerprint(project)

    def launch(self, launch: Launch) -> Supervised:
        """Start a process; see `Sandbox.launch`."""
        project = Path.cwd() / launch.project
        bubblewrap.refuse_private(project)
        lifeline = Lifeline()
        group = ControlGroup(launch.limits, processes=_most_tasks(launch))

        def clean_up() -> None:
            lifeline.cut()
            group.remove()

        try:
            process = self._start(launch, project, group, lifeline)
        except OSError as error:
            clean_up()
            raise IsolationError(f"bubblewrap could not be started: {error}") from error
        except IsolationError:
            clean_up()
            raise
        lifeline.passed_on()
        limits = replace(launch.limits, processes=_most_tasks(launch))
        return Supervised(process, limits, lambda: _end(process.pid), over_limit=group.exceeded, clean_up=clean_up)

    def _start(self, launch: Launch, project: Path, group: ControlGroup, lifeline: Lifeline) -> subprocess.Popen[bytes]:
        interpreter, prefixes = bubblewrap.own_interpreter()
        readable = (*launch.readable, *prefixes)
        tools = {**launch.tools, **_own_tools()}
        tools["launch.marshal"] = marshal.dumps(self._spec(launch, project, readable, lifeline.held), _READ_BY_ALL)
        argv = [word.replace("{tools}", bubblewrap.TOOLS) for word in launch.argv]
        if not launch.nests:
            argv = [interpreter, "-I", "-S", f"{bubblewrap.TOOLS}/inside.py", "--exec", *argv]
        added = {name: value.replace("{tools}", bubblewrap.TOOLS) for name, value in launch.environment.items()}
        files = {**bubblewrap.small_files(), **{f"{bubblewrap.TOOLS}/{name}": content for name, content in tools.items()}}
        with _held_in_memory(files) as contents:
            outside = bubblewrap.arguments(self._bwrap, project, readable, contents, _own_environment(launch, project))
            words = group.joined([*outside, *argv])
            return spawn(Command(words, scrubbed(overlay.HOME, "/tmp", added), inherited=(*contents.values(), lifeline.held)))

    def _spec(self, launch: Launch, project: Path, readable: tuple[Path, ...], lifeline: int) -> dict[str, object]:
        with self._lock:
            finder = self._finders.setdefault(project, MaskFinder(project, self._allow))
            masks = finder.masks()
        files = {name: bytes(content) for name, content in {**masks.replaced, **launch.files}.items()}
        return {
            "project": str(project),
            "cwd": launch.cwd,
            "limits": asdict(launch.limits),
            "files": files,
            "masks": list(masks.files),
            "hidden": list(masks.folders),
            "frozen": list(masks.frozen),
            "seccomp": seccomp.isolated_filter(platform.machine()),
            "under_tmp": bubblewrap.under_temporary(project, readable),
            "overlay": self._overlay,
            "lifeline": lifeline,
        }


def find_bubblewrap() -> str | None:
    """Return the path of the bubblewrap program."""
    return shutil.which("bwrap")


def _own_environment(launch: Launch, project: Path) -> Path | None:
    """Return the environment in the project of the interpreter to start, if that starts before there is a copy of the project."""
    folder = Path(launch.argv[0]).parent.parent
    is_own = folder.is_relative_to(project) and folder.resolve().is_relative_to(project.resolve())  # a link could lead anywhere
    return folder if launch.nests and is_own and folder.is_dir() else None


def _own_tools() -> dict[str, bytes]:
    return {Path(part).name: Path(part).read_bytes() for part in (inside.__file__, kernel.__file__, overlay.__file__)}


def _most_tasks(launch: Launch) -> int:
    """Bubblewrap, keepers and a parent come on top of the candidate's processes."""
    return launch.limits.processes * (2 if launch.nests else 1) + 16


def _end(pid: int) -> None:
    # The first process inside takes everything with it, and so does bubblewrap itself; both, as either may be the one that lives.
    trees.kill_all(trees.descendants(pid)[1:2])
    trees.kill_all([pid])


@contextmanager
def _held_in_memory(files: Mapping[str, bytes]) -> Iterator[dict[str, int]]:
    """Yield open files that hold the contents, at their beginning; nothing is written to a disk."""
    with ExitStack() as stack:
        held: dict[str, int] = {}
        for name, content in files.items():
            held[name] = os.memfd_create("sandbox", os.MFD_CLOEXEC)
            stack.callback(os.close, held[name])
            os.write(held[name], content)
            os.lseek(held[name], 0, os.SEEK_SET)
        yield held
