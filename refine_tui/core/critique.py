"""Why a candidate is not good enough, tied to places that exist and errors that were printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
class Effect:
    """What the last patch changed for one test."""

    node_id: str
    kind: Literal["fixed", "broken", "other", "same"]
    """`other`: it fails as before, but says something else."""
    before: str
    """The error in one line; empty when it passed."""
    after: str


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a model believes is wrong."""

    cause: str
    rests_on: str
    """The lines it is drawn from, by number or quoted."""
    change: str
    """The smallest change that it expects to help."""


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
    effects: tuple[Effect, ...] = ()
    """The same test by test, what changed first."""
    ruled_out: tuple[str, ...] = ()
    """Changes that were run and did not help, in words, the latest last."""
    rests_on: str = ""
    """The lines the hypothesis rests on."""
    change: str = ""
    """The smallest change it suggests."""
    unread: int = 0
    """Critiques of the model in this task that could not be read; each of them cost its round."""
    answers: int = 0
    """Drafts the model has written in this task."""
    malformed: tuple[tuple[str, int], ...] = ()
    """What was wrong with those that could not be read, and how often."""
