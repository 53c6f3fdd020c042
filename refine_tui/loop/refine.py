"""Self-Refine on one task: plan, propose, run, critique, refine, stop with a reason.

Source of the frame: Madaan et al., "Self-Refine: Iterative Refinement with Self-Feedback" (2023). What is added is evidence:
every candidate is run before anything is said about it, and the best of all rounds is kept, not the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from refine_tui.core.candidate import Candidate, rank
from refine_tui.core.evidence import Baseline
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.asking import criticise, criticised
from refine_tui.loop.handoff import handoff_note
from refine_tui.loop.judging import Judge
from refine_tui.loop.planning import Suspects
from refine_tui.loop.pointing import is_file
from refine_tui.loop.run import Run, Tools
from refine_tui.loop.sources import drafts_now, edits_of
from refine_tui.loop.stopping import Watch
from refine_tui.loop.trying import prove_best, try_all

__all__ = ["Tools", "refine"]

BEAM = 3
"""Improved candidates that later rounds build on."""
LEAD = 16.0
"""Trials by which a model that has read a critique is ahead of what was begun without it."""
DEPTH = 1.0
"""Share of the trials for edits of a candidate that passes all targets, in relation to edits of the user's tree."""
LEAST = 0.05
"""Of that share, what a candidate has at least."""


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
    if not run.solved and not run.cancelled():
        prove_best(run)
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
            break
    # What is proposed and not tried yet may hold the solution all the same.
    yield from try_all(run, to_the_end=True)
    run.stop = run.spent() or run.stop or StopReason.ROUNDS


def _round(run: Run) -> Iterator[events.Event]:
    """Go on with what is left of earlier rounds, and beside it with what this one adds: first edits, what helped, the model's next try."""
    if run.round == 1:
        run.streams.add(edits_of(run, None))
    grown, lead = _grown(run), LEAD if run.writes_well else 0.0
    for parent in grown:
        run.streams.add(edits_of(run, parent), DEPTH * _progress(run, parent) / len(grown), lead)
    if run.round > 1 and (run.looks_again or (run.writes_well and not grown)):
        run.streams.add(drafts_now(run), lead=lead)
    yield from try_all(run)
    run.looks_again = run.critique_is_due = False


def _grown(run: Run) -> list[Candidate]:
    """Return what the last round improved: the best, one for each set of tests that pass."""
    ranked = sorted(run.improved, key=rank)
    run.improved = []
    different = {candidate.delta.fixed: candidate for candidate in reversed(ranked)}
    return sorted(different.values(), key=rank)[:BEAM]


def _progress(run: Run, candidate: Candidate) -> float:
    """Return the share of the targets that a candidate passes, above 0 and up to 1; of a file, the share of the tests in it."""
    fixed = set(candidate.delta.fixed)
    shares = [_passing(candidate, target) if is_file(target) else target in fixed for target in run.task.targets]
    return max(sum(shares) / len(shares), LEAST)


def _passing(candidate: Candidate, file: str) -> float:
    inside = [case for case in candidate.suite.cases if case.node_id.startswith(f"{file}::")]
    return sum(not case.is_red for case in inside) / len(inside) if inside else 0.0
