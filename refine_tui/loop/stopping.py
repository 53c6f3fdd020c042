"""Sees when rounds lead nowhere: nothing new to try, only repeats, or no progress; and grants one second look before giving up."""

from __future__ import annotations

from dataclasses import dataclass, field

from refine_tui.core.candidate import Candidate
from refine_tui.core.stopping import StopReason, has_plateaued
from refine_tui.loop.run import Run


@dataclass
class Watch:
    """The rounds of one task, seen from outside."""

    fixed_by_round: list[int] = field(default_factory=list)
    has_looked_again: bool = False
    _best: Candidate | None = None
    _tried: int = 0
    _readable: int = 0

    def begin(self, run: Run) -> None:
        """Note how things stand before a round."""
        self._best, self._tried, self._readable = run.best, len(run.tried), run.tally.readable

    def after(self, run: Run) -> StopReason | None:
        """Return why another round would be useless, or `None`. The first time, a model is given a look from scratch instead."""
        self.fixed_by_round.append(len(run.best.delta.fixed) if run.best else 0)
        reason = self._reason(run)
        run.looks_again = reason is not None and not self.has_looked_again and run.generator is not None and not run.drafts_late
        if not run.looks_again:
            return reason
        self.has_looked_again = True
        return None

    def _reason(self, run: Run) -> StopReason | None:
        if run.best is self._best and len(run.tried) == self._tried:
            wrote = run.tally.readable > self._readable
            return StopReason.REPEATED if wrote else StopReason.EXHAUSTED
        # A second look that was no better is not followed by another round of the same.
        patience = 1 if self.has_looked_again else 2
        return StopReason.PLATEAU if has_plateaued(self.fixed_by_round, patience) else None
