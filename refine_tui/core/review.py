"""A review: one proposal in front of the user, hunk by hunk, with every decision undoable.

Values only: each transition returns a new review. Evidence belongs to a *set* of accepted hunks, so that a partial acceptance
is never shown with the whole patch's results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from refine_tui.core.candidate import Candidate
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.hunks import Hunk, split_further
from refine_tui.core.task import Task

Decision = Literal["undecided", "accepted", "rejected"]
ReviewState = Literal["open", "stale", "applied", "closed"]
Marks = tuple[tuple[Hunk, Decision], ...]


@dataclass(frozen=True)
class Review:
    """One proposal and what the user has said about each of its hunks."""

    id: str
    """`p1`, `p2`, …: unique in the project's journal."""
    task: Task
    candidate: Candidate
    marks: Marks
    tree: Mapping[str, bytes]
    """The bases: path → the content the proposal was made for."""
    state: ReviewState = "open"
    evidence: Mapping[frozenset[str], SuiteResult] = field(default_factory=dict)
    """Accepted hunks' keys → the cold run of exactly that patch."""
    past: tuple[Marks, ...] = ()
    future: tuple[Marks, ...] = ()
    application: int | None = None
    """Number of the application in the journal, once written."""

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        """All hunks in order."""
        return tuple(hunk for hunk, _ in self.marks)

    @property
    def accepted(self) -> tuple[Hunk, ...]:
        """The hunks that will be written: accepted ones, unless they were edited back to what is there."""
        return tuple(hunk for hunk, decision in self.marks if decision == "accepted" and hunk.is_change)

    @property
    def undecided(self) -> tuple[Hunk, ...]:
        """The hunks without a decision."""
        return tuple(hunk for hunk, decision in self.marks if decision == "undecided")

    @property
    def accepted_key(self) -> frozenset[str]:
        """The key under which the evidence of the present acceptance is kept."""
        return frozenset(hunk.key for hunk in self.accepted)

    @property
    def accepted_evidence(self) -> SuiteResult | None:
        """The run of exactly the accepted hunks, or `None` when it has not been run."""
        return self.evidence.get(self.accepted_key)

    def decision(self, hunk_id: str) -> Decision:
        """Return what was said about a hunk."""
        return next(decision for hunk, decision in self.marks if hunk.id == hunk_id)

    def _with(self, marks: Marks) -> Review:
        if marks == self.marks:
            return self
        return replace(self, marks=marks, past=(*self.past, self.marks), future=())

    def _map(self, decide: Callable[[Hunk, Decision], Decision]) -> Review:
        return self._with(tuple((hunk, decide(hunk, old)) for hunk, old in self.marks))

    def decide(self, hunk_id: str, decision: Decision) -> Review:
        """Set the decision on one hunk."""
        return self._map(lambda hunk, old: decision if hunk.id == hunk_id else old)

    def toggle(self, hunk_id: str) -> Review:
        """Switch one hunk between accepted and undecided."""
        return self._map(lambda hunk, old: old if hunk.id != hunk_id else ("undecided" if old == "accepted" else "accepted"))

    def decide_rest(self, path: str, decision: Decision) -> Review:
        """Set the decision on every undecided hunk of one file."""
        return self._map(lambda hunk, old: decision if hunk.path == path and old == "undecided" else old)

    def split(self, hunk_id: str) -> Review:
        """Replace a hunk by its parts; unchanged when it cannot be split."""
        marks: list[tuple[Hunk, Decision]] = []
        for hunk, decision in self.marks:
            parts = split_further(hunk) if hunk.id == hunk_id else (hunk,)
            marks.extend((part, decision) for part in parts)
        return self._with(tuple(marks))

    def undo(self) -> Review:
        """Take back the last decision; unchanged when there is none."""
        if not self.past:
            return self
        return replace(self, marks=self.past[-1], past=self.past[:-1], future=(*self.future, self.marks))

    def redo(self) -> Review:
        """Make again what was taken back."""
        if not self.future:
            return self
        return replace(self, marks=self.future[-1], past=(*self.past, self.marks), future=self.future[:-1])

    def with_evidence(self, hunk_keys: frozenset[str], suite: SuiteResult) -> Review:
        """Record the run of one set of hunks."""
        return replace(self, evidence={**self.evidence, hunk_keys: suite})
