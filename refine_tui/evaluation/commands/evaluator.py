"""The evaluator for projects that run their tests by a command of their own: a fresh process in a fresh copy for each candidate."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Flag, GateResult, SuiteResult
from refine_tui.core.isolation import Level
from refine_tui.core.patch import Patch
from refine_tui.core.sanitize import shorten
from refine_tui.evaluation import interpreter
from refine_tui.evaluation.commands.run import Command, CommandRun, CommandRunner, failure_case, reason_of
from refine_tui.evaluation.commands.toolchain import find_toolchain
from refine_tui.evaluation.gates import Gates
from refine_tui.evaluation.inside._patience import Enough
from refine_tui.evaluation.interpreter import Interpreter
from refine_tui.evaluation.settings import Place, RunSettings, base_environment
from refine_tui.evaluation.stream import limits_met
from refine_tui.evaluation.tampering import find
from refine_tui.evaluation.tree import patched
from refine_tui.loop.ports.running import Cancelled, Content, OnCase, OnPhase, Sandbox

COLD = "a test command is started anew for each candidate"
SLOWER = 4.0
"""What a candidate's run may take of itself, compilers included, in relation to the base run."""
LONG_S = 60.0
"""A suite that takes longer is not run twice to find flaky tests."""
_OUTPUT = 8192


