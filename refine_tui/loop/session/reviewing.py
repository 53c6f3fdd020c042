"""The half of a session that belongs to the user: decisions, verifying a choice of hunks, writing, undoing, and saves from outside."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from refine_tui.core.candidate import Verdict, effect
from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.evidence import Baseline, Delta, SuiteResult
from refine_tui.core.hunks import combine
from refine_tui.core.mutants import Weight
from refine_tui.core.patch import Patch
from refine_tui.core.review import Review, ReviewState
from refine_tui.core.task import Task
from refine_tui.core.text import SourceFile
from refine_tui.loop import events
from refine_tui.loop.authoring.awaiting import amiss_in
from refine_tui.loop.ports.keeping import Application
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.search import Base
from refine_tui.loop.session.following import carried, rewritten, unproven
from refine_tui.loop.session.state import State, Status
from refine_tui.loop.session.streaming import told_cases
from refine_tui.loop.wanted import Wanted
from refine_tui.loop.weighing import SECONDS, Ground, Means, lines_after, weigh

QUICK_S = 10.0
"""A suite that takes at most so long is run again for every open proposal when the tree has changed."""


class Reviewing(ABC):
    """Decisions and their consequences; `Session` adds the work that leads to them."""

    _parts: Parts
    _state: State
    _lock: threading.RLock
    _writing: threading.RLock
    """Held while files are written, and while it is looked at what they hold: neither sees half of the other."""
    _suites: dict[int, SuiteResult]
    """Application's number → outcomes with it, and its negative → outcomes without it."""

    def change(self, review_id: str, transition: Callable[[Review], Review]) -> Review:
        """Apply a transition of `Review` (a decision, a split, an undo) and store the result."""
        with self._lock:
            before = self._state.review(review_id)
            review = transition(before)
            # Kept under the same lock, or of two changes at once the later one would undo the earlier.
            if review is not before:
                self._keep(review, before)
        return review

    def replace_hunk(self, review_id: str, hunk_id: str, new_lines: Sequence[str]) -> Review:
        """Put the user's own lines in place of a hunk's; the choice then has no evidence until it is run."""

        def rewrite(review: Review) -> Review:
            marks = tuple((rewritten(hunk, new_lines) if hunk.id == hunk_id else hunk, decision) for hunk, decision in review.marks)
            return replace(review, marks=marks, past=(*review.past, review.marks), future=())

        return self.change(review_id, rewrite)

    def verify(self, review_id: str, cancelled: Cancelled) -> Iterator[events.Event]:
        """Run exactly the accepted hunks, everything, cold.

        Raises:
            UsageError: no hunk is accepted.
        """
        review = self._state.review(review_id)
        patch = self._accepted_patch(review)
        baseline = self._known_baseline()
        with self._busy(f"verify {review_id}"):
            evaluator, limit = self._parts.evaluator, 30.0 + 5 * baseline.suite.duration_s
            suite = yield from told_cases(lambda on_case: evaluator.confirm(patch, on_case, cancelled, limit_s=limit))
        if suite.stopped == "cancelled":
            yield events.Notice("The run was cancelled; your decisions are kept.")
            return
        if suite.stopped == "stale":
            yield from self._carry_over_told(review_id)
            if self._state.review(review_id).tree == review.tree:
                yield events.Notice("The project changed since its tests were run, so they are run again. t then runs this choice.")
                yield from self.survey(cancelled)
            return
        keys = review.accepted_key
        review = self.change(review_id, lambda current: current.with_evidence(keys, suite))
        yield events.ReviewReady(review)
        yield events.Verified(review, suite, baseline.suite.counts, suite.counts)

    def weigh(self, task_id: str, cancelled: Cancelled, *, seconds: float = SECONDS) -> Iterator[events.Event]:
        """Find out how much the tests notice in what the proven proposal for a task changed; does nothing when there is none.

        Args:
            seconds: what it may cost, by and large; it is for after the proposal is shown.
        """
        baseline = self._state.baseline
        open_ones = (one for one in self._state.reviews if one.task.id == task_id and one.state == "open")
        review = next((one for one in open_ones if one.candidate.confirmed and self._only_changes_code(one)), None)
        if review is None or baseline is None or (not baseline.warm and review.candidate.suite.duration_s > seconds):
            return
        base = Base(review.tree, review.candidate.proposal.patch)
        ground = Ground(base, lines_after(base.patch, review.tree), review.candidate.suite, baseline)
        means = Means(self._parts.evaluator, self._parts.syntax, self._parts.clock, seconds, seed=review.task.seed)
        for weight in weigh(ground, means, cancelled):
            yield events.Weighed(_weighed(review, weight))
            if self._state.baseline is not baseline:
                return  # something was saved: what was measured says nothing of the tests as they are now
        yield events.Weighed(self.change(review.id, lambda current: _weighed(current, weight) if current.tree == review.tree else current))

    def _only_changes_code(self, review: Review) -> bool:
        """Say whether mistakes can be put into what a proposal changed: a test that comes first, or a patch from outside, may do more."""
        files = review.candidate.proposal.patch.files
        return not review.candidate.is_test_first and all(self._parts.syntax.handles(file.path) and not file.creates for file in files)

    def is_proven(self, review: Review) -> bool:
        """Say whether the accepted hunks were run by themselves, fix something and break nothing.

        Of a test that comes first: whether it fails, for the right reason, and breaks nothing else.
        """
        suite, baseline = review.accepted_evidence, self._state.baseline
        if suite is None or baseline is None or not suite.complete:
            return False
        change = effect(review.candidate, baseline.suite, suite)
        helps = not amiss_in(review.candidate, suite) if review.candidate.is_test_first else bool(change.fixed)
        return helps and not change.broken

    def apply(self, review_id: str, *, red_is_fine: bool = False) -> Application:
        """Write the accepted hunks to the user's tree.

        Raises:
            UsageError: nothing is accepted.
            SafetyError: the choice was not run, or is not an improvement, and the user has not insisted; or the file changed.
        """
        with self._writing:
            review = self._state.review(review_id)
            if review.state != "open":
                raise SafetyError(f"{review_id} is {review.state}: it cannot be written. Run its task again.")
            patch = self._accepted_patch(review)
            if not red_is_fine and review.accepted_evidence is None:
                raise SafetyError("This choice of hunks has not been run by itself. Press t to run it, then w.")
            if not red_is_fine and not self.is_proven(review):
                raise SafetyError(
                    "With these hunks alone no failing test passes, or another one breaks. Press w again to write them all the same."
                )
            written = self._parts.workspace.apply(patch, task=review.task.id, goal=review.task.goal)
            self.change(review_id, lambda current: replace(current, state="applied", application=written.id))
        self._tree_became(written.id, review.accepted_evidence)
        return written

    def late_writes(self) -> tuple[events.Notice, ...]:
        """Tell what another program wrote to a file after we had replaced it; nothing of it is lost. Ask 1 s and 10 s after a write."""
        return tuple(events.Notice(sentence, "warning") for sentence in self._parts.workspace.late_writes())

    def undo(self, id: int | None = None) -> Application:
        """Take back the last application, or the given one."""
        with self._writing:
            undone = self._parts.workspace.undo(id)
            self._mark_application(undone.id, "applied", "open")
        self._tree_became(-undone.id, self._suites.get(-undone.id))
        return undone

    def redo(self) -> Application:
        """Write again what was undone last."""
        with self._writing:
            redone = self._parts.workspace.redo()
            self._mark_application(redone.id, "open", "applied")
        self._tree_became(redone.id, self._suites.get(redone.id))
        return redone

    def _mark_application(self, application: int, was: ReviewState, now: ReviewState) -> None:
        for review in self._state.reviews:
            if review.application == application:
                self.change(review.id, lambda current: replace(current, state=now) if current.state == was else current)

    def _tree_became(self, key: int, suite: SuiteResult | None) -> None:
        """Let the baseline follow our own write: its outcomes are known from the run that proved it, or from before it.

        `key` is the application's number, negative for its undoing. What is not known is found out by the next survey, which is due
        for the files that were written as it is after any save; proposals for them are carried over then.
        """
        self._parts.evaluator.refresh()
        baseline = self._state.baseline
        known = baseline is not None and suite is not None and suite.complete
        for review in self._state.reviews:
            if review.state == "open" and not (known and review.application == abs(key)):
                self.change(review.id, unproven)
        if baseline is not None and suite is not None and suite.complete:
            self._suites[-key], self._suites[key] = baseline.suite, suite
            with self._lock:
                self._state = replace(self._state, baseline=replace(baseline, suite=suite))

    def files_changed(self, paths: frozenset[str], cancelled: Cancelled) -> Iterator[events.Event]:
        """React to a save: run what it can affect, carry proposals over to the new text, queue what fails now."""
        self._parts.evaluator.refresh()
        # What the tests said with or without an application is not what they say now.
        self._suites.clear()
        baseline = self._state.baseline
        # Proposals first: what is saved may be something the tests cannot even be collected with.
        opened = [review for review in self._state.reviews if review.state == "open"]
        for review in opened:
            self.change(review.id, unproven)
        touched = [review.id for review in opened if set(review.candidate.proposal.patch.paths) & paths]
        for review_id in touched:
            yield from self._carry_over_told(review_id)
        if not cancelled():
            yield from self._affected_run(baseline, paths, cancelled) if baseline is not None else self.survey(cancelled)
        yield from self._prove_open(cancelled, among=touched)
        for review_id in (review.id for review in opened):
            review = self._state.review(review_id)
            if review.state == "open" and review.accepted and not self.is_proven(review) and not cancelled():
                yield from self.verify(review_id, cancelled)

    def _prove_open(self, cancelled: Cancelled, *, among: Collection[str] | None = None) -> Iterator[events.Event]:
        """Prove again the open proposals that have no proof on the tree as it is.

        Without `among`, all of them where that is quick; elsewhere the user asks for it, or it is done before one is written.
        """
        for review in self._state.reviews:
            wanted = review.id in among if among is not None else self._known_baseline().suite.duration_s <= QUICK_S
            if wanted and review.state == "open" and not review.candidate.confirmed and not cancelled():
                yield from self._prove_again(review.id, cancelled)

    def _prove_again(self, review_id: str, cancelled: Cancelled) -> Iterator[events.Event]:
        """Run a carried-over proposal as a whole on the text that is there now, so that what is shown of it is true again."""
        review, baseline = self._state.review(review_id), self._known_baseline()
        patch = combine(review.hunks, review.tree)
        with self._busy(f"verify {review_id}"):
            limit = 30.0 + 5 * baseline.suite.duration_s
            suite = self._parts.evaluator.confirm(patch, lambda *_: None, cancelled, limit_s=limit)
        if suite.stopped in ("cancelled", "stale"):
            return
        change = effect(review.candidate, baseline.suite, suite)
        verdict = verdict_of(review.task, change, suite)
        if review.candidate.is_test_first or (review.candidate.by_heart and verdict == "solved"):
            verdict = review.candidate.verdict
        keys = frozenset(hunk.key for hunk in review.hunks)

        def proven(current: Review) -> Review:
            if current.hunks != review.hunks or current.state != "open":
                return current
            candidate = replace(current.candidate, suite=suite, delta=change, confirmed=suite.complete, verdict=verdict)
            return replace(current, candidate=candidate).with_evidence(keys, suite)

        yield events.ReviewReady(self.change(review_id, proven))

    def _affected_run(self, baseline: Baseline, paths: frozenset[str], cancelled: Cancelled) -> Iterator[events.Event]:
        """Run the affected tests at once for a quick answer, then everything with coverage when the picture changed."""
        nodes = baseline.coverage.tests_touching_files(paths)
        if nodes:
            with self._busy("survey"):
                suite = self._parts.evaluator.run(Patch(), nodes, cancelled, limit_s=30.0 + 5 * baseline.suite.duration_s)
            for done, case in enumerate(suite.cases, start=1):
                yield events.CaseFinished(case, done, len(nodes))
        if not cancelled():
            yield from self.survey(cancelled)

    def _carry_over(self, review_id: str) -> Review:
        """Move a review to the text that is there now, or mark it stale."""
        with self._writing:
            paths = self._state.review(review_id).candidate.proposal.patch.paths
            now = {path: source.data for path in paths if (source := self._source(path)) is not None}
            return self.change(
                review_id, lambda current: carried(current, now) if current.candidate.proposal.patch.paths == paths else current
            )

    def _carry_over_told(self, review_id: str) -> Iterator[events.Event]:
        before = self._state.review(review_id)
        fresh = self._carry_over(review_id)
        if (fresh.state, fresh.tree) == (before.state, before.tree):
            return
        yield events.ReviewReady(fresh)
        if fresh.state == "stale":
            yield events.Notice(f"{fresh.id} no longer fits the file as it is now. Its task is queued again.", "warning")
            task = replace(fresh.task, id=f"t{self._next_number()}")
            self._set_status(task, "waiting")
        else:
            yield events.Notice(f"{fresh.id} was carried over to the file as it is now; it must be run again before it is written.")

    def _accepted_patch(self, review: Review) -> Patch:
        if not review.accepted:
            raise UsageError("No hunk is accepted yet. Press y on a hunk first.")
        return combine(review.accepted, review.tree)

    def _known_baseline(self) -> Baseline:
        if self._state.baseline is None:
            raise UsageError("The tests have not been run yet. Run them first.")
        return self._state.baseline

    @contextmanager
    def _busy(self, what: str) -> Iterator[None]:
        with self._lock:
            before, self._state = self._state.busy, replace(self._state, busy=what)
        try:
            yield
        finally:
            with self._lock:
                self._state = replace(self._state, busy=before)

    @abstractmethod
    def survey(self, cancelled: Cancelled, *, wanted: Wanted | None = None) -> Iterator[events.Event]:
        """Run everything on the tree as it is."""

    @abstractmethod
    def _keep(self, review: Review, before: Review | None = None) -> None: ...

    @abstractmethod
    def _source(self, path: str) -> SourceFile | None: ...

    @abstractmethod
    def _next_number(self) -> int: ...

    @abstractmethod
    def _set_status(self, task: Task, status: Status, review_id: str = "", handoff: str = "", stop_reason: str = "") -> None: ...


def verdict_of(task: Task, change: Delta, suite: SuiteResult) -> Verdict:
    """Return what a cold run of a whole proposal says of it; one without targets solves nothing."""
    if change.broken or not suite.complete:
        return "worse"
    if task.targets and set(task.targets) <= set(change.fixed):
        return "solved"
    return "improved" if change.fixed else "same"


def _weighed(review: Review, weight: Weight) -> Review:
    return replace(review, candidate=replace(review.candidate, weight=weight))
