"""Why a candidate is not good enough, tied to places that exist and errors that were printed."""

from __future__ import annotations

from dataclasses import dataclass

from refine_tui.core.evidence import CaseResult


@dataclass(frozen=True, slots=True)
class Suspect:
    """One line under suspicion."""

    path: str
    line: int
    """0-based."""
    score: float
    """0..1, from coverage of failing and passing tests (Ochiai)."""
    text: str


@dataclass(frozen=True, slots=True)
class Critique:
    """Feedback on the best state so far."""

    round: int
    failures: tuple[CaseResult, ...]
    """What still fails, at most ten."""
    suspects: tuple[Suspect, ...]
    """Most suspicious first."""
    effect: str
    """What the last patch changed for which test, in a sentence."""
    tried: int
    """Candidates ruled out so far."""
    hypothesis: str = ""
    """The model's root cause, when a model wrote one and its citations held."""
    struck: int = 0
    """Citations of the model that named a line or an error that does not exist."""
