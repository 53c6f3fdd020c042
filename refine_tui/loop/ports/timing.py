"""How long a function takes, a base and a candidate on the same inputs, in the sandbox; and what might make it faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from refine_tui.core.intervals import Comparison
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop.ports.observing import CallInput
from refine_tui.loop.ports.running import Cancelled


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs on the tree as it is."""

    input: CallInput
    seconds: float


@dataclass(frozen=True)
class Timing:
    """What the performance gate found."""

    comparison: Comparison | None
    """`None` when nothing could be compared; `stopped` says why."""
    inputs: tuple[tuple[float, float], ...] = ()
    """Median seconds of a call for each input, `(base, candidate)`."""
    clock: Literal["cpu", "wall"] = "cpu"
    """Seconds of computing, or on the clock where a version waits for something."""
    stopped: str = ""
    """Why it ended before there was a verdict: `time`, `cancelled`, `stale`, `late` (the candidate takes many times as long),
    `differs`, or what went wrong; else empty."""
    differs: CallInput | None = None
    """An input on which the versions plainly disagree: nothing was timed then."""


class Timer(Protocol):
    """Times calls of one function of the project. Inputs are passed by value, and no call finds what another left behind."""

    def costs(self, scope: Scope, inputs: Sequence[CallInput], cancelled: Cancelled, *, limit_s: float) -> tuple[Cost | None, ...]:
        """Return what each input costs; `None` for one that raises, does not end within a moment, or was not reached in time.

        Raises:
            ProjectError: the file cannot be imported, or the interpreter cannot fork.
        """

    def compare(
        self,
        patch: Patch,
        scope: Scope,
        costs: Sequence[Cost],
        cancelled: Cancelled,
        *,
        limit_s: float,
        seed: int,
        rounds: int | None = None,
    ) -> Timing:
        """Time the tree with a patch against the tree without it, in paired rounds, until the interval is narrow enough.

        Args:
            patch: changes the scope's file and no other.
            limit_s: seconds for all rounds together.
            seed: of the order within rounds, and of the interval.
            rounds: just so many, for a first look; `None`: as many as a verdict needs.
        """


class Speedups(Protocol):
    """Rewrites that may make a function faster."""

    def speedups(self, source: SourceFile, scope: Scope) -> Sequence[OperatorEdit]:
        """Return every single rewrite of a function or method, likeliest first; none for what it does not know.

        An edit stays in the scope but for import statements, which go below the file's own.
        """
