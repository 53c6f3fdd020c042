"""The loop without a screen: every task in turn, the proposals joined into one patch that was verified as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from refine_tui.core.candidate import Candidate
from refine_tui.core.evidence import Baseline, Counts, Delta, SuiteResult, delta
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.pointing import refuse_uncollected
from refine_tui.loop.ports.parts import Clock
from refine_tui.loop.ports.running import Cancelled, Evaluator
from refine_tui.loop.search import Base, merge
from refine_tui.loop.wanted import Wanted

if TYPE_CHECKING:
    from refine_tui.loop.session.session import Session
    from refine_tui.loop.session.state import State

Outcome = Literal["solved", "improved", "unsolved", "nothing_failing", "cancelled", "refused"]

NAME_PLACE = "nothing shows whether it is reached; name the place with --scope FILE::SYMBOL, or write a failing test for it"


@dataclass(frozen=True)
class Fixed(events.Event):
    """The end of the whole work."""

    outcome: Outcome
    """`refused` is never said here: it is for who delivers the patch."""
    patch: Patch
    tree: dict[str, bytes]
    """The bases of the patch."""
    before: Counts
    after: Counts
    delta: Delta
    rounds: int
    candidates: int
    executions: int
    flags: tuple[str, ...]
    handoff: str
    stop_reason: str

    @property
    def goal(self) -> str:
        """What was to become true."""
        return "make the failing tests pass"

    @property
    def helps(self) -> bool:
        """Whether the patch may be written: someone who stops the work did not ask for half of it."""
        return bool(self.delta.fixed) and not self.delta.broken and self.outcome != "cancelled"

    @property
    def more(self) -> Mapping[str, Any]:
        """What the last JSON object holds beside the fields of every fix."""
        return {}

    @property
    def words(self) -> str:
        """What there is to say beside the counts, in a line."""
        return ""


@dataclass
class _Totals:
    rounds: int = 0
    candidates: int = 0
    executions: int = 0
    notes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    reviews: set[str] = field(default_factory=set)

    def add(self, event: events.Event) -> None:
        if isinstance(event, events.TaskFinished):
            self.rounds += event.rounds
            self.candidates += event.candidates
            self.executions += event.executions
            self.reasons.append(event.reason.value)
            if event.handoff:
                self.notes.append(event.handoff)
        elif isinstance(event, events.ReviewReady):
            self.reviews.add(event.review.id)


def fix(
    session: Session,
    evaluator: Evaluator,
    clock: Clock,
    wanted: Wanted,
    seconds: float | None,
    cancelled: Cancelled,
    *,
    search: bool = True,
) -> Iterator[events.Event]:
    """Survey, work on every task, join what helped, and end with `Fixed`.

    `seconds` bounds the work on all tasks together; a task that ends early leaves its share to the next ones. Without `search` only
    the model proposes.

    Raises:
        ProjectError: no test could be collected, and there was nothing to try.
    """
    wanted.check(session.scope)
    yield from session.survey(cancelled, wanted=wanted)
    baseline = session.state().baseline
    assert baseline is not None  # a survey ends with one or raises
    totals = _Totals()
    if not wanted.targets_in(baseline, session.scope):
        yield _nothing_to_do(baseline, totals, cancelled())
        return
    yield from _worked(session, clock, seconds, cancelled, totals, search=search)
    if not totals.candidates and not cancelled():
        refuse_uncollected(baseline.suite, baseline.interpreter)
    yield from _delivered(session.state(), evaluator, wanted, session.scope, cancelled, totals)


def _nothing_to_do(baseline: Baseline, totals: _Totals, was_cancelled: bool) -> Fixed:
    """Return the end for tests of which none that is wanted fails, as far as they were run."""
    suite = baseline.suite
    outcome: Outcome = "cancelled" if was_cancelled else "nothing_failing" if suite.complete else "unsolved"
    if outcome == "unsolved":
        totals.reasons.append(f"the first run of the tests ended early: {suite.stopped or 'not every test gave a result'}")
    return _ended(outcome, baseline, suite, Patch(), {}, totals, (), set())


def _worked(
    session: Session, clock: Clock, seconds: float | None, cancelled: Cancelled, totals: _Totals, *, search: bool
) -> Iterator[events.Event]:
    """Work on every waiting task in turn, each with its share of what is left of `seconds`."""
    began = clock()
    # Read anew each time: when the project changes meanwhile, other tasks wait afterwards, or the same once more.
    while (waiting := _waiting(session)) and not cancelled():
        task = waiting[0]
        if session.settle_if_fixed(task):
            continue
        if seconds is not None:
            left = began + seconds - clock()
            # Less than a second helps nobody; a task that begins when nothing is left only says what fails.
            share = max(1.0, left / len(waiting)) if left > 0 else 0.0
            task = replace(task, budget=replace(task.budget, seconds=share))
        for event in session.work(task, cancelled, search=search):
            totals.add(event)
            yield event


def _delivered(
    now: State, evaluator: Evaluator, wanted: Wanted, find: Callable[[str], Scope], cancelled: Cancelled, totals: _Totals
) -> Iterator[events.Event]:
    """Join what this work put up for review, and end with `Fixed`; the project may have changed since it began."""
    baseline = now.baseline
    assert baseline is not None  # it was there before, and another one only takes its place
    targets = set(wanted.targets_in(baseline, find))
    reviews = [review for review in now.reviews if review.id in totals.reviews and review.state == "open"]
    patch, tree, suite = _joined([(r.candidate, dict(r.tree)) for r in reviews], baseline, evaluator, cancelled, totals)
    outcome = _outcome(targets, delta(baseline.suite, suite), cancelled())
    if outcome == "solved" and any(review.candidate.by_heart for review in reviews):
        outcome = "improved"
    flags = tuple(dict.fromkeys(flag for review in reviews for flag in review.candidate.flags))
    if not wanted.is_spoken_of_by(targets, baseline):
        yield events.Notice(f'No failing test speaks of the goal, "{wanted.goal}": {NAME_PLACE}.', "warning")
    yield _ended(outcome, baseline, suite, patch, tree, totals, flags, targets)


def _waiting(session: Session) -> list[Task]:
    return [item.task for item in session.state().queue if item.status == "waiting"]


def _outcome(targets: set[str], change: Delta, was_cancelled: bool) -> Outcome:
    if not targets:
        return "nothing_failing"
    if targets <= set(change.fixed) and not change.broken:
        return "solved"
    if was_cancelled:
        return "cancelled"
    return "improved" if change.fixed and not change.broken else "unsolved"


def _joined(
    found: list[tuple[Candidate, dict[str, bytes]]], baseline: Baseline, evaluator: Evaluator, cancelled: Cancelled, totals: _Totals
) -> tuple[Patch, dict[str, bytes], SuiteResult]:
    """Join the proposals one by one; one that does not fit the others or spoils the whole is left out. Runs the result cold."""
    tree = {path: data for _, bases in found for path, data in bases.items()}
    proven = [candidate for candidate, _ in found if candidate.confirmed]
    if proven and (len(found) == 1 or cancelled()):
        best = max(proven, key=lambda candidate: len(candidate.delta.fixed))
        return best.proposal.patch, {path: tree[path] for path in best.proposal.patch.paths}, best.suite
    whole = Patch()
    for candidate, _ in found:
        whole = merge(whole, candidate.proposal.patch, Base(tree, Patch())) or whole
    kept, suite = _confirmed(whole, baseline, evaluator, cancelled, totals)
    if kept or whole.is_empty:
        return whole, {path: tree[path] for path in whole.paths}, suite
    whole, most = Patch(), baseline.suite
    for candidate, _ in found:
        more = merge(whole, candidate.proposal.patch, Base(tree, Patch()))
        if more is None or cancelled():
            continue
        held, suite = _confirmed(more, baseline, evaluator, cancelled, totals)
        if held and len(delta(baseline.suite, suite).fixed) > len(delta(baseline.suite, most).fixed):
            whole, most = more, suite
    return whole, {path: tree[path] for path in whole.paths}, most


def _confirmed(patch: Patch, baseline: Baseline, evaluator: Evaluator, cancelled: Cancelled, totals: _Totals) -> tuple[bool, SuiteResult]:
    if patch.is_empty:
        return False, baseline.suite
    totals.executions += 1
    suite = evaluator.confirm(patch, lambda *_: None, cancelled, limit_s=30.0 + 5 * baseline.suite.duration_s)
    change = delta(baseline.suite, suite)
    return suite.complete and bool(change.fixed) and not change.broken, suite


def _ended(
    outcome: Outcome,
    baseline: Baseline,
    suite: SuiteResult,
    patch: Patch,
    tree: dict[str, bytes],
    totals: _Totals,
    flags: tuple[str, ...],
    targets: set[str],
) -> Fixed:
    if outcome in ("unsolved", "cancelled") and delta(baseline.suite, suite).broken:
        patch, tree, suite = Patch(), {}, baseline.suite
    reasons = [*totals.reasons, *([StopReason.CANCELLED.value] if outcome == "cancelled" else [])]
    stop_reason = (
        "; ".join(dict.fromkeys(reasons)) or (StopReason.NOTHING_FAILING if outcome == "nothing_failing" else StopReason.CHANGED).value
    )
    return Fixed(
        outcome,
        patch,
        tree,
        baseline.suite.counts,
        suite.counts,
        delta(baseline.suite, suite),
        totals.rounds,
        totals.candidates,
        totals.executions,
        flags,
        "" if outcome in ("solved", "nothing_failing") else _note(totals.notes, baseline, suite, targets, stop_reason),
        stop_reason,
    )


def _note(notes: list[str], baseline: Baseline, suite: SuiteResult, targets: set[str], stop_reason: str) -> str:
    """Return the tasks' notes, and one about what still fails and is in none of them: not begun, or lost when proposals were joined."""
    told = "\n\n".join(notes)
    fixed = set(delta(baseline.suite, suite).fixed)
    left = [case for case in baseline.suite.cases if case.node_id in targets - fixed and f"`{case.node_id}`" not in told]
    if not left and told:
        return told
    rows = [f"- `{case.node_id}`: {case.message or case.outcome}" for case in left]
    mine = "\n".join(["### Not solved by the patch as a whole", "", f"Stopped: {stop_reason}.", "", *rows]).rstrip()
    return f"{told}\n\n{mine}".strip()
