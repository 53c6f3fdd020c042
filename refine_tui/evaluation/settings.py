"""How the project's tests are to be run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from refine_tui.core.isolation import Limits
from refine_tui.evaluation.cores import runners
from refine_tui.evaluation.interpreter import Interpreter
from refine_tui.evaluation.tools import stand_alone
from refine_tui.loop.ports.running import Launch

LONG_S = 24 * 3600.0
"""The bound of a process that waits for its work; each run in it has bounds of its own."""
_REPORT_BYTES = 256 << 20
"""Our own reports count as output; per-test coverage of a large suite is long."""


@dataclass(frozen=True)
class RunSettings:
    """What the user may set."""

    test_limit_s: float = 5.0
    """Seconds for each phase of one test."""
    paths: tuple[str, ...] = ()
    """Test files or folders that make up the suite; none: what pytest's own configuration says."""
    arguments: tuple[str, ...] = ()
    """Options added to pytest's command line; no paths."""
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    warm: bool = True
    """Whether candidates may run in forks of a warm parent."""
    overlap: bool = True
    """Whether a candidate may start while the one before is still being cleared away; copies must be truly separate for that."""
    gates: tuple[str, ...] = ()
    """Commands that must not fail where they passed before, for `/bin/sh`."""
    timed: tuple[str, ...] = ()
    """Commands that must not get slower."""
    recheck: bool = True
    """Whether failing tests of the base are run again to find flaky ones."""
    side_by_side: int = field(default_factory=runners)
    """Candidates that may run at once; what counts is only whether it is more than one."""


@dataclass(frozen=True)
class Place:
    """A project with its interpreter: everything a launch needs to know."""

    project: Path
    interpreter: Interpreter
    settings: RunSettings

    def environment(self, hash_seed: int = 0) -> dict[str, str]:
        """Return the variables for the project's Python: reproducible, and without compiled files."""
        return base_environment(self.interpreter.path) | {"PYTHONHASHSEED": str(hash_seed)} | dict(self.settings.environment)

    def launch(self, script: str, *, tools: Mapping[str, bytes], files: Mapping[str, bytes], wall_s: float, **more: object) -> Launch:
        """Return the launch of one of our scripts by the project's Python."""
        seed = more.pop("hash_seed", 0)
        assert isinstance(seed, int)
        nests = bool(more.pop("nests", False))
        return Launch(
            argv=(str(self.interpreter.path), "{tools}/" + script),
            project=self.project,
            readable=self.interpreter.roots,
            files=files,
            tools={**stand_alone(), **tools},
            environment=self.environment(seed),
            limits=_for_parent(self.settings.limits, wall_s) if nests else _for_run(self.settings.limits, wall_s),
            nests=nests,
        )


def processor_s(limits: Limits, wall_s: float) -> float:
    """Return the seconds of computing that tests may take together: they may use every core."""
    return max(limits.cpu_s, wall_s * (os.cpu_count() or 1))


def _for_run(limits: Limits, wall_s: float) -> Limits:
    return replace(limits, wall_s=wall_s, cpu_s=processor_s(limits, wall_s), output_bytes=max(limits.output_bytes, _REPORT_BYTES))


def _for_parent(limits: Limits, wall_s: float) -> Limits:
    """Bounds for a parent that lives long; each of its children has the user's, and meets them first."""
    memory, processes = 2 * limits.memory_bytes + (1 << 30), 2 * limits.processes + 64
    return replace(limits, wall_s=wall_s, cpu_s=processor_s(limits, wall_s), memory_bytes=memory, processes=processes, output_bytes=1 << 60)


def base_environment(python: Path) -> dict[str, str]:
    """Return what an activated environment would set, and no writing of compiled files in processes that tests start."""
    found = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.pathsep.join((str(python.parent), "/usr/local/bin", "/usr/bin", "/bin"))}
    if (python.parent.parent / "pyvenv.cfg").is_file():
        found["VIRTUAL_ENV"] = str(python.parent.parent)
    if os.environ.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return found
