"""Running what a task tries until something solves it, nothing is left, or it is time for another round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from refine_tui.core.candidate import Candidate, Verdict, rank
from refine_tui.core.errors import StaleBaseError
from refine_tui.core.evidence import CaseResult, Flag, delta
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import joined_edits
from refine_tui.loop import events
from refine_tui.loop.run import Run
from refine_tui.loop.search import merge
from refine_tui.loop.sources import last_resorts, user_tree
from refine_tui.loop.streams import Trial

AFTER_IMPROVEMENT = 40
"""Candidates that are run after an improvement before the next round builds on it."""
BETWEEN_CRITIQUES = 120
"""Trials after which a model that reads critiques is given the next one."""
JOINED = 8
"""Earlier improvements that a new one is joined with."""
PROVEN = 3
"""Improvements of which the first is taken that holds in a cold run of everything."""
PROGRESS_S = 0.25


def try_all(run: Run, *, to_the_end: bool = False) -> Iterator[events.Event]:
    """Run what the streams hold. Ends early, unless told otherwise, when an improvement should be built on or a critique is due."""
    since: int | None = None
    tried = 0
    while True:
        if run.spent() or run.round_is_full():
            return
        if not to_the_end and (since == AFTER_IMPROVEMENT or run.critique_is_due or (run.writes_well and tried == BETWEEN_CRITIQUES)):
            return
        item = _next(run)
        if item is None:
            return
        if not isinstance(item, Trial):
            yield item
            continue
        tried += 1
        candidate = _tried(run, item)
        if candidate is None:
            continue
        if candidate.suite.stopped == "cancelled":
            return
        yield events.CandidateJudged(run.task.id, candidate)
        since = None if since is None else since + 1
        if candidate.by_heart:
            run.by_heart = run.by_heart or candidate
        elif candidate.verdict in ("improved", "solved"):
            yield from _improve(run, candidate)
            since = 0 if run.best is candidate else since
        if run.solved:
            return
        if run.seconds - run.told_at >= PROGRESS_S:
            run.told_at = run.seconds
            yield run.progress()


def _next(run: Run) -> Trial | events.Event | None:
    item = run.streams.draw()
    if item is None and run.tools.search and not run.at_last:
        run.at_last = True
        run.streams.add(last_resorts(run))
        item = run.streams.draw()
    run.queued -= isinstance(item, Trial)
    if isinstance(item, events.RoundStarted):
        run.queued += item.proposals
    return item


def _tried(run: Run, trial: Trial) -> Candidate | None:
    """Run one trial, cold too when it solves the task; `None` when it is not admitted."""
    if not trial.full_time and not run.judge.admits(trial.proposal):
        return None
    if trial.following is not None:
        run.judge.expect(trial.following, trial.parent)
    candidate = run.judge.judge(trial.proposal, run.round, trial.parent, full_time=trial.full_time)
    if candidate.suite.stopped != "cancelled":
        run.tried.append(candidate)
    return _believed(run, candidate) if candidate.verdict == "solved" else candidate


def _believed(run: Run, candidate: Candidate) -> Candidate:
    """Run a solution cold. One that gives what the tests want by heart is none; of those only the first is worth that run."""
    flags = _suspicions(run, candidate.proposal.patch)
    if run.by_heart is not None and _tells_by_heart(flags):
        return replace(candidate, verdict="improved", flags=(*candidate.flags, *map(str, flags)), by_heart=True)
    return prove(run, candidate)


def prove(run: Run, candidate: Candidate) -> Candidate:
    """Run everything cold: only what holds then may be shown as a find. Returns the candidate with the final verdict."""
    suite = run.tools.evaluator.confirm(candidate.proposal.patch, _unheard, run.cancelled, limit_s=run.judge.whole_limit_s())
    run.judge.executions += 1
    if suite.stopped == "stale":
        raise StaleBaseError("The project, or what was known of it, changed while a solution was being proven. The task starts again.")
    change = delta(run.judge.baseline.suite, suite)
    held = suite.complete and not change.broken and bool(change.fixed)
    verdict: Verdict = "worse" if not held else "solved" if set(run.task.targets) <= set(change.fixed) else "improved"
    gates = run.tools.evaluator.gates(candidate.proposal.patch) if held else ()
    suspicions = _suspicions(run, candidate.proposal.patch) if held else ()
    flags = [*candidate.flags, *map(str, suspicions)]
    if verdict != candidate.verdict:
        flags.append("the cold run disagreed with the warm one")
    by_heart = verdict == "solved" and _tells_by_heart(suspicions)
    verdict = "improved" if by_heart else verdict
    proof = replace(candidate, suite=suite, delta=change, verdict=verdict, confirmed=suite.complete, flags=tuple(flags), gates=gates)
    return replace(proof, by_heart=by_heart)


def prove_best(run: Run) -> None:
    """Let the best of what only helped be one that a cold run of everything does not speak against; there may be none."""
    for candidate in sorted(run.all_improved, key=rank)[:PROVEN]:
        proven = candidate if candidate.confirmed else prove(run, candidate)
        if run.cancelled():
            return
        if proven.verdict != "worse":
            run.best, run.solved = proven, proven.verdict == "solved"
            return
    run.best = run.by_heart


def _suspicions(run: Run, patch: Patch) -> tuple[Flag, ...]:
    before = {path: run.tree[path] for path in patch.paths}
    return run.tools.evaluator.flags(before, patch.apply(before), strict=True)


def _tells_by_heart(flags: Iterable[Flag]) -> bool:
    return any(flag.rule == "special-case" for flag in flags)


def _unheard(case: CaseResult, done: int, total: int) -> None:
    """A confirmation's single tests are not told: a `CandidateJudged` follows with all of them."""


def _improve(run: Run, candidate: Candidate) -> Iterator[events.Event]:
    run.streams.urge(_joined(run, candidate))
    run.improved.append(candidate)
    run.all_improved.append(candidate)
    if run.best is None or candidate.verdict == "solved" or rank(candidate) < rank(run.best):
        run.best = candidate
        run.solved = candidate.verdict == "solved"
        yield events.Improved(run.task.id, candidate)


def _joined(run: Run, candidate: Candidate) -> list[Trial]:
    """Return the candidate joined with the best earlier improvements that pass tests it does not pass."""
    joined: list[Trial] = []
    if run.task.budget.rounds == 1:
        return joined  # one shot: what was found out is not built on
    fixed = set(candidate.delta.fixed)
    others = [other for other in run.all_improved if not set(other.delta.fixed) <= fixed]
    for other in sorted(others, key=lambda other: (-len(fixed | set(other.delta.fixed)), *rank(other)))[:JOINED]:
        patch = merge(other.proposal.patch, candidate.proposal.patch, user_tree(run))
        if patch is not None:
            note = f"{other.proposal.note}; {candidate.proposal.note}"
            score = other.proposal.score + candidate.proposal.score
            detail = (joined_edits(other.proposal, candidate.proposal),)
            both = replace(
                candidate.proposal, patch=patch, proposer="combination", operator="combine", note=note, score=score, detail=detail
            )
            joined.append(Trial(both, candidate))
    return joined
