"""The changing state of one task, and what may still be spent on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from refine_tui.core.candidate import Candidate
from refine_tui.core.critique import Critique
from refine_tui.core.errors import ModelError
from refine_tui.core.scope import Scope
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.drafting import DraftCount
from refine_tui.loop.judging import Judge
from refine_tui.loop.planning import Suspects
from refine_tui.loop.ports.parts import Clock
from refine_tui.loop.ports.running import Evaluator
from refine_tui.loop.ports.thinking import Generator, LineEditing, ModelInfo, Profile, Syntax, Usage
from refine_tui.loop.streams import Streams

MODEL_FAILURES = 3
"""After so many requests that the model could not answer it is left alone for the rest of the task."""


@dataclass(frozen=True)
class Tools:
    """What one task is worked on with."""

    evaluator: Evaluator
    syntax: Syntax
    clock: Clock
    line_editing: LineEditing
    generator: Generator | None = None
    info: ModelInfo | None = None
    profile: Profile | None = None
    search: bool = True


@dataclass
class Run:
    """The changing state of one task."""

    task: Task
    tools: Tools
    judge: Judge
    suspects: Suspects
    tree: Mapping[str, bytes]
    cancelled: Callable[[], bool]
    began: float
    round: int = 0
    best: Candidate | None = None
    solved: bool = False
    stop: StopReason | None = None
    improved: list[Candidate] = field(default_factory=list)
    """Improvements of this round: what the next one builds on."""
    all_improved: list[Candidate] = field(default_factory=list)
    by_heart: Candidate | None = None
    """What passes every target by giving what the tests want: shown when nothing else helps, and never built on."""
    tried: list[Candidate] = field(default_factory=list)
    streams: Streams = field(default_factory=Streams)
    """What waits to be tried."""
    at_last: bool = False
    """Whether only last resorts are left."""
    tally: DraftCount = field(default_factory=DraftCount)
    critique: Critique | None = None
    critique_is_due: bool = False
    """Whether this round ends now: what the model wrote was run, and what came of it tells it more than the next question would."""
    plan: str = ""
    """How the model said it would go about it."""
    looks_again: bool = False
    """Whether this round begins from scratch, since the ones before led nowhere."""
    queued: int = 0
    told_at: float = float("-inf")
    judged_before: int = 0
    """Candidates of the rounds before this one."""
    failures: list[events.Notice] = field(default_factory=list)
    """What the model could not do, still to be told, and told."""
    told_failures: int = 0
    written_before: int = 0
    """Tokens the model had written before this task."""

    @property
    def generator(self) -> Generator | None:
        """The model, as long as it is of use and may write."""
        model, most = self.tools.generator, self.task.budget.tokens
        spent = model is not None and most is not None and model.usage().generated - self.written_before >= most
        return None if spent or len(self.failures) >= MODEL_FAILURES else model

    @property
    def writes_well(self) -> bool:
        """Whether the model writes whole scopes and reads critiques, unlike the small one that ships."""
        return self.tools.profile is not None and self.tools.profile.converses

    @property
    def drafts_late(self) -> bool:
        """Whether the model writes only when single edits are used up: what the small one that ships writes, search has mostly tried."""
        return self.tools.search and self.tools.info is not None and self.tools.info.profile == "line-edit"

    @property
    def seconds(self) -> float:
        """Seconds since the task began."""
        return self.tools.clock() - self.began

    def spent(self) -> StopReason | None:
        """Return why nothing more may be spent, or `None`."""
        budget = self.task.budget
        if self.cancelled():
            return StopReason.CANCELLED
        if budget.seconds is not None and self.seconds >= budget.seconds:
            return StopReason.SECONDS
        return None

    def half_time(self) -> Callable[[], bool]:
        """Return a question that turns true once half of the time left now is spent: what a model finds must still be run."""
        budget, now = self.task.budget.seconds, self.seconds
        until = float("inf") if budget is None else now + (budget - now) / 2
        return lambda: self.cancelled() or self.seconds >= until

    def round_is_full(self) -> bool:
        """Say whether this round has had all the candidates it may have."""
        most = self.task.budget.candidates
        return most is not None and self.judge.judged - self.judged_before >= most

    def model_failed(self, scope: Scope, error: ModelError) -> bool:
        """Note that the model could not answer; say whether it may be asked again. Search goes on either way."""
        self.failures.append(events.Notice(f"The model was left out for {scope.label}: {error}", "warning"))
        return self.generator is not None

    def failures_to_tell(self) -> list[events.Notice]:
        """Return the failures that were not told yet."""
        fresh, self.told_failures = self.failures[self.told_failures :], len(self.failures)
        return fresh

    def progress(self) -> events.Progress:
        """Return the counters as they are."""
        usage = self.tools.generator.usage() if self.tools.generator else Usage()
        judge, budget = self.judge, self.task.budget.seconds
        return events.Progress(self.task.id, self.round, judge.judged, judge.executions, self.seconds, budget, self.queued, usage)