class CommandEvaluator:
    """Runs the tests of one project by its command; see `Evaluator` in the ports.

    Nobody watches which lines a test executes, so there is no coverage: every patch may affect every test.
    """

    def __init__(
        self, project: Path, sandbox: Sandbox, command: Command, python: Path | None = None, settings: RunSettings | None = None
    ) -> None:
        """Prepare; nothing is started.

        Args:
            project: its folder.
            sandbox: where the command runs.
            command: what to run and how to read it.
            python: the interpreter that comes first on the command's `PATH`; `None`: found by convention.
            settings: limits, variables and gates; the rest is pytest's.
        """
        self.project = project.resolve()
        self.level = sandbox.level
        self._command = command
        path = interpreter.find(self.project, python, os.environ)
        self._place = _place(self.project, path, command, settings or RunSettings())
        self._sandbox = sandbox
        self._runner = CommandRunner(self._place, sandbox, command)
        self._gates: Gates | None = None
        self._base = CommandRun()
        self._looked = ""
        """What the tree looked like when the base run began."""
        self._flaky: frozenset[str] = frozenset()
        self._last: tuple[Mapping[str, bytes], CommandRun] | None = None
        """The last whole run that came to its end, with what was laid over the tree."""
        self._lock = threading.Lock()
        self._closed = threading.Event()

    # the port

    def describe(self) -> str:
        """Return the command; see the port."""
        return f"tests by `{shorten(self._command.line, 80)}`"

    def baseline(
        self,
        on_case: OnCase,
        cancelled: Cancelled,
        *,
        limit_s: float,
        coverage: bool = True,  # noqa: ARG002  # nobody can watch what a command runs
        on_phase: OnPhase | None = None,
    ) -> Baseline:
        """Run the command on the tree as it is; see the port."""
        cancelled, looked = self._or_closed(cancelled), self._sandbox.fingerprint(self.project)
        base = self._whole({}, limit_s, cancelled, on_case, ())
        if base.stopped != "cancelled":
            self._refuse_unusable(base)
        self._base, self._looked, self._last, self._flaky = base, looked, None, frozenset()
        red = [case for case in base.cases.values() if case.is_red]
        if self._place.settings.recheck and red and not base.stopped and base.duration_s < LONG_S:
            if on_phase:
                on_phase(f"checking again {len(red)} failing test{'s' if len(red) != 1 else ''}")
            differing = self._differing(base, self._whole({}, limit_s, cancelled, _unheard, tuple(base.cases)))
            self._flaky = frozenset() if self._has_moved() else differing
        notes = [f"flaky: {node} failed and passed on the same code" for node in base.cases if node in self._flaky]
        if self.level is Level.CONFINED and red and "Permission denied" in base.output:
            notes.append("at the level confined files cannot be made executable, so a program that the command builds may not start")
        suite = self._suite(base, tuple(base.cases))
        return Baseline(suite, Coverage(), False, COLD, str(self._place.interpreter.path), self._command.name, tuple(notes))

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
        """Run some tests with a patch; see the port.

        Where the command has no filter, everything runs: tests that a patch breaks are told too, whether they were asked for or not.
        """
        files = patched(self.project, patch)
        if files is None:
            return self._stale()
        limit_s += self._own_s + (self._place.settings.test_limit_s if full_time else 0.0)
        wanted = tuple(node_ids)
        enough = Enough({"stop_at_first": stop_at_first, "better_than": better_than})
        with self._lock:
            run = self._known(files) or self._some(files, wanted, limit_s, self._or_closed(cancelled), self._watch(enough, wanted))
        return self._stale() if patched(self.project, patch) is None else self._suite(run, wanted)

    def expect(self, patch: Patch, node_ids: Sequence[str], *, limit_s: float, better_than: Collection[str]) -> None:
        """Do nothing: a command may use every core by itself; see the port."""

    def affected(self, coverage: Coverage, patch: Patch) -> tuple[str, ...]:  # noqa: ARG002  # whatever it changes
        """Return every test: nobody watched them; see the port."""
        return tuple(coverage.lines)

    def confirm(self, patch: Patch, on_case: OnCase, cancelled: Cancelled, *, limit_s: float) -> SuiteResult:
        """Run the whole command with a patch; see the port."""
        files = patched(self.project, patch)
        if files is None or self._has_moved():
            return self._stale()
        known, ends = tuple(self._base.cases), self._or_closed(cancelled)
        run = self._whole(files, limit_s + self._own_s, ends, on_case, known)
        if patched(self.project, patch) is None or self._has_moved():
            return self._stale()
        self._doubt(run, ends, limit_s)
        return self._suite(run, tuple(run.cases), self._base.cases)

    def gates(self, patch: Patch) -> tuple[GateResult, ...]:
        """Run the checks that the project configures and the user's commands; see the port."""
        files = patched(self.project, patch)
        return () if files is None else self._checks().check(files)

    def flags(self, before: Content, after: Content, *, strict: bool) -> tuple[Flag, ...]:
        """Return what makes a change look like tampering; most detectors know Python alone; see the port."""
        return find(before, after, {}, strict=strict)

    def inspect(self, before: Content | None = None) -> tuple[GateResult, ...]:
        """Run every check on the tree as it is; see the port."""
        return self._checks().whole() if before is None else self._checks().since(before)

    def tools(self) -> dict[str, str]:
        """Return the versions of the tools; see the port."""
        return self._checks().versions()

    def refresh(self) -> None:
        """Forget what was kept about the tree."""
        self._gates, self._last = None, None

    def close(self) -> None:
        """End every process: a run that goes on ends as cancelled."""
        self._closed.set()
        if (gates := self._gates) is not None:
            gates.close()

    def __enter__(self) -> CommandEvaluator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # runs

    def _whole(
        self, files: Mapping[str, bytes], limit_s: float, cancelled: Cancelled, on_case: OnCase, known: Collection[str]
    ) -> CommandRun:
        """Run the whole command, and give the test that its end stands for where there has to be one."""
        count = len(known)
        done: list[str] = []

        def watch(case: CaseResult) -> str:
            done.append(case.node_id)
            on_case(case, len(done), count if count >= len(done) else 0)
            return ""

        run = self._runner.run(self._command.line, files, limit_s, cancelled, watch)
        self._judge_end(run, known)
        if self._command.node in run.cases:
            watch(run.cases[self._command.node])
        return run

    def _judge_end(self, run: CommandRun, known: Collection[str]) -> None:
        """Add the test named after the command: when it is all there is, was there before, or when nothing else explains a bad end."""
        node = self._command.node
        ended_badly = bool(run.stopped) and run.stopped not in ("cancelled", "first", "no better")
        if run.stopped and not ended_badly:
            return
        if not run.cases or node in known or ended_badly or not run.explained:
            run.cases[node] = failure_case(node, run, self._runner.places)

    def _some(
        self, files: Mapping[str, bytes], wanted: Sequence[str], limit_s: float, cancelled: Cancelled, watch: Callable[[CaseResult], str]
    ) -> CommandRun:
        names = [self._base.names[node] for node in wanted if node in self._base.names]
        filtered = bool(self._command.filter) and len(names) == len(wanted) > 0
        line = self._command.for_some(names) if filtered else self._command.line
        run = self._runner.run(line, files, limit_s, cancelled, watch)
        if not filtered:
            self._judge_end(run, self._base.cases)
            self._last = (files, run) if files and not run.stopped else None
        if run.status not in (0, None) and not run.stopped:
            for node in wanted:
                if node not in run.cases:
                    run.cases[node] = CaseResult(node, "error", 0.0, f"gave no result: {reason_of(run)}")
        return run

    def _known(self, files: Mapping[str, bytes]) -> CommandRun | None:
        last = self._last
        return last[1] if last is not None and last[0] == files else None

    def _watch(self, enough: Enough, wanted: Collection[str]) -> Callable[[CaseResult], str]:
        """Return what ends a run: what `Enough` says of wanted tests, and a test that the patch breaks."""
        asked = frozenset(wanted)

        def watch(case: CaseResult) -> str:
            if case.node_id in asked:
                return enough.after(case.node_id, case.is_red, False, case.duration_s)
            return "no better" if self._breaks(case) else ""

        return watch

    def _breaks(self, case: CaseResult) -> bool:
        before = self._base.cases.get(case.node_id)
        return case.is_red and before is not None and not before.is_red and case.node_id not in self._flaky

    def _differing(self, base: CommandRun, again: CommandRun) -> frozenset[str]:
        if again.stopped:
            return frozenset()
        return frozenset(node for node, case in base.cases.items() if node in again.cases and again.cases[node].is_red != case.is_red)

    def _doubt(self, run: CommandRun, cancelled: Cancelled, limit_s: float) -> None:
        """Run the base once more where a proof breaks tests: those that fail there too fail by chance."""
        broken = [node for node, case in run.cases.items() if self._breaks(case)]
        if broken and not run.stopped and run.duration_s < LONG_S:
            again = self._whole({}, limit_s + self._own_s, cancelled, _unheard, tuple(self._base.cases))
            self._flaky |= {node for node in broken if node in again.cases and again.cases[node].is_red}

    # parts

    @property
    def _own_s(self) -> float:
        """Seconds that a run may take beside its tests: building, starting."""
        if self._base.stopped:
            return self._place.settings.test_limit_s
        return 1.0 + SLOWER * self._base.duration_s

    def _suite(self, run: CommandRun, wanted: Sequence[str], known: Collection[str] = ()) -> SuiteResult:
        asked = frozenset(wanted)
        cases = tuple(case for node, case in run.cases.items() if node in asked or self._breaks(case))
        stopped = "" if run.stopped == "first" else run.stopped
        everything = all(node in run.cases for node in (*wanted, *(node for node in known if node != self._command.node)))
        return SuiteResult(
            cases=cases,
            complete=not run.stopped and everything,
            stopped=stopped,
            duration_s=run.duration_s,
            level=self.level,
            limited=() if self.level is Level.UNSAFE else limits_met(cases),
            output=run.output[-_OUTPUT:],
            flaky=tuple(node for node in self._flaky if node in run.cases),
        )

    def _refuse_unusable(self, run: CommandRun) -> None:
        line = self._command.name
        if run.status in (126, 127) and set(run.cases) <= {self._command.node}:
            raise ProjectError(
                f"`{line}` could not be run: {reason_of(run)}. Correct [test] command; a program outside the system's folders "
                "must be on your PATH."
            )
        if run.problem:
            raise ProjectError(f"`{line}`: {run.problem} ({self._command.junit}). Correct [test] junit.\n{run.output.strip()[-2000:]}")
        if self._command.format not in ("", "exit", "junit") and set(run.cases) <= {self._command.node}:
            raise ProjectError(
                f"`{line}` printed no test in the form {self._command.format}. Correct [test] format.\n{run.output.strip()[-2000:]}"
            )

    def _checks(self) -> Gates:
        if self._gates is None:
            self._gates = Gates(self._place, self._sandbox)
        return self._gates

    def _or_closed(self, cancelled: Cancelled) -> Cancelled:
        return lambda: self._closed.is_set() or cancelled()

    def _has_moved(self) -> bool:
        """Say whether the tree is not what it was for the base run: a comparison with that run says nothing then."""
        return bool(self._looked) and self._sandbox.fingerprint(self.project) != self._looked

    def _stale(self) -> SuiteResult:
        return SuiteResult(complete=False, stopped="stale", level=self.level)


def _place(project: Path, path: Path, command: Command, settings: RunSettings) -> Place:
    """Return where the command runs: the project's interpreter, the user's tools and the system's are on its `PATH`."""
    tools = find_toolchain(command.line, project, os.environ)
    variables = base_environment(path)
    own, *system = variables["PATH"].split(os.pathsep)
    variables["PATH"] = os.pathsep.join((own, *tools.path, *system))
    roots = interpreter.narrowed(project, (*interpreter.static_roots(project, path), *tools.readable))
    added = {**variables, **(tools.environment or {}), **settings.environment}
    return Place(project, Interpreter(path, (0, 0, 0), "", roots), replace(settings, environment=added))


def _unheard(case: CaseResult, done: int, total: int) -> None:
    """Tell nobody."""
