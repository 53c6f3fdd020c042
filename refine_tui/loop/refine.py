"""Self-Refine on one task: plan, propose, run, critique, refine, stop with a reason.

Source of the frame: Madaan et al., "Self-Refine: Iterative Refinement with Self-Feedback" (2023). What is added is evidence:
every candidate is run before anything is said about it, and the best of all rounds is kept, not the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from refine_tui.core.candidate import Candidate, Verdict, rank
from refine_tui.core.errors import StaleBaseError
from refine_tui.core.evidence import Baseline, CaseResult, delta
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.asking import criticise, criticised, drafts
from refine_tui.loop.handoff import handoff_note
from refine_tui.loop.judging import Judge
from refine_tui.loop.planning import Suspects
from refine_tui.loop.ranking import rank_by_model
from refine_tui.loop.run import Run, Tools
from refine_tui.loop.search import Base, merge, pair_up, propose_edits
from refine_tui.loop.stopping import Watch

__all__ = ["Tools", "refine"]

BEAM = 3
"""Improved candidates that later rounds build on."""
AFTER_IMPROVEMENT = 40
"""Further candidates of a round that are run once one of them is an improvement."""
PER_BASE = 400
"""Candidates tried on each improved candidate in one round."""
PAIRED = 60
"""Best single edits that are combined when no single one helps."""
BEFORE_DRAFTS = 24
"""Ranked search candidates that are run before the model is asked to write; most bugs are found by then."""
PROGRESS_S = 0.25
HURRIED = 20
"""Candidates of a round that ran out of time and are run once more, with all the time a test may take."""


def refine(
    task: Task,
    tools: Tools,
    baseline: Baseline,
    suspects: Suspects,
    tree: Mapping[str, bytes],
    cancelled: Callable[[], bool],
) -> Iterator[events.Event]:
    """Work on one task until its targets pass or there is a reason to stop.

    Args:
        task: the targets, where changes may be made, and the budget.
        tools: the parts to work with.
        baseline: the project as it is; every candidate is measured against it.
        suspects: scopes and lines in order of suspicion.
        tree: path → content of the files that may change, as the baseline saw them.
        cancelled: polled often; once true, the task ends with what it has.

    Yields:
        Events; the last is `TaskFinished`.

    Raises:
        StaleBaseError: the user's tree changed meanwhile.
    """
    judge = Judge(task, baseline, tree, tools.evaluator, tools.syntax, cancelled)
    run = Run(task, tools, judge, suspects, tree, cancelled, tools.clock())
    run.written_before = tools.generator.usage().generated if tools.generator else 0
    yield events.TaskStarted(task)
    yield from _rounds(run)
    reason = StopReason.SOLVED if run.solved else run.stop or StopReason.EXHAUSTED
    critique = run.critique or criticise(run)
    outcome = _outcome(run, reason)
    note = "" if run.solved else handoff_note(task, reason, critique, run.best, run.tried, tree)
    yield run.progress()
    counts = (run.round, judge.judged, judge.executions, run.seconds, run.tally.answers, run.tally.faults.total())
    yield events.TaskFinished(task.id, outcome, reason, run.best, note, *counts)


def _outcome(run: Run, reason: StopReason) -> str:
    if run.solved:
        return "solved"
    if reason is StopReason.CANCELLED:
        return "cancelled"
    return "improved" if run.best else "unsolved"


def _rounds(run: Run) -> Iterator[events.Event]:
    watch = Watch()
    for number in range(1, run.task.budget.rounds + 1):
        run.round, run.judged_before = number, run.judge.judged
        run.stop = run.spent()
        if run.stop:
            return
        watch.begin(run)
        yield from _round(run)
        if run.solved:
            return
        run.critique = criticise(run)
        yield from criticised(run)
        run.stop = run.spent()
        if run.stop:
            return
        run.stop = watch.after(run)
        if run.stop:
            return
    run.stop = StopReason.ROUNDS


def _round(run: Run) -> Iterator[events.Event]:
    """Try what this round has: edits of the user's tree first, then of the improved candidates, then pairs of edits."""
    if run.round == 1:
        yield from _explore(run, Base(run.tree, Patch()), None, None)
        return
    grown = sorted(run.improved, key=rank)[:BEAM]
    from_scratch, run.improved = run.looks_again, []
    if from_scratch:
        yield from _drafted(run)
        run.looks_again = False
    for parent in grown:
        if run.spent() or run.solved:
            return
        yield from _explore(run, Base(run.tree, parent.proposal.patch, parent.id), parent, PER_BASE)
    if not grown and run.writes_well and not from_scratch:
        # A model that reads critiques gets another try with this round's.
        yield from _drafted(run)
    if not run.solved:
        yield from _try_all(run, _take(run.leftover), None, None)
    if not run.solved and not run.improved:
        yield from _unhurried(run)
    if not run.solved and not run.improved and run.singles:
        singles, run.singles = run.singles[:PAIRED], []
        yield from _try_all(run, pair_up(singles, Base(run.tree, Patch()), limit=PAIRED * PAIRED), None, None)


