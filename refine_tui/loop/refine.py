"""Self-Refine on one task: plan, propose, run, critique, refine, stop with a reason.

Source of the frame: Madaan et al., "Self-Refine: Iterative Refinement with Self-Feedback" (2023). What is added is evidence:
every candidate is run before anything is said about it, and the best of all rounds is kept, not the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from refine_tui.core.candidate import Candidate, Verdict, rank
from refine_tui.core.critique import Critique
from refine_tui.core.errors import ModelError
from refine_tui.core.evidence import Baseline, CaseResult, delta
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.critiquing import in_words, machine_critique, strike_out
from refine_tui.loop.drafting import DraftCount, ask_of, draft
from refine_tui.loop.handoff import handoff_note
from refine_tui.loop.judging import Judge
from refine_tui.loop.planning import Suspects
from refine_tui.loop.ports.parts import Clock
from refine_tui.loop.ports.running import Evaluator
from refine_tui.loop.ports.thinking import Ask, Completion, Generator, LineEditing, ModelInfo, Profile, Request, Sampling, Syntax, Usage
from refine_tui.loop.search import Base, is_plain, merge, pair_up, propose_edits, rank_by_model, scope_in

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
DRAFTS = 16
DRAFTED_SCOPES = 3
PROGRESS_S = 0.25
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
class _Run:
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
    tried: list[Candidate] = field(default_factory=list)
    leftover: list[Proposal] = field(default_factory=list)
    singles: list[Proposal] = field(default_factory=list)
    tally: DraftCount = field(default_factory=DraftCount)
    critique: Critique | None = None
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
    def seconds(self) -> float:
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
    run = _Run(task, tools, judge, suspects, tree, cancelled, tools.clock())
    run.written_before = tools.generator.usage().generated if tools.generator else 0
    yield events.TaskStarted(task)
    yield from _rounds(run)
    reason = StopReason.SOLVED if run.solved else run.stop or StopReason.EXHAUSTED
    critique = run.critique or _criticise(run)
    outcome = _outcome(run, reason)
    note = "" if run.solved else handoff_note(task, reason, critique, run.best, run.tried, tree)
    yield _progress(run)
    yield events.TaskFinished(task.id, outcome, reason, run.best, note, run.round, judge.judged, judge.executions, run.seconds)


def _outcome(run: _Run, reason: StopReason) -> str:
    if run.solved:
        return "solved"
    if reason is StopReason.CANCELLED:
        return "cancelled"
    return "improved" if run.best else "unsolved"


def _rounds(run: _Run) -> Iterator[events.Event]:
    for number in range(1, run.task.budget.rounds + 1):
        run.round, run.judged_before = number, run.judge.judged
        run.stop = run.spent()
        if run.stop:
            return
        before, tried = run.best, len(run.tried)
        yield from _round(run)
        if run.solved:
            return
        run.critique = _criticise(run)
        yield from _criticised(run)
        run.stop = run.spent()
        if run.stop:
            return
        if run.best is before and len(run.tried) == tried:
            run.stop = StopReason.EXHAUSTED
            return
    run.stop = StopReason.ROUNDS


def _round(run: _Run) -> Iterator[events.Event]:
    """Try what this round has: edits of the user's tree first, then of the improved candidates, then pairs of edits."""
    if run.round == 1:
        yield from _explore(run, Base(run.tree, Patch()), None, None)
        return
    grown = sorted(run.improved, key=rank)[:BEAM]
    run.improved = []
    for parent in grown:
        if run.spent() or run.solved:
            return
        yield from _explore(run, Base(run.tree, parent.proposal.patch, parent.id), parent, PER_BASE)
    if not run.solved:
        yield from _try_all(run, _take(run.leftover), None, None)
    if not run.solved and not run.improved and run.singles:
        singles, run.singles = run.singles[:PAIRED], []
        yield from _try_all(run, pair_up(singles, Base(run.tree, Patch()), limit=PAIRED * PAIRED), None, None)


def _take(leftover: list[Proposal]) -> list[Proposal]:
    taken = list(leftover)
    leftover.clear()
    return taken


def _explore(run: _Run, base: Base, parent: Candidate | None, limit: int | None) -> Iterator[events.Event]:
    """Propose edits of one base, rank them, and run them with the model's drafts among them."""
    tools = run.tools
    proposals = propose_edits(base, run.suspects, tools.syntax) if tools.search else []
    if run.generator and tools.info and tools.info.profile == "line-edit":
        proposals = rank_by_model(proposals, base, run.generator, tools.line_editing, run.half_time(), run.model_failed)
        yield from run.failures_to_tell()
    yield events.RoundStarted(run.task.id, run.round, base.candidate, len(proposals))
    writes_well = tools.info is not None and tools.info.profile != "line-edit"
    head = 0 if writes_well else BEFORE_DRAFTS
    if parent is None:
        run.singles = proposals
    yield from _try_all(run, proposals[:head], parent, limit)
    if run.solved or run.spent() or run.round_is_full():
        return
    drafts: list[Proposal] = []
    yield from _drafts(run, base, drafts)
    rest = sorted([*drafts, *proposals[head:]], key=lambda p: -p.score) if not writes_well else [*drafts, *proposals]
    yield from _try_all(run, rest, parent, None if limit is None else max(0, limit - head))


