"""A session on one project: the queue, the reviews, and everything a front end can ask for.

Long calls are iterators of events, consumed by one worker thread at a time. `state`, `change`, `apply`, `undo` and `redo` may come
from another thread meanwhile; the state is one frozen value behind a lock.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace

from refine_tui.core.candidate import Candidate
from refine_tui.core.errors import ModelError, ProjectError, RefineError, StaleBaseError, UsageError
from refine_tui.core.evidence import Baseline, CaseResult, delta
from refine_tui.core.hunks import split_hunks
from refine_tui.core.review import Review
from refine_tui.core.scope import Scope
from refine_tui.core.settings import DEFAULT_PROTECTED, Settings
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Budget, Task
from refine_tui.core.text import SourceFile
from refine_tui.loop import events
from refine_tui.loop.planning import plan_tasks, suspects_of
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.ports.thinking import Usage
from refine_tui.loop.refine import Tools, refine
from refine_tui.loop.session.bringing import Bringing
from refine_tui.loop.session.choosing import Choosing, InUse
from refine_tui.loop.session.following import unproven
from refine_tui.loop.session.memory import recall, remember_candidate, remember_item, remember_review
from refine_tui.loop.session.state import QueueItem, State, Status
from refine_tui.loop.session.stating import Stating
from refine_tui.loop.session.streaming import stream
from refine_tui.loop.unwatched import Unwatched
from refine_tui.loop.wanted import Wanted

__all__ = ["QueueItem", "Session", "State"]


BEGUN_AT_MOST = 3
"""So often a task begins on a project that changes while nobody is seen to save."""
_RESTLESS = (
    "Files of the project changed each time while the tests ran, and nothing can be proved about a project that changes. "
    "See what writes them (a server, a watcher, a build), stop it, and run the tests again."
)


class Session(Choosing, Bringing, Stating):
    """One project, worked on until it is closed."""

    def __init__(self, parts: Parts, settings: Settings, *, seed: int = 0, branch: str = "", model_reason: str = "") -> None:
        super().__init__()
        self._parts, self._settings, self._seed = parts, settings, seed
        self._lock, self._writing = threading.RLock(), threading.RLock()
        self._numbers = 0
        self._restarts: Counter[tuple[str, ...]] = Counter()
        """How often a task with these targets began in vain although nobody was seen to save."""
        self._suites = {}
        self._state = State(str(parts.workspace.root), parts.evaluator.level, branch, model_reason=model_reason)
        self._protected = (*DEFAULT_PROTECTED, *settings.protected)
        self._wanted = Wanted()

    def use_budget(self, budget: Budget) -> None:
        """Give tasks that are planned from now on another budget."""
        self._settings = replace(self._settings, budget=budget)

    def state(self) -> State:
        """Return what is known now; cheap, from any thread."""
        generator = self._parts.generator
        with self._lock:
            return replace(self._state, usage=generator.usage() if generator else Usage())

    def restore(self) -> tuple[events.Notice, ...]:
        """Take up what an earlier session left: half-done writing, the queue, the reviews and their decisions."""
        notices = [events.Notice(sentence, "warning") for sentence in self._parts.workspace.recover()]
        items, reviews, self._numbers = recall(self._parts.journal)
        with self._lock:
            self._state = replace(self._state, queue=items, reviews=reviews)
        for review in reviews:
            # Whatever else was saved meanwhile, nobody was there to see.
            self.change(review.id, unproven)
            notices += [event for event in self._carry_over_told(review.id) if isinstance(event, events.Notice)]
        if reviews:
            what = "A proposal and your decisions on it are" if len(reviews) == 1 else f"{len(reviews)} proposals and your decisions are"
            notices.append(events.Notice(f"{what} back from the last session."))
        return tuple(notices)

    def survey(self, cancelled: Cancelled, *, wanted: Wanted | None = None) -> Iterator[events.Event]:
        """Run the whole suite on the tree as it is and fill the queue from what fails.

        `wanted` limits the queue from now on; `None` leaves it as it was.

        Raises:
            ProjectError: there is nothing that can be run.
            UsageError: what is wanted does not exist.
        """
        self._wanted = wanted or self._wanted
        limit = self._settings.survey_limit_s
        yield events.SurveyStarted(limit)
        with self._busy("survey"):
            baseline = yield from self._baseline(cancelled, limit)
        tasks = self._queue_from(baseline)
        yield events.SurveyFinished(baseline, tasks, self._parts.evaluator.level)
        if baseline.suite.complete:
            yield from self._prove_open(cancelled)

    def _baseline(self, cancelled: Cancelled, limit_s: float) -> Generator[events.Event, None, Baseline]:
        evaluator = self._parts.evaluator

        def run(tell: Callable[[events.Event], None]) -> Baseline:
            def on_case(case: CaseResult, done: int, total: int) -> None:
                tell(events.CaseFinished(case, done, total))

            return evaluator.baseline(on_case, cancelled, limit_s=limit_s, on_phase=lambda text: tell(events.SurveyPhase(text)))

        result = yield from stream(run)
        with self._lock:
            known = self._state.baseline
            if known is not None and result.suite.stopped == "cancelled":
                # Half a picture does not replace a whole one.
                return known
            self._state = replace(self._state, baseline=result)
        return result

    def _queue_from(self, baseline: Baseline) -> tuple[Task, ...]:
        """Plan tasks for what fails and is not being looked at already; what no longer fails leaves the queue."""
        # Half a run does not tell what no longer fails.
        red = set(baseline.suite.red) if baseline.suite.complete else None
        taken = {node for item in self.state().staying(red) for node in item.task.targets}
        targets = self._wanted.targets_in(baseline, self.scope)
        # Reading and parsing the files takes its time: the screen, which asks for the state, is not kept waiting meanwhile.
        stated = self._stated_before([node for node in targets if node not in taken])
        taken |= {node for task in stated for node in task.targets}
        planned = (*stated, *self._plan(baseline, tuple(node for node in targets if node not in taken)))
        with self._lock:
            self._state = replace(self._state, queue=(*self._state.staying(red), *(QueueItem(task) for task in planned)))
        for task in planned:
            remember_item(self._parts.journal, QueueItem(task))
        return planned

    def _plan(self, baseline: Baseline, targets: Sequence[str]) -> tuple[Task, ...]:
        """Return tasks for some failing tests, numbered on from the last."""
        if not targets:
            return ()
        planned = plan_tasks(
            baseline,
            self._source,
            self._parts.syntax,
            editable=self.editable,
            budget=self._settings.budget,
            seed=self._seed,
            only=targets,
            unwatched=self._unwatched(),
        )
        return tuple(self._wanted.applied_to(replace(task, id=f"t{self._next_number()}"), self.scope, baseline) for task in planned)

    def next_task(self) -> Task | None:
        """Return the first task that waits and that no open proposal settles already."""
        with self._lock:
            waiting = [item.task for item in self._state.queue if item.status == "waiting"]
        return next((task for task in waiting if not self.settle_if_fixed(task)), None)

    def load_model(self) -> events.ModelReady:
        """Load the model if there is one; a model that cannot be loaded is a reason, not an error: search goes on without it."""
        generator = self._parts.generator
        if generator is None:
            return events.ModelReady(None, self._state.model_reason or "no model is used")
        try:
            info = generator.load()
        except ModelError as error:
            with self._lock:
                self._state = replace(self._state, model=None, model_reason=str(error))
            return events.ModelReady(None, str(error))
        with self._lock:
            self._state = replace(self._state, model=info, model_reason="")
        return events.ModelReady(info)

    def work_all(self, cancelled: Cancelled) -> Iterator[events.Event]:
        """Work on every waiting task in turn."""
        while (task := self.next_task()) is not None and not cancelled():
            yield from self.work(task, cancelled)

    def settle_if_fixed(self, task: Task) -> bool:
        """Take a task off the queue when an open proposal for another one already makes its targets pass.

        What the user asked for in words is always worked on.
        """
        if task.note:
            return False
        for review in self._state.reviews:
            if review.state == "open" and _settles(review.candidate, task):
                self._set_status(task, "solved", review.id, stop_reason=f"{review.id} makes it pass too")
                return True
        return False

    def work(self, task: Task, cancelled: Cancelled, *, search: bool = True) -> Iterator[events.Event]:
        """Run Self-Refine on one task; a proposal that helps becomes a review."""
        baseline = self._state.baseline
        if baseline is None:
            raise UsageError("The tests have not been run yet. Run them first.")
        with self._busy(f"task {task.id}"), self._model_kept(cancelled) as use:
            if use.is_over():
                return
            if self._parts.generator is not None and self._state.model is None and not self._state.model_reason:
                yield (ready := self.load_model())
                yield from (events.Notice(warning, "warning") for warning in (ready.info.warnings if ready.info else ()))
            self._set_status(task, "running")
            try:
                yield from (
                    self._specify(task, baseline, use.is_over) if task.needs_test else self._refine(task, baseline, use.is_over, search)
                )
                self._resume_later(task, use)
            except StaleBaseError as error:
                yield from self._began_in_vain(task, baseline, str(error), cancelled)
            except RefineError:
                self._set_status(task, "cancelled")
                raise

    def _began_in_vain(self, task: Task, baseline: Baseline, why: str, cancelled: Cancelled) -> Iterator[events.Event]:
        """Queue anew what fails now. A task whose ground moves again and again though nobody saves is given up."""
        now = self._state.baseline
        unseen = now is None or now is baseline
        self._restarts[task.targets] += unseen
        if self._restarts[task.targets] >= BEGUN_AT_MOST:
            self._set_status(task, "unsolved", handoff=_RESTLESS, stop_reason=StopReason.CHANGED.value)
            yield events.Notice(f"{task.id} was given up: files of the project change while its tests run.", "warning")
            return
        self._set_status(task, "waiting")
        yield events.Notice(why, "warning")
        if unseen:
            yield from self.files_changed(frozenset(path for review in self._state.reviews for path in review.tree), cancelled)
        elif now is not None:
            self._queue_from(now)

    def _resume_later(self, task: Task, use: InUse) -> None:
        """Let a task that made room for another model, and has nothing to show, wait for its turn again."""
        ended = next((item for item in self._state.queue if item.task.id == task.id), None)
        if use.makes_room and ended is not None and ended.status == "cancelled" and not ended.review_id:
            self._set_status(task, "waiting")

    def _specify(self, task: Task, baseline: Baseline, cancelled: Cancelled) -> Iterator[events.Event]:
        """Have the test written that a goal lacks; the user decides on it before anything is repaired."""
        for event in self._expect(task, self._present(task)[0], baseline, cancelled):
            yield event
            if isinstance(event, events.TaskFinished):
                files = event.best.proposal.patch.files if event.best else ()
                changed = (file.path for file in files if not file.creates)
                tree = {path: source.data for path in changed if (source := self._source(path)) is not None}
                yield from self._finish(task, event, tree)

    def _refine(self, task: Task, baseline: Baseline, cancelled: Cancelled, search: bool) -> Iterator[events.Event]:
        suspects = suspects_of(
            baseline, task.targets, self._source, self._parts.syntax, self.editable, self._present(task), self._unwatched()
        )
        paths = {scope.path for scope in suspects.scopes}
        tree = {path: source.data for path in paths if (source := self._source(path)) is not None}
        model = self._state.model
        parts = self._parts
        profile = parts.profile(model) if model else None
        generator = parts.generator if model else None
        tools = Tools(parts.evaluator, parts.syntax, parts.clock, parts.line_editing, generator, model, profile, search)
        known = baseline
        for event in refine(task, tools, baseline, suspects, tree, cancelled):
            if isinstance(event, events.CandidateJudged):
                remember_candidate(parts.journal, task.id, event.candidate)
            yield event
            # A save may have been looked at between two events.
            if (now := self._state.baseline) is not None and now is not known:
                known = now
                self._check_ground(task, tree, baseline, now)
            if isinstance(event, events.TaskFinished):
                yield from self._finish(task, event if known is baseline else _measured(event, known), tree)
                found = [review.id for review in self._state.reviews if review.task.id == task.id]
                yield from self._prove_open(cancelled, among=found)

    def _check_ground(self, task: Task, tree: Mapping[str, bytes], began: Baseline, now: Baseline) -> None:
        """Check that what is known by now still is what a task began with, as far as it rests on it.

        Raises:
            StaleBaseError: its files, the outcome of its targets, or what passes are not what they were.
        """
        red = set(now.suite.red)
        moved = any((source := self._source(path)) is None or source.data != data for path, data in tree.items())
        if moved or not set(task.targets) <= red or red - set(began.suite.red):
            raise StaleBaseError(f"What was saved changes what {task.id} began with, so it was stopped; what fails now is queued.")

    def _present(self, task: Task) -> tuple[Scope, ...]:
        """Return the task's scopes as they stand in the tree now: it may have waited while the user was editing.

        Raises:
            UsageError: none of them is there any more.
        """
        names = {(scope.path, scope.name, scope.kind): None for scope in task.scopes}
        sources = [source for path in dict.fromkeys(path for path, _, _ in names) if (source := self._source(path)) is not None]
        now = [scope for source in sources for scope in self._parts.syntax.scopes(source)]
        found = tuple(scope for name in names for scope in now if (scope.path, scope.name, scope.kind) == name)
        if task.scopes and not found:
            raise UsageError(f"{task.scopes[0].label} is gone, so {task.id} cannot go on. Run the tests again to plan anew.")
        return found

    def _finish(self, task: Task, end: events.TaskFinished, tree: dict[str, bytes]) -> Iterator[events.Event]:
        review_id = ""
        if end.best is not None:
            review = self._review_of(task, end.best, tree)
            review_id = review.id
            self._keep(review)
            yield events.ReviewReady(review)
        self._set_status(task, end.outcome, review_id, end.handoff, end.reason.value)  # type: ignore[arg-type]

    def _review_of(self, task: Task, best: Candidate, tree: dict[str, bytes]) -> Review:
        hunks = split_hunks(best.proposal.patch, tree)
        bases = {path: tree[path] for path in best.proposal.patch.paths if path in tree}
        review = Review(f"p{self._next_number()}", task, best, tuple((hunk, "undecided") for hunk in hunks), bases)
        if best.confirmed:
            review = review.with_evidence(frozenset(hunk.key for hunk in hunks), best.suite)
        return review

    def stop(self) -> None:
        """End every process that runs tests or the model, from any thread; what goes on ends as cancelled."""
        self._parts.evaluator.close()
        if self._parts.generator is not None:
            self._parts.generator.close()

    def close(self) -> None:
        """End every process and flush the journal."""
        if self._parts.watcher is not None:
            self._parts.watcher.stop()
        self._parts.evaluator.close()
        self._parts.workspace.close()
        if self._parts.generator is not None:
            self._parts.generator.close()
        self._parts.journal.close()

    def _source(self, path: str) -> SourceFile | None:
        try:
            return self._parts.workspace.read(path)
        except ProjectError:
            return None

    def _unwatched(self) -> Unwatched:
        return Unwatched(self._parts.workspace.files, self._source, self._parts.syntax, self.editable)

    def _next_number(self) -> int:
        with self._lock:
            self._numbers += 1
            return self._numbers

    def _keep(self, review: Review, before: Review | None = None) -> None:
        with self._lock:
            self._state = self._state.with_review(review)
        remember_review(self._parts.journal, review, before)

    def _set_status(self, task: Task, status: Status, review_id: str = "", handoff: str = "", stop_reason: str = "") -> None:
        item = QueueItem(task, status, review_id, handoff, stop_reason)
        with self._lock:
            self._state = self._state.with_item(item)
        remember_item(self._parts.journal, item)


def _measured(end: events.TaskFinished, now: Baseline) -> events.TaskFinished:
    """Let the end of a task say what it fixes of what fails now, and that its proof is one of another tree."""
    best = end.best
    return end if best is None else replace(end, best=replace(best, delta=delta(now.suite, best.suite), confirmed=False))


def _settles(candidate: Candidate, task: Task) -> bool:
    """Say whether a candidate was proved to make a task's targets pass, on the tree as it is."""
    return candidate.confirmed and not candidate.delta.broken and set(task.targets) <= set(candidate.delta.fixed)
