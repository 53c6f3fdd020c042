"""Make one function faster: generations of rewrites, kept when tests and recorded behaviour stay the same, chosen by the gate.

Source of the frame: Novikov et al., "AlphaEvolve: A coding agent for scientific and algorithmic discovery" (2025): propose on top of
what is good so far, evaluate by running, keep the best and the different. What is added is proof: the winner is observed on inputs that
nothing was chosen by, timed again from the start, and its whole suite is run cold.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import log
from typing import Literal, NamedTuple

from refine_tui.core.candidate import changed_lines
from refine_tui.core.errors import ModelError, StaleBaseError
from refine_tui.core.evidence import Baseline, SuiteResult, delta
from refine_tui.core.proposal import Proposal, joined_edits
from refine_tui.core.scope import Scope
from refine_tui.core.task import Task
from refine_tui.core.text import SourceFile
from refine_tui.loop import events
from refine_tui.loop.drafting import Writer
from refine_tui.loop.faster.behaving import OBSERVED_S, Behaviour, again
from refine_tui.loop.faster.drafts import drafted
from refine_tui.loop.faster.population import Member, Population
from refine_tui.loop.judging import Judge
from refine_tui.loop.ports.observing import Observer
from refine_tui.loop.ports.parts import Clock
from refine_tui.loop.ports.running import Cancelled, Evaluator
from refine_tui.loop.ports.thinking import Syntax
from refine_tui.loop.ports.timing import Speedups, Timer, Timing
from refine_tui.loop.search import Base, merge, scope_in

FIRST_LOOK = 4
"""Rounds by which a candidate is placed in the population."""
PROMISING = 0.95
"""A candidate at least this much faster than what it was made from is looked at closely."""
NEXT_BEST = 1.1
"""And when it is not far behind the best."""
HOPELESS = 1.3
"""A candidate that is slower than this is not built on."""
PER_PARENT = 40
ELITES, OTHERS = 3, 1
"""How many of the best, and how many of the rest, one generation builds on."""
FINALISTS = 4
TOLD = 10
"""Attempts that a model is told of."""
FINAL_S = 12.0
"""Seconds for the rounds of a finalist."""

Verdict = Literal["faster", "no faster", "slower", "breaks tests", "behaves differently", "fails when timed"]


@dataclass(frozen=True)
class SpeedTools:
    """What the work on one function is done with."""

    evaluator: Evaluator
    syntax: Syntax
    timer: Timer
    observer: Observer
    speedups: Speedups
    clock: Clock
    writer: Writer | None = None
    """A model that writes whole functions; `None`: there is none."""


@dataclass(frozen=True)
class Weighed(events.Event):
    """A candidate was run and, when it is right so far, timed."""

    id: str
    proposal: Proposal
    generation: int
    parent: str
    """Empty for the user's own version."""
    verdict: Verdict
    ratio: float | None = None
    """First look at its cost, the user's version being 1."""
    reason: str = ""


@dataclass(frozen=True)
class Chosen(events.Event):
    """The end of the work: the fastest version that was proved right and faster, or none."""

    member: Member | None
    timing: Timing | None
    """Of the winner; without one, of the finalist that came closest, `None` when there was none."""
    suite: SuiteResult | None
    generations: int
    candidates: int
    executions: int
    observed: int
    """Inputs on which behaviour was compared."""
    refused: Mapping[str, int]
    """How many candidates were left out, by verdict."""
    tried: tuple[str, ...]
    """What did not help, with what came of it; the last ones."""
    reason: str
    flags: tuple[str, ...] = ()
    """What speaks against the winner: signs of tampering, checks that it makes fail."""