def _try_all(run: _Run, proposals: Sequence[Proposal], parent: Candidate | None, limit: int | None) -> Iterator[events.Event]:
    improvements, since = 0, 0
    proposals = list(proposals)
    for index, proposal in enumerate(proposals):  # grows while it runs: joined candidates go to the front
        run.queued = len(proposals) - index
        if run.spent() or run.round_is_full() or (limit is not None and index >= limit):
            return
        if improvements and since >= AFTER_IMPROVEMENT:
            run.leftover.extend(proposals[index:])
            return
        if not run.judge.admits(proposal):
            continue
        candidate = run.judge.judge(proposal, run.round, parent)
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
            yield _progress(run)


def _confirm(run: _Run, candidate: Candidate) -> Candidate:
    """Run everything cold: only that may be called solved. Returns the candidate with the final verdict."""
    suite = run.tools.evaluator.confirm(candidate.proposal.patch, _unheard, run.cancelled, limit_s=run.judge.whole_limit_s())
    run.judge.executions += 1
    change = delta(run.judge.baseline.suite, suite)
    held = suite.complete and not change.broken and set(run.task.targets) <= set(change.fixed)
    verdict: Verdict = "solved" if held else "worse" if change.broken or not suite.complete else "improved"
    flags = candidate.flags if held else (*candidate.flags, "the cold run disagreed with the warm one")
    return replace(candidate, suite=suite, delta=change, verdict=verdict, confirmed=held, flags=flags)


def _unheard(case: CaseResult, done: int, total: int) -> None:
    """A confirmation's single tests are not told: a `CandidateJudged` follows with all of them."""


def _improve(run: _Run, candidate: Candidate) -> Iterator[events.Event]:
    run.improved.append(candidate)
    run.all_improved.append(candidate)
    if run.best is None or candidate.verdict == "solved" or rank(candidate) < rank(run.best):
        run.best = candidate
        run.solved = candidate.verdict == "solved"
        yield events.Improved(run.task.id, candidate)


def _joined(run: _Run, candidate: Candidate) -> list[Proposal]:
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


def _drafts(run: _Run, base: Base, into: list[Proposal]) -> Iterator[events.Event]:
    profile, is_over = run.tools.profile, run.half_time()
    for scope in run.suspects.scopes[:DRAFTED_SCOPES]:
        generator, ask = run.generator, _ask(run, base, scope)
        if ask is None or generator is None or profile is None or is_over():
            continue
        count, seed = run.task.budget.candidates or DRAFTS, run.task.seed + 1000 * run.round + len(into)
        told = draft(ask, base, generator, profile, count=count, seed=seed, task_id=run.task.id, cancelled=is_over, tally=run.tally)
        try:
            for item in told:
                if isinstance(item, Proposal):
                    into.append(item)
                else:
                    yield item
        except ModelError as error:
            run.model_failed(scope, error)
        yield from run.failures_to_tell()


def _ask(run: _Run, base: Base, scope: Scope) -> Ask | None:
    """Return the question about a scope as it stands in `base`, or `None` when it is not there or not text."""
    now = scope_in(base, scope, run.tools.syntax)
    if now is None or now.kind == "module" or now.last_line - now.first_line > 120:
        return None
    lines = sorted(
        (line for path, line in run.suspects.lines if path == scope.path and now.holds_line(line)),
        key=lambda n: -run.suspects.lines[scope.path, n],
    )
    ask = ask_of(
        base,
        now,
        goal=run.task.goal,
        failures=run.critique.failures if run.critique else _criticise(run).failures,
        suspects=tuple(line - now.first_line for line in lines),
        tried=tuple(candidate.proposal.note for candidate in run.tried[-20:]),
        critique=in_words(run.critique) if run.critique else "",
        note=run.task.note,
    )
    return ask if is_plain(ask.lines) else None


def _criticise(run: _Run) -> Critique:
    return machine_critique(run.task, run.round, run.judge.baseline, run.best, run.suspects, run.tree, len(run.tried))


def _criticised(run: _Run) -> Iterator[events.Event]:
    """Add the model's hypothesis where the model can write one, its citations checked, and tell the critique."""
    tools, critique = run.tools, run.critique
    if critique is None:
        return
    if run.generator and tools.profile and run.suspects.scopes and not run.spent():
        try:
            yield from _hypothesised(run, critique, run.generator, tools.profile)
        except ModelError as error:
            run.model_failed(run.suspects.scopes[0], error)
        yield from run.failures_to_tell()
        critique = run.critique or critique
    yield events.CritiqueReady(run.task.id, critique)


def _hypothesised(run: _Run, critique: Critique, generator: Generator, profile: Profile) -> Iterator[events.Event]:
    """Ask the model why the tests fail, and keep what of its answer holds."""
    patch = run.best.proposal.patch if run.best else Patch()
    ask = _ask(run, Base(run.tree, patch), run.suspects.scopes[0])
    prompt = profile.critique_prompt(ask) if ask else ""
    if ask is None or not prompt:
        return
    text = ""
    for item in generator.complete(Request(prompt, 1, 200, Sampling(temperature=0.0, seed=run.task.seed), profile.stop), run.half_time()):
        if isinstance(item, Completion):
            text = item.text
        else:
            yield events.TextStreamed(run.task.id, item.index, item.text)
    shown = {ask.scope.first_line + n + 1: line for n, line in enumerate(ask.lines)}
    hypothesis, struck = strike_out(text, shown, critique.failures)
    run.critique = replace(critique, hypothesis=hypothesis, struck=struck)


def _progress(run: _Run) -> events.Progress:
    usage = run.tools.generator.usage() if run.tools.generator else Usage()
    judge = run.judge
    return events.Progress(run.task.id, run.round, judge.judged, judge.executions, run.seconds, run.task.budget.seconds, run.queued, usage)