def _unhurried(run: Run) -> Iterator[events.Event]:
    """Give what ran out of time all of it, as long as that leaves half of the rest for others."""
    enough, again = run.half_time(), run.judge.hurried[:HURRIED]
    del run.judge.hurried[:HURRIED]
    for proposal, parent in again:
        if enough() or run.solved:
            return
        yield from _try_all(run, [proposal], parent, None, full_time=True)


def _drafted(run: Run) -> Iterator[events.Event]:
    """Try what the model makes of the user's tree."""
    drafted: list[Proposal] = []
    yield from drafts(run, Base(run.tree, Patch()), drafted)
    yield from _try_all(run, drafted, None, None)


def _take(leftover: list[Proposal]) -> list[Proposal]:
    taken = list(leftover)
    leftover.clear()
    return taken


def _explore(run: Run, base: Base, parent: Candidate | None, limit: int | None) -> Iterator[events.Event]:
    """Propose edits of one base, rank them, and run them with the model's drafts among them."""
    tools = run.tools
    proposals = propose_edits(base, run.suspects, tools.syntax) if tools.search else []
    if run.generator and tools.info and tools.info.profile == "line-edit":
        proposals = rank_by_model(proposals, base, run.generator, tools.line_editing, run.half_time(), run.model_failed)
        yield from run.failures_to_tell()
    yield events.RoundStarted(run.task.id, run.round, base.candidate, len(proposals))
    head = 0 if run.writes_well else BEFORE_DRAFTS
    if parent is None:
        run.singles = proposals
    yield from _try_all(run, proposals[:head], parent, limit)
    if run.solved or run.spent() or run.round_is_full():
        return
    drafted: list[Proposal] = []
    yield from drafts(run, base, drafted)
    rest = [*drafted, *proposals] if run.writes_well else sorted([*drafted, *proposals[head:]], key=lambda p: -p.score)
    yield from _try_all(run, rest, parent, None if limit is None else max(0, limit - head))


def _try_all(
    run: Run, proposals: Sequence[Proposal], parent: Candidate | None, limit: int | None, *, full_time: bool = False
) -> Iterator[events.Event]:
    improvements, since = 0, 0
    proposals = list(proposals)
    for index, proposal in enumerate(proposals):  # grows while it runs: joined candidates go to the front
        run.queued = len(proposals) - index
        if run.spent() or run.round_is_full() or (limit is not None and index >= limit):
            return
        if improvements and since >= AFTER_IMPROVEMENT:
            run.leftover.extend(proposals[index:])
            return
        if not full_time and not run.judge.admits(proposal):
            continue
        candidate = run.judge.judge(proposal, run.round, parent, full_time=full_time)
        if candidate.suite.stopped == "cancelled":
            return
        since += 1
        run.tried.append(candidate)
        if candidate.verdict == "solved":
            candidate = _confirm(run, candidate)
        yield events.CandidateJudged(run.task.id, candidate)
        if candidate.verdict in ("improved", "solved"):
            improvements += 1
            since = 0
            proposals[index + 1 : index + 1] = _joined(run, candidate)
            yield from _improve(run, candidate)
            if run.solved:
                return
        if run.seconds - run.told_at >= PROGRESS_S:
            run.told_at = run.seconds
            yield run.progress()


def _confirm(run: Run, candidate: Candidate) -> Candidate:
    """Run everything cold: only that may be called solved. Returns the candidate with the final verdict."""
    suite = run.tools.evaluator.confirm(candidate.proposal.patch, _unheard, run.cancelled, limit_s=run.judge.whole_limit_s())
    run.judge.executions += 1
    if suite.stopped == "stale":
        raise StaleBaseError("The project, or what was known of it, changed while a solution was being proven. The task starts again.")
    change = delta(run.judge.baseline.suite, suite)
    held = suite.complete and not change.broken and set(run.task.targets) <= set(change.fixed)
    verdict: Verdict = "solved" if held else "worse" if change.broken or not suite.complete else "improved"
    gates = run.tools.evaluator.gates(candidate.proposal.patch) if held else ()
    flags = candidate.flags if held else (*candidate.flags, "the cold run disagreed with the warm one")
    return replace(candidate, suite=suite, delta=change, verdict=verdict, confirmed=held, flags=flags, gates=gates)


def _unheard(case: CaseResult, done: int, total: int) -> None:
    """A confirmation's single tests are not told: a `CandidateJudged` follows with all of them."""


def _improve(run: Run, candidate: Candidate) -> Iterator[events.Event]:
    run.improved.append(candidate)
    run.all_improved.append(candidate)
    if run.best is None or candidate.verdict == "solved" or rank(candidate) < rank(run.best):
        run.best = candidate
        run.solved = candidate.verdict == "solved"
        yield events.Improved(run.task.id, candidate)


def _joined(run: Run, candidate: Candidate) -> list[Proposal]:
    """Return the candidate joined with each earlier improvement that fixes tests it does not fix."""
    joined, base = [], Base(run.tree, Patch())
    for other in run.all_improved:
        if set(other.delta.fixed) <= set(candidate.delta.fixed):
            continue
        patch = merge(other.proposal.patch, candidate.proposal.patch, base)
        if patch is not None:
            note = f"{other.proposal.note}; {candidate.proposal.note}"
            joined.append(replace(candidate.proposal, patch=patch, proposer="combination", operator="combine", note=note))
    return joined
