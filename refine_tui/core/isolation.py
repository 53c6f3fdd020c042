"""How well code that runs is kept from the rest of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """Isolation levels, strongest first. The value is the word on screen and in JSON."""

    ISOLATED = "isolated"
    """Own namespaces, no network, an overlay in place of the project, system calls filtered."""
    CONFINED = "confined"
    """A copy of the project, writes and network refused by the kernel, but processes are visible to one another."""
    STATIC = "static"
    """Nothing of the project is executed."""
    UNSAFE = "unsafe"
    """No isolation; only after typed consent and for one session."""

    @property
    def may_run(self) -> bool:
        """Whether code of the project may be executed at this level."""
        return self is not Level.STATIC


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one evaluation; every one of them ends the whole process tree."""

    wall_s: float = 60.0
    cpu_s: float = 60.0
    memory_bytes: int = 2 << 30
    """Total resident memory of the process tree."""
    processes: int = 128
    disk_bytes: int = 512 << 20
    """Size of what the run may write in its copy and its temporary folder."""
    output_bytes: int = 4 << 20
    """Bytes of output after which the run is stopped."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a real canary found out about one level on this machine."""

    level: Level
    holds: bool
    reason: str
    """Why the level does not hold and what to do about it; empty when it holds."""
