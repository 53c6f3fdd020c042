"""How much the tests notice: small changes of code that is right, and how many of them make a test fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change of code that the tests call right."""

    path: str
    line: int
    """0-based, in the text that was changed."""
    operator: str
    note: str
    """From what to what, in a few words: `< to <=`."""

    def __str__(self) -> str:
        """Return it on one line."""
        return f"{self.path}:{self.line + 1} {self.note}"


@dataclass(frozen=True, slots=True)
class Weight:
    """How many mutants the tests noticed."""

    killed: int = 0
    """Mutants that make a test fail, or not come to an end."""
    total: int = 0
    """Mutants that were run to a verdict."""
    possible: int = 0
    """Mutants there are; the others were not drawn, or time was over."""
    survivors: tuple[Mutant, ...] = ()
    """Mutants that no test notices. Some may change nothing that a test could notice: their number is an upper bound."""
    seconds: float = 0.0
    ended: str = ""
    """Why not all of them were run: `sample`, `time`, `cancelled` or `stale`; empty when they were."""

    @property
    def is_void(self) -> bool:
        """Whether the tests notice nothing at all, so that passing them proves nothing."""
        return self.total > 0 and self.killed == 0

    def as_json(self) -> Mapping[str, object]:
        """Return the object of the command line's contract; lines are 1-based there."""
        return {
            "killed": self.killed,
            "total": self.total,
            "possible": self.possible,
            "survived_at_most": len(self.survivors),
            "survivors": [{"path": one.path, "line": one.line + 1, "operator": one.operator, "change": one.note} for one in self.survivors],
            "ended": self.ended,
            "seconds": round(self.seconds, 3),
        }
