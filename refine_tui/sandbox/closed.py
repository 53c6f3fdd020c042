"""The level at which nothing of the project is executed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refine_tui.core.errors import IsolationError
from refine_tui.core.isolation import Level, Probe
from refine_tui.loop.ports.running import Launch, Running
from refine_tui.sandbox.fingerprint import fingerprint


class Closed:
    """Refuses every launch, and says why no level holds."""

    level = Level.STATIC
    can_nest = False

    def __init__(self, probes: Sequence[Probe]) -> None:
        """Keep what the canaries found."""
        self._probes = tuple(probes)

    def probes(self) -> tuple[Probe, ...]:
        """Return what the canaries found."""
        return self._probes

    def fingerprint(self, project: Path) -> str:
        """Return what the project's sources look like now; see `Sandbox.fingerprint`."""
        return fingerprint(project)

    def launch(self, launch: Launch) -> Running:
        """Refuse.

        Raises:
            IsolationError: always.
        """
        reasons = "; ".join(f"{probe.level.value}: {probe.reason}" for probe in self._probes if not probe.holds and probe.level.may_run)
        raise IsolationError(f"{launch.argv[0]} was not run, because nothing on this machine keeps it from your files. {reasons}")
