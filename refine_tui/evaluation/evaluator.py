"""The evaluator for projects with pytest or unittest: a base run, candidates in warm forks, proof in fresh processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from refine_tui.core.errors import RunnerError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Flag, GateResult, SuiteResult
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.evaluation import interpreter
from refine_tui.evaluation.ahead import Ahead
from refine_tui.evaluation.cold import Job, Ran, Tally, run_cold
from refine_tui.evaluation.doubts import fail_at_times, gone, look_again, near_their_limit
from refine_tui.evaluation.gates import Gates
from refine_tui.evaluation.impact import affected, coverage_of
from refine_tui.evaluation.observing import PytestObserver
from refine_tui.evaluation.pace import Pace
from refine_tui.evaluation.settings import Place, RunSettings, base_environment
from refine_tui.evaluation.standby import Standby
from refine_tui.evaluation.stream import Gathered
from refine_tui.evaluation.survey import compare, notes_on, refuse_unusable, suite_of
from refine_tui.evaluation.tampering import find
from refine_tui.evaluation.timing import SandboxTimer
from refine_tui.evaluation.tracing import Traces, cost_of_tracing
from refine_tui.evaluation.tree import patched, read
from refine_tui.evaluation.trials import Reliance, give_time
from refine_tui.evaluation.warm import WarmRunner, cold_only_reason
from refine_tui.loop.ports.running import Cancelled, Content, OnCase, OnPhase, Sandbox


class PytestEvaluator:
    """Runs the tests of one project; see `Evaluator` in the ports."""

    def __init__(self, project: Path, sandbox: Sandbox, python: Path | None = None, settings: RunSettings | None = None) -> None:
        """Prepare; nothing is started.

        Args:
            python: The project's interpreter or the folder of its environment; `None`: found by convention.
        """
        self.project = project.resolve()
        self.level = sandbox.level
        self._sandbox = sandbox
        self._python = python
        self._settings = settings or RunSettings()
        self._place: Place | None = None
        self._warm: WarmRunner | None = None
        self._ahead: Ahead | None = None
        self._standby: Standby | None = None
        self._cold_reason = ""
        self._gates: Gates | None = None
        self._base: Gathered | None = None
        self._looked = ""
        """What the tree looked like when the base run began."""
        self._pace = Pace()
        self._flaky: tuple[str, ...] = ()
        self._reliance = Reliance({})
        self._traces = Traces(project)
        self._tracing: float | None = None
        self._patient: frozenset[str] = frozenset()
        """Tests that pass on the base when they get their full time."""
        self.tally = Tally()
        self._lock = threading.Lock()
        self._finding = threading.Lock()
        self._closed = threading.Event()

    # the port

    def describe(self) -> str:
        """Return the interpreter and the runner; see the port."""
        place = self._ready()
        origin = place.interpreter.origin
        return f"{place.interpreter.label}, {place.interpreter.runner}{f'; {origin}' if origin else ''}"

    def baseline(
        self, on_case: OnCase, cancelled: Cancelled, *, limit_s: float, coverage: bool = True, on_phase: OnPhase | None = None
    ) -> Baseline:
        """Collect and run everything on the tree as it is; see the port."""
        began = time.monotonic()
        cancelled = self._or_closed(cancelled)
        place = self._ready()
        if self._base is not None and self._standby is not None:
            self._standby.drop()  # it began with another tree
        looked = self._sandbox.fingerprint(self.project)
        self._start_warm(place)  # gets ready while the cold run goes on
        known = self._traces.known() if coverage else ()
        job = Job(limit_s=limit_s, trace=coverage, known=known, patient=self._patient if coverage else None)
        ran = self._run_cold(job, cancelled, on_case)
        gathered = ran.gathered
        self._traces.join(gathered, known, lambda rest: self._run_cold(Job(rest, limit_s=limit_s, trace=True), cancelled).gathered)
        if gathered.stopped != "cancelled":
            refuse_unusable(place, ran)
        self._rest_on(gathered, looked)
        suite = self._suite(ran, warm=False)
        dependent: tuple[str, ...] = ()
        if not gathered.stopped:
            left = max(5.0, limit_s - (time.monotonic() - began))
            self._preload(gathered)
            tell = on_phase or (lambda _text: None)
            dependent = self._look_again(suite, cancelled, tell, limit_s=left)
            suite = replace(suite, flaky=self._flaky)
            tell("comparing warm runs with fresh ones")
            self._compare_warm(suite, cancelled, known, limit_s=left)
            if coverage and not self._has_moved():
                self._traces.keep(gathered)
        return Baseline(
            suite=suite,
            coverage=coverage_of(gathered) if coverage else Coverage(),
            warm=self._warm is not None,
            cold_reason=self._cold_reason,
            interpreter=place.interpreter.label,
            runner=place.interpreter.runner,
            notes=notes_on(gathered, self._flaky, dependent, place.interpreter.runner),
            tracing=self._tracing if coverage else None,
        )

    def run(
        self,
        patch: Patch,
        node_ids: Sequence[str],
        cancelled: Cancelled,
        *,
        limit_s: float,
        stop_at_first: bool = False,
        better_than: Collection[str] | None = None,
        full_time: bool = False,
    ) -> SuiteResult:
        """Run some tests with a patch, warm where possible; see the port."""
        files = self._patched(patch)
        if files is None:
            return self._stale()
        is_trial = (stop_at_first or better_than is not None) and not full_time
        job = self._job(files, node_ids, limit_s, stop_at_first, better_than, full_time=full_time)
        ran, warm = self._expected(job, cancelled) or self._run(job, cancelled)
        chance: frozenset[str] = frozenset()
        if stop_at_first or better_than is not None:
            again = lambda other: self._run(other, cancelled)[0]  # noqa: E731
            chance = self._reliance.settle(job, ran, again)
            if is_trial:
                give_time(job, ran, again, self._settings.test_limit_s)
        return self._stale() if self._patched(patch) is None else self._suite(ran, warm=warm, chance=chance)

    def expect(self, patch: Patch, node_ids: Sequence[str], *, limit_s: float, better_than: Collection[str]) -> None:
        """Begin, where cores allow, what will probably be run next; see the port."""
        files = self._patched(patch) if self._ahead is not None and self._warm is not None else None
        if files is not None and self._ahead is not None:
            self._ahead.expect(self._job(files, node_ids, limit_s, False, better_than, full_time=False))

    def affected(self, coverage: Coverage, patch: Patch) -> tuple[str, ...]:
        """Return the tests that a patch can affect; see the port."""
        tree = self._tree(patch)
        return affected(coverage, patch, tree) if len(tree) == len(patch.files) else tuple(coverage.lines)

    def confirm(self, patch: Patch, on_case: OnCase, cancelled: Cancelled, *, limit_s: float) -> SuiteResult:
        """Run the whole suite cold with a patch; see the port."""
        files = self._patched(patch)
        if files is None or self._has_moved():
            return self._stale()
        ran = self._run_cold(Job(files=files, limit_s=limit_s), self._or_closed(cancelled), on_case)
        if self._patched(patch) is None or self._has_moved() or not self._base_was_stuck(ran, cancelled):
            return self._stale()
        base = self._base.cases if self._base else {}
        for case in (*ran.gathered.broken.values(), *gone(ran, base)):
            ran.gathered.cases.setdefault(case.node_id, case)
        self._flaky += fail_at_times(ran, base, self._flaky, lambda jobs: self._side_by_side(jobs, cancelled), limit_s=limit_s)
        return self._suite(ran, warm=False)

    def gates(self, patch: Patch) -> tuple[GateResult, ...]:
        """Run lint and types as far as the project uses them; see the port."""
        files = self._patched(patch)
        if files is None:
            return ()
        return self._checks().check(files)

    def flags(self, before: Content, after: Content, *, strict: bool) -> tuple[Flag, ...]:
        """Return what makes a change look like tampering; see the port."""
        files = dict.fromkeys(node.split("::", 1)[0] for node in (self._base.collected if self._base else ()))
        return find(before, after, read(self.project, (path for path in files if path not in after)), strict=strict)

    def inspect(self, before: Content | None = None) -> tuple[GateResult, ...]:
        """Run every check on the tree as it is; see the port."""
        return self._checks().whole() if before is None else self._checks().since(before)

    def tools(self) -> dict[str, str]:
        """Return the versions of the tools; see the port."""
        return self._checks().versions()

    def refresh(self) -> None:
        """Forget what was kept about the tree. The warm parent holds nothing of it and stays."""
        self._gates = None
        for warm in (self._warm, self._ahead):
            if warm is not None:
                warm.refresh()
        if self._standby is not None:
            self._standby.drop()

    def close(self) -> None:
        """End every process; safe from any thread and more than once. Runs that go on end as cancelled."""
        self._closed.set()
        self._end_warm()
        for part in (self._standby, self._gates):
            if part is not None:
                part.close()

    def __enter__(self) -> PytestEvaluator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # beside the port

    def prepare(self) -> None:
        """Get ready for the first run, beside whatever else is opened: ask the interpreter, and let a fresh process stand by.

        Raises:
            ProjectError, IsolationError: as that run would.
        """
        self._ready()
        if self._standby is not None and not self._closed.is_set():
            self._standby.prepare()

    def observer(self) -> PytestObserver:
        """Return what calls single functions in the same place; a `ProjectError` where there is no pytest, by which they are called."""
        self._ready().interpreter.require_pytest("single functions are watched")
        run = lambda job, cancelled: self._run_cold(job, self._or_closed(cancelled))  # noqa: E731
        return PytestObserver(self.project, run, self._patched, self._touching, overlap=self._settings.overlap)

    def timer(self) -> SandboxTimer:
        """Return what times single functions in the same place."""
        return SandboxTimer(self._ready, self._sandbox)

    def _side_by_side(self, jobs: Sequence[Job], cancelled: Cancelled) -> list[dict[str, CaseResult]]:
        with ThreadPoolExecutor(len(jobs)) as pool:
            runs = list(pool.map(lambda job: run_cold(self._ready(), self._sandbox, job, self._or_closed(cancelled)), jobs))
        for ran in runs:
            self.tally.add(ran, warm=False)
        return [ran.gathered.cases for ran in runs]

    # parts

    def _rest_on(self, gathered: Gathered, looked: str) -> None:
        """Take a run of the tree as it is for the base."""
        self._base, self._looked, self._pace, self._flaky = gathered, looked, Pace(), ()
        self._reliance = Reliance(gathered.cases)
        for case in gathered.broken.values():
            gathered.cases.setdefault(case.node_id, case)
        self._pace.learn(gathered.cases.values())

    def _touching(self, scope: Scope) -> tuple[str, ...] | None:
        lines = frozenset(range(scope.first_line, scope.last_line + 1))
        return coverage_of(self._base).tests_touching({scope.path: lines}) if self._base and self._base.coverage else None

    def _checks(self) -> Gates:
        if self._gates is None:
            self._gates = Gates(self._ready(), self._sandbox)
        return self._gates

    def _ready(self) -> Place:
        with self._finding:  # another thread may be about it
            if self._place is None:
                path = interpreter.find(self.project, self._python, os.environ)
                found = interpreter.probe(self.project, path, self._sandbox, base_environment(path))
                self._place = Place(self.project, found, self._settings)
                self._standby = Standby(self._place, self._sandbox)
            return self._place

    def _start_warm(self, place: Place) -> None:
        if self._warm is None:
            self._cold_reason = cold_only_reason(place, self._sandbox)
            if not self._cold_reason:
                self._warm = WarmRunner(place, self._sandbox)
                self._warm.start()

    def _job(
        self,
        files: Mapping[str, bytes],
        node_ids: Sequence[str],
        limit_s: float,
        first: bool,
        better: Collection[str] | None,
        *,
        full_time: bool,
    ) -> Job:
        full_s, is_trial = self._settings.test_limit_s, (first or better is not None) and not full_time
        limit_s += (self._base.shared_s if self._base else 0.0) + (full_s * len(node_ids) if full_time else 0.0)
        limits = self._pace.limits(node_ids, full_s) if is_trial else {}
        return Job(tuple(node_ids), files, limit_s, first, better, limits, None if full_time else self._patient)

    def _expected(self, job: Job, cancelled: Cancelled) -> tuple[Ran, bool] | None:
        ran = self._ahead.take(job, self._or_closed(cancelled)) if self._ahead is not None else None
        if ran is not None:
            self.tally.add(ran, warm=True)
        return (ran, True) if ran is not None else None

    def _run(self, job: Job, cancelled: Cancelled) -> tuple[Ran, bool]:
        place = self._ready()
        cancelled = self._or_closed(cancelled)
        with self._lock:
            if self._warm is None and not self._cold_reason and not self._closed.is_set():
                self._start_warm(place)
            if (warm := self._warm) is not None:
                if job.files and self._standby is not None:
                    self._standby.prepare()  # what a candidate comes to may have to be proven
                try:
                    ran = warm.run(job, cancelled)
                    self.tally.add(ran, warm=True)
                    return ran, True
                except RunnerError as error:
                    self._give_up_warm(str(error))
        return self._run_cold(job, cancelled), False

    def _run_cold(self, job: Job, cancelled: Cancelled, on_case: OnCase | None = None) -> Ran:
        ran = run_cold(self._ready(), self._sandbox, job, cancelled, on_case, self._standby)
        self.tally.add(ran, warm=False)
        return ran

    def _base_was_stuck(self, ran: Ran, cancelled: Cancelled) -> bool:
        """Say whether tests that pass now, and on the base had less than their full time, do tell a difference.

        Those that needed nearly that time get their full time on the base; one that passes there is given it in each run from now on,
        and whoever took it for failing has to begin again.
        """
        near = near_their_limit(ran, self._base.cases if self._base else {})
        if not near:
            return True
        limit_s = 10.0 + len(near) * 2 * self._settings.test_limit_s
        again = self._run_cold(Job(near, limit_s=limit_s), self._or_closed(cancelled)).gathered.cases
        self._patient |= {node for node, case in again.items() if not case.is_red}
        return not self._patient & set(near)

    def _or_closed(self, cancelled: Cancelled) -> Cancelled:
        return lambda: self._closed.is_set() or cancelled()

    def _give_up_warm(self, reason: str) -> None:
        self._cold_reason = reason
        self._end_warm()

    def _end_warm(self) -> None:
        both, self._warm, self._ahead = (self._warm, self._ahead), None, None
        for warm in both:
            if warm is not None:
                warm.close()

    def _preload(self, base: Gathered) -> None:
        if self._warm is not None:
            try:
                self._warm.preload(base.loaded, base.compiled)
            except RunnerError as error:
                self._give_up_warm(str(error))
        if self._ahead is not None:
            self._ahead.close()
        several = self._settings.side_by_side > 1 and self._settings.overlap and self._warm is not None
        self._ahead = Ahead(lambda: self._second(base)) if several else None

    def _second(self, base: Gathered) -> WarmRunner:
        return WarmRunner(self._ready(), self._sandbox, (base.loaded, base.compiled))

    def _look_again(self, suite: SuiteResult, cancelled: Cancelled, tell: OnPhase, *, limit_s: float) -> tuple[str, ...]:
        """See which failing tests are flaky; return those that fail only after others."""
        if self._base is None or not (self._settings.recheck and suite.red):
            return ()
        tell(f"checking again {len(suite.red)} failing test{'s' if len(suite.red) != 1 else ''}")
        run_all = lambda jobs: self._side_by_side(jobs, cancelled)  # noqa: E731
        self._flaky, dependent = look_again(suite.red, self._base.cases, suite.duration_s, run_all, self._has_moved, limit_s=limit_s)
        return dependent

    def _compare_warm(self, suite: SuiteResult, cancelled: Cancelled, known: Collection[str], *, limit_s: float) -> None:
        if self._warm is None:
            return
        found, reason = compare(suite, lambda job: self._run(job, cancelled), lambda job: self._run_cold(job, cancelled), limit_s=limit_s)
        self._pace.learn(found.values())
        self._tracing = cost_of_tracing(suite.by_id, found, known) or self._tracing
        if reason:
            self._give_up_warm(reason)

    def _has_moved(self) -> bool:
        """Say whether the tree is not what it was for the base run: a comparison with that run says nothing then."""
        return self._base is not None and self._sandbox.fingerprint(self.project) != self._looked

    def _patched(self, patch: Patch) -> dict[str, bytes] | None:
        return patched(self.project, patch)

    def _tree(self, patch: Patch) -> dict[str, bytes]:
        return read(self.project, patch.paths)

    def _suite(self, ran: Ran, *, warm: bool, chance: Collection[str] = ()) -> SuiteResult:
        flaky = tuple(node for node in (*self._flaky, *sorted(chance)) if node in ran.gathered.cases)
        return replace(suite_of(ran, self.level), warm=warm, flaky=flaky)

    def _stale(self) -> SuiteResult:
        return SuiteResult(complete=False, stopped="stale", level=self.level)