@dataclass
class Work:
    """The changing state of the work on one function."""

    task: Task
    scope: Scope
    tools: SpeedTools
    baseline: Baseline
    tree: Mapping[str, bytes]
    behaviour: Behaviour
    seconds: float | None
    cancelled: Cancelled
    generation: int = 0
    candidates: int = 0
    executions: int = 0
    observed: int = 0
    begun_with: int = 0
    """Candidates of the generations before this one."""
    refused: Counter[str] = field(default_factory=Counter)
    population: Population = field(default_factory=Population)
    history: list[Weighed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = self.tools.clock()
        self.chance = random.Random(self.task.seed)
        self.judge = Judge(self.task, self.baseline, self.tree, self.tools.evaluator, self.tools.syntax, self.cancelled)

    def is_over(self) -> bool:
        """Say whether what is left of the time belongs to the proof of what was found."""
        left = None if self.seconds is None else self.seconds - (self.tools.clock() - self._began)
        return self.cancelled() or (left is not None and left <= min(0.4 * (self.seconds or 0), 2 * FINAL_S))


def optimise(work: Work) -> Iterator[events.Event]:
    """Run generations until there is nothing left to build on or the time is over, then prove the best; ends with `Chosen`."""
    yield events.TaskStarted(work.task)
    work.population.add(Member("", None, 1.0, frozenset()))
    while work.generation < work.task.budget.rounds and not work.is_over():
        parents = work.population.parents(ELITES, OTHERS, work.chance)
        proposals = [*_joined(work), *(made for parent in parents for made in _rewritten(work, parent))]
        before = work.begun_with = work.candidates
        if proposals or work.tools.writer:
            work.generation += 1
            yield events.RoundStarted(work.task.id, work.generation, parents[0].id if parents else "", len(proposals))
            yield from _all_weighed(work, proposals)
            yield from _written(work)
        if work.candidates == before:
            break
    yield _chosen(work)


def _all_weighed(work: Work, proposals: Iterable[tuple[Proposal, Member]]) -> Iterator[events.Event]:
    most = work.task.budget.candidates
    for proposal, parent in proposals:
        if work.is_over() or (most is not None and work.candidates - work.begun_with >= most):
            return
        if work.judge.admits(proposal):
            found = _weighed(work, proposal, parent)
            work.history.append(found)
            yield found


def _written(work: Work) -> Iterator[events.Event]:
    """Let the model write versions of the best so far, and weigh them; a model that fails is told and left alone from then on."""
    if work.tools.writer is None or work.is_over():
        return
    best = work.population.ranked()[0]
    drafts: list[Proposal] = []
    try:
        for item in drafted(work.task, work.tools.writer, Base(work.tree, best.patch, best.id), work.generation, tellings(work)):
            if isinstance(item, Proposal):
                drafts.append(item)
            else:
                yield item
    except ModelError as error:
        work.tools = replace(work.tools, writer=None)
        yield events.Notice(f"The model was left out for {work.scope.label}: {error}", "warning")
    yield from _all_weighed(work, [(_on_top(draft, best), best) for draft in drafts])


def tellings(work: Work) -> list[str]:
    """Return what was tried so far and did not help, with what came of it, for a model to read; the last ones."""
    told = []
    for one in [one for one in work.history if one.verdict != "faster"][-TOLD:]:
        cost = f", {1 / one.ratio:.2g} times as fast as the first version" if one.ratio else ""
        told.append(f"{one.proposal.note}: {one.verdict}{cost} {one.reason}".rstrip())
    return told


def _rewritten(work: Work, parent: Member) -> Iterator[tuple[Proposal, Member]]:
    """Yield every rewrite of a member, likeliest first."""
    base = Base(work.tree, parent.patch, parent.id)
    now = scope_in(base, work.scope, work.tools.syntax)
    source = SourceFile(work.scope.path, base.text(work.scope.path))
    for edit in work.tools.speedups.speedups(source, now)[:PER_PARENT] if now else ():
        patch = base.with_edits(work.scope.path, edit.edits)
        made = Proposal(patch, "search", edit.operator, edit.note, work.scope, edit.line, log(edit.prior))
        yield _on_top(made, parent), parent


def _on_top(made: Proposal, parent: Member) -> Proposal:
    return replace(made, detail=(*made.detail, joined_edits(parent.proposal, made))) if parent.proposal else made


def _joined(work: Work) -> list[tuple[Proposal, Member]]:
    """Return members put together, of which each is faster by itself."""
    fast = [member for member in work.population.ranked() if member.proposal and member.ratio < PROMISING][: 2 * ELITES]
    found = []
    for one, two in combinations(fast, 2):
        patch = merge(one.patch, two.patch, Base(work.tree, one.patch))
        if patch is not None and one.proposal and two.proposal:
            note = f"{one.proposal.note}; {two.proposal.note}"
            joined = joined_edits(one.proposal, two.proposal)
            made = Proposal(patch, "combination", "combine", note, work.scope, one.proposal.line, 0.0, (joined,))
            found.append((made, one if one.ratio <= two.ratio else two))
    return found


def _weighed(work: Work, proposal: Proposal, parent: Member) -> Weighed:
    """Run one candidate: the tests that touch the function, a first look at its cost, and its behaviour when that is promising."""
    work.candidates += 1
    found = _tried(work, proposal, parent)
    told = Weighed(f"c{work.candidates}", proposal, work.generation, parent.id, found.verdict, found.ratio, found.reason)
    if found.ratio is not None and found.verdict in ("faster", "no faster"):
        kind, changed = frozenset(proposal.operators), changed_lines(proposal)
        work.population.add(Member(told.id, proposal, found.ratio, kind, work.generation, changed, found.observed))
    else:
        work.refused[found.verdict] += 1
    return told


class _Trial(NamedTuple):
    verdict: Verdict
    ratio: float | None = None
    reason: str = ""
    observed: bool = False


def _tried(work: Work, proposal: Proposal, parent: Member) -> _Trial:
    if broken := _breaks(work, proposal):
        return _Trial("breaks tests", reason=broken)
    tools, costs = work.tools, work.behaviour.costs
    work.executions += 1
    limit_s, seed = 5.0, work.task.seed + work.candidates
    look = tools.timer.compare(proposal.patch, work.scope, costs, work.cancelled, limit_s=limit_s, seed=seed, rounds=FIRST_LOOK)
    if look.differs is not None:
        return _Trial("behaves differently", reason=f"{work.scope.name}{look.differs.text}")
    if look.comparison is None:
        return _Trial("slower") if look.stopped == "late" else _Trial("fails when timed", reason=look.stopped)
    ratio = look.comparison.ratio
    if ratio > PROMISING * parent.ratio:
        return _Trial("slower" if ratio > HOPELESS * parent.ratio else "no faster", ratio)
    if ratio > NEXT_BEST * min(member.ratio for member in work.population.ranked()):
        return _Trial("faster", ratio)  # what does not win need not be looked at so closely
    differs = _differs(work, proposal, work.behaviour)
    return _Trial("behaves differently", ratio, differs) if differs else _Trial("faster", ratio, observed=True)


def _breaks(work: Work, proposal: Proposal) -> str:
    """Return a test that touches the function and does not pass any more."""
    if not work.task.targets:
        return ""
    work.executions += 1
    limit_s = work.judge.limit_s(work.task.targets)
    suite = work.tools.evaluator.run(proposal.patch, work.task.targets, work.cancelled, limit_s=limit_s, stop_at_first=True)
    if suite.stopped == "stale":
        raise _moved(work)
    broken = delta(work.baseline.suite, suite).broken
    return broken[0] if broken else "" if suite.complete else suite.stopped or "not every test gave a result"


def _moved(work: Work) -> StaleBaseError:
    return StaleBaseError(f"{work.scope.label}: the project changed while versions were being tried. Start again on what is there now.")


def _differs(work: Work, proposal: Proposal, behaviour: Behaviour) -> str:
    """Return the first call that does something else."""
    work.executions += 1
    seen = work.tools.observer.outcomes(proposal.patch, work.scope, behaviour.inputs, work.cancelled, limit_s=OBSERVED_S)
    found = behaviour.differs(seen.outcomes)
    return f"{work.scope.name}{found.text}" if found else ""


def _chosen(work: Work) -> Chosen:
    """Return the best member that holds when everything is looked at again."""
    closest: Timing | None = None
    fast = [member for member in work.population.ranked() if member.ratio < PROMISING]
    fresh = again(work.scope, work.tools.observer, work.task.seed + 1, work.cancelled, work.behaviour) if fast else work.behaviour
    work.observed = len(work.behaviour.inputs) + len(fresh.inputs)
    for member in fast[:FINALISTS]:
        timing = _timed(work, member)
        closest = closest or timing
        if work.cancelled() or timing.comparison is None or timing.comparison.verdict != "faster":
            continue
        suite = _proved(work, member, fresh)
        if suite is not None:
            return replace(_end(work, member, timing, suite, "proved faster, and the same otherwise"), flags=_flags(work, member))
    return _end(work, None, closest, None, _why_not(work, closest))


def _proved(work: Work, member: Member, fresh: Behaviour) -> SuiteResult | None:
    """Return the whole suite's cold run when a member does the same on inputs that nothing was chosen by, and breaks no test."""
    assert member.proposal is not None, "the user's own version is no finalist"
    if _differs(work, member.proposal, fresh if member.observed else fresh.joined(work.behaviour)):
        work.refused["behaves differently"] += 1
        return None
    work.executions += 1
    suite = work.tools.evaluator.confirm(member.patch, lambda *_: None, work.cancelled, limit_s=work.judge.whole_limit_s())
    if suite.stopped == "stale":
        raise _moved(work)
    if suite.complete and not delta(work.baseline.suite, suite).broken:
        return suite
    work.refused["breaks tests"] += 1
    return None


def _flags(work: Work, member: Member) -> tuple[str, ...]:
    evaluator, patch = work.tools.evaluator, member.patch
    suspicions = evaluator.flags({path: work.tree[path] for path in patch.paths}, patch.apply(work.tree), strict=True)
    return (*map(str, suspicions), *(f"{gate.name}: {gate.summary}" for gate in evaluator.gates(patch) if not gate.ok))


def _timed(work: Work, member: Member) -> Timing:
    """Time a member anew: that it was chosen says that its first look was lucky, too."""
    work.executions += 1
    seed = work.task.seed - 1
    return work.tools.timer.compare(member.patch, work.scope, work.behaviour.costs, work.cancelled, limit_s=FINAL_S, seed=seed)


def _why_not(work: Work, closest: Timing | None) -> str:
    if work.cancelled():
        return "cancelled"
    if closest is not None and closest.comparison is not None:
        return f"no version was proved faster; the closest was {closest.comparison.words}"
    return "nothing that was tried is faster" if work.candidates else "no rewrite applies"


def _end(work: Work, member: Member | None, timing: Timing | None, suite: SuiteResult | None, reason: str) -> Chosen:
    counts = (work.generation, work.candidates, work.executions, work.observed)
    return Chosen(member, timing, suite, *counts, dict(work.refused), tuple(tellings(work)), reason)
