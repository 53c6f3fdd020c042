"""What is going on right now, folded from the session's events into one value the screens paint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Literal

from refine_tui.core.candidate import Candidate
from refine_tui.core.critique import Critique
from refine_tui.core.evidence import CaseResult
from refine_tui.core.task import Task
from refine_tui.loop.events import (
    CandidateJudged,
    CaseFinished,
    CritiqueReady,
    Improved,
    Progress,
    RoundStarted,
    SurveyFinished,
    SurveyPhase,
    SurveyStarted,
    TaskFinished,
    TaskStarted,
    TextStreamed,
    Verified,
)
from refine_tui.ui.session_worker import Delivery, JobBegan, JobEnded

Step = Literal["", "plan", "propose", "run", "critique", "refine", "decide"]
STEPS: tuple[Step, ...] = ("plan", "propose", "run", "critique", "refine", "decide")
KEPT_CANDIDATES = 200
KEPT_TEXT = 8_000


@dataclass(frozen=True)
class Run:
    """A survey or a verification on its way."""

    what: str
    """`survey`, or the name of the job that runs tests."""
    began_at: float
    limit_s: float | None = None
    done: int = 0
    total: int = 0
    """0 while unknown."""
    current: str = ""
    """The test that finished last."""
    phase: str = ""
    """What is done after each test was run once; empty before that."""
    red: int = 0


@dataclass(frozen=True)
class Live:
    """The present moment. Everything lasting is in the session's state."""

    jobs: tuple[str, ...] = ()
    """Under way, outermost first."""
    run: Run | None = None
    cases: Mapping[str, CaseResult] = field(default_factory=dict)
    """The latest result of each test on the user's tree, as far as it was run in this session."""
    task: Task | None = None
    step: Step = ""
    round: int = 0
    progress: Progress | None = None
    best: Candidate | None = None
    recent: tuple[Candidate, ...] = ()
    """At most `KEPT_CANDIDATES`, oldest first."""
    judged: int = 0
    critique: Critique | None = None
    text: str = ""
    """The end of what the model wrote in this round, at most `KEPT_TEXT` characters."""
    text_index: int = -1
    finished: TaskFinished | None = None
    refused: str = ""
    """Why the tests could not be run, when they could not."""

    @property
    def job(self) -> str:
        """The innermost job under way; empty when idle."""
        return self.jobs[-1] if self.jobs else ""


def advance(live: Live, deliveries: Iterable[Delivery], now: float) -> Live:
    """Fold what arrived, oldest first. `now` is the clock's reading in seconds."""
    return reduce(lambda before, delivery: _advance(before, delivery, now), deliveries, live)


def _advance(live: Live, delivery: Delivery, now: float) -> Live:
    match delivery:
        case JobBegan(name):
            run = Run(name, now) if name.startswith("verify") else live.run
            return replace(live, jobs=(*live.jobs, name), run=run)
        case JobEnded(name, error):
            jobs = tuple(job for job in live.jobs if job != name)
            return replace(live, jobs=jobs, run=None, step="" if name == "work" else live.step, refused=error or live.refused)
        case SurveyStarted(limit_s):
            return replace(live, run=Run("survey", now, limit_s), cases={}, refused="")
        case CaseFinished(case, done, total):
            run = live.run or Run(live.job, now)
            # Only a survey runs the user's tree; a confirmation's results belong to its candidate.
            cases = {**live.cases, case.node_id: case} if run.what == "survey" else live.cases
            return replace(live, run=replace(run, done=done, total=total, current=case.node_id, red=run.red + case.is_red), cases=cases)
        case SurveyPhase(text) if live.run is not None:
            return replace(live, run=replace(live.run, phase=text))
        case SurveyFinished(baseline):
            return replace(live, run=None, cases=dict(baseline.suite.by_id))
        case Verified():
            return replace(live, run=None)
        case _:
            return _advance_task(live, delivery)


def _advance_task(live: Live, delivery: Delivery) -> Live:
    match delivery:
        case TaskStarted(task):
            return Live(jobs=live.jobs, run=live.run, cases=live.cases, task=task, step="plan")
        case RoundStarted():
            return replace(live, step="refine" if delivery.round > 1 else "propose", round=delivery.round, text="", text_index=-1)
        case TextStreamed(_, index, text):
            start = "" if live.text_index in (-1, index) else "\n"
            step: Step = "refine" if live.round > 1 else "propose"
            return replace(live, text=(live.text + start + text)[-KEPT_TEXT:], text_index=index, step=step)
        case CandidateJudged(_, candidate):
            return replace(live, step="run", judged=live.judged + 1, recent=(*live.recent[1 - KEPT_CANDIDATES :], candidate))
        case Improved(_, candidate):
            return replace(live, best=candidate)
        case CritiqueReady(_, critique):
            return replace(live, step="critique", critique=critique)
        case Progress():
            return replace(live, progress=delivery, round=delivery.round)
        case TaskFinished():
            return replace(live, step="decide", finished=delivery, best=delivery.best or live.best)
        case _:
            return live
