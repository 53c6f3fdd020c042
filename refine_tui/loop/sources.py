"""What a task tries, and in which order: edits and drafts of a base, what ran out of time, pairs of edits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from refine_tui.core.candidate import Candidate
from refine_tui.core.evidence import CaseResult, SuiteResult
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal, joined_edits
from refine_tui.core.text import SourceFile
from refine_tui.loop import events
from refine_tui.loop.asking import drafts
from refine_tui.loop.planning import Suspects, suspects_of, told_values
from refine_tui.loop.pointing import is_file
from refine_tui.loop.ranking import rank_by_model
from refine_tui.loop.run import Run
from refine_tui.loop.search import Base, pair_up, propose_edits
from refine_tui.loop.streams import Trial

Items = Iterator[Trial | events.Event]

BEFORE_DRAFTS = 24
"""Ranked search candidates that are run before the model is asked to write; most bugs are found by then."""
FURTHER = 3.0
"""Added to the log score of the first edit of a pair that lets every failing test get further."""
HURRIED = 20
"""Candidates that ran out of time and are run once more, with all the time a test may take."""


def user_tree(run: Run) -> Base:
    """Return the state that everything begins with."""
    return Base(run.tree, Patch())


def edits_of(run: Run, parent: Candidate | None) -> Items:
    """Offer edits of the user's tree or of a candidate, ranked, with the model's drafts among them."""
    tools = run.tools
    base = Base(run.tree, parent.proposal.patch, parent.id) if parent else user_tree(run)
    suspects = suspects_after(run, parent) if parent else run.suspects
    proposals = propose_edits(base, suspects, tools.syntax) if tools.search else []
    if run.generator and tools.info and tools.info.profile == "line-edit":
        proposals = rank_by_model(proposals, base, run.generator, tools.line_editing, run.half_time(), run.model_failed)
        yield from run.failures_to_tell()
    yield events.RoundStarted(run.task.id, run.round, base.candidate, len(proposals))
    head = 0 if run.writes_well else BEFORE_DRAFTS
    yield from _trials(proposals[:head], parent)
    drafted: list[Proposal] = []
    for told in drafts(run, base) if not run.drafts_late else ():
        if not isinstance(told, list):
            yield told
        elif run.writes_well:
            yield from _trials(told, parent)
            if told and run.critique is None and run.round < run.task.budget.rounds:
                run.critique_is_due = True
                yield run.progress()
        else:
            drafted += told
    yield from _trials(sorted([*drafted, *proposals[head:]], key=lambda p: -p.score), parent)


def suspects_after(run: Run, parent: Candidate) -> Suspects:
    """Return where to look once a candidate passes some of the tests: where those that it leaves failing lead, numbered as before it."""
    baseline, fixed = run.judge.baseline, set(parent.delta.fixed)
    left = [node for node in run.task.targets if node not in fixed]
    if not left:
        return run.suspects
    cases = tuple(replace(case, outcome="passed", frames=()) if case.node_id in fixed else case for case in baseline.suite.cases)
    after = replace(baseline, suite=replace(baseline.suite, cases=cases))
    sources = {path: SourceFile(path, text) for path, text in run.tree.items()}
    if run.suspects.unreadable:
        return replace(run.suspects, values=told_values(case for case in parent.suite.cases if case.is_red))
    found = suspects_of(after, left, sources.get, run.tools.syntax, run.tree.__contains__)
    scopes = tuple(scope for scope in found.scopes if scope in run.suspects.scopes)
    lines = {place: score for place, score in found.lines.items() if place in run.suspects.lines}
    return Suspects(scopes, lines, found.values) if lines else run.suspects


def _trials(proposals: list[Proposal], parent: Candidate | None) -> Iterator[Trial]:
    """Yield proposals as trials; what builds on a candidate is as likely as both together, and made by both."""
    before = parent.proposal if parent else None
    for proposal, following in zip(proposals, [*proposals[1:], None], strict=False):
        if before is not None:
            detail = (*proposal.detail, joined_edits(before, proposal))
            proposal = replace(proposal, score=before.score + proposal.score, detail=detail)
        yield Trial(proposal, parent, following)


def drafts_now(run: Run) -> Items:
    """Offer what the model makes of the user's tree, knowing what it knows now."""
    for told in drafts(run, user_tree(run)):
        yield from _trials(told, None) if isinstance(told, list) else (told,)


def last_resorts(run: Run) -> Items:
    """Offer, once nothing else is left, a small model's drafts, what ran out of time, then pairs of edits that only help together."""
    if run.drafts_late:
        yield from drafts_now(run)
    enough, again = run.half_time(), run.judge.hurried[:HURRIED]
    for proposal, parent in again:
        if not enough():
            yield Trial(proposal, parent, full_time=True)
    alone = [c for c in run.tried if not c.parent and c.verdict in ("same", "worse") and c.suite.stopped != "time"]
    pairs = pair_up([_first(run, candidate) for candidate in alone], run.tree, run.suspects, run.tools.syntax)
    yield from (Trial(pair) for pair in pairs)


def _first(run: Run, candidate: Candidate) -> Proposal:
    """Return a candidate's proposal as the first of a pair: likelier when it let tests get further."""
    gain = FURTHER * gets_further(run.judge.baseline.suite, candidate.suite)
    return replace(candidate.proposal, score=candidate.proposal.score + gain)


def gets_further(base: SuiteResult, suite: SuiteResult) -> float:
    """Return by how much tests that fail in both runs get further: past a hang, to an assertion, or to another error of their file."""
    both = [(_before(base, case), case) for case in suite.cases if case.is_red]
    steps = [_step(before, after) for before, after in both if before is not None and before.is_red]
    return max(0.0, sum(steps) / len(steps)) if steps else 0.0


def _before(base: SuiteResult, case: CaseResult) -> CaseResult | None:
    """Return what a test was on the base; where its file could not be collected, that."""
    return base.by_id.get(case.node_id) or base.by_id.get(case.node_id.split("::", 1)[0])


def _step(before: CaseResult, after: CaseResult) -> int:
    elsewhere = is_file(before.node_id) and is_file(after.node_id) and before.place != after.place
    return _reached(after) - _reached(before) + elsewhere


def _reached(case: CaseResult) -> int:
    return 0 if case.timed_out or is_file(case.node_id) else 1 + (case.error == "AssertionError")
