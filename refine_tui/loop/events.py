"""What happens, told in frozen values. Front ends listen; nothing here knows a screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from refine_tui.core.candidate import Candidate
from refine_tui.core.critique import Critique
from refine_tui.core.evidence import Baseline, CaseResult, Counts, SuiteResult
from refine_tui.core.isolation import Level
from refine_tui.core.review import Review
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.loop.ports.thinking import ModelInfo, Usage


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class SurveyStarted(Event):
    """The whole suite begins to run on the tree as it is."""

    limit_s: float


@dataclass(frozen=True)
class CaseFinished(Event):
    """One test of a survey, a verification or a confirmation finished."""

    case: CaseResult
    done: int
    total: int
    """0 while unknown."""


@dataclass(frozen=True)
class SurveyPhase(Event):
    """Every test was run once; what a survey does after that."""

    text: str
    """`checking again 3 failing tests`."""


@dataclass(frozen=True)
class SurveyFinished(Event):
    """The baseline is known; these tasks follow from what fails."""

    baseline: Baseline
    tasks: tuple[Task, ...]
    level: Level


@dataclass(frozen=True)
class ModelLoading(Event):
    """Another model is being put in place of the one in use."""

    wish: str


@dataclass(frozen=True)
class ModelReady(Event):
    """The model is loaded, or there is none and `reason` says why."""

    info: ModelInfo | None
    reason: str = ""


@dataclass(frozen=True)
class TaskStarted(Event):
    """The loop begins on a task."""

    task: Task


@dataclass(frozen=True)
class PlanReady(Event):
    """The model said how it would go about a task."""

    task_id: str
    text: str
    """What of its words held; may be empty."""
    struck: int
    """Citations that named a line or an error that does not exist."""


@dataclass(frozen=True)
class RoundStarted(Event):
    """A round begins; `best` is the candidate it builds on, empty for the user's tree."""

    task_id: str
    round: int
    """1-based."""
    best: str
    proposals: int
    """How many proposals are queued for this round so far."""


@dataclass(frozen=True)
class TextStreamed(Event):
    """The model wrote."""

    task_id: str
    index: int
    """Which of the round's candidates."""
    text: str


@dataclass(frozen=True)
class CandidateJudged(Event):
    """A candidate was run."""

    task_id: str
    candidate: Candidate


@dataclass(frozen=True)
class Improved(Event):
    """A candidate became the best so far."""

    task_id: str
    candidate: Candidate


@dataclass(frozen=True)
class CritiqueReady(Event):
    """Feedback on the best state so far."""

    task_id: str
    critique: Critique


@dataclass(frozen=True)
class Progress(Event):
    """Counters, sent a few times a second; carries the whole state, so a later one replaces an earlier."""

    task_id: str
    round: int
    candidates: int
    executions: int
    seconds: float
    budget_s: float | None
    queued: int
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class TaskFinished(Event):
    """The loop ended on a task."""

    task_id: str
    outcome: str
    """`solved`, `improved`, `unsolved`, `cancelled`, or `test first` where the best is a test that fails."""
    reason: StopReason
    best: Candidate | None
    handoff: str
    """A note a person can act on, Markdown; empty when solved."""
    rounds: int
    candidates: int
    executions: int
    seconds: float
    answers: int = 0
    """Drafts the model wrote."""
    malformed: int = 0
    """Those of them that could not be read."""


@dataclass(frozen=True)
class ReviewReady(Event):
    """A proposal waits for the user's decision, or an existing one changed."""

    review: Review


@dataclass(frozen=True)
class Weighed(Event):
    """A mutant of what a proposal changed was run; the review has what is known by now of how much the tests notice."""

    review: Review


@dataclass(frozen=True)
class Verified(Event):
    """The accepted hunks were run by themselves."""

    review: Review
    suite: SuiteResult
    before: Counts
    after: Counts


@dataclass(frozen=True)
class Notice(Event):
    """Something the user should read: what happened, what was kept, what to do next."""

    text: str
    severity: Literal["information", "warning", "error"] = "information"
