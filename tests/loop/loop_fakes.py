"""Fakes of the loop's ports for a project that lives in a dictionary: tests are functions `test_*` of `test_*.py` files.

The evaluator really executes the code, in a forked child with an alarm, and really traces lines; what it lacks is pytest and isolation.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from refine_tui.core.errors import ProjectError, StaleBaseError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Flag, Frame, GateResult, SuiteResult
from refine_tui.core.isolation import Level
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop.ports.keeping import Application
from refine_tui.loop.ports.observing import CallInput, Observed
from refine_tui.loop.ports.running import Cancelled, Content, OnCase, OnPhase

CLAMP = """def clamp(value, low, high):
    if value < low:
        return high
    if value > high:
        return high
    return value
"""
"""Two bugs, each seen by a test of its own."""


class MemoryWorkspace:
    """A tree in memory, with undo."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.root = Path("/project")
        self.tree = {path: text.encode() for path, text in files.items()}
        self.applied: list[tuple[Application, dict[str, bytes]]] = []

    def files(self) -> tuple[str, ...]:
        return tuple(sorted(self.tree))

    def read(self, path: str) -> SourceFile:
        if path not in self.tree:
            raise ProjectError(f"{path} is gone.")
        return SourceFile(path, self.tree[path])

    def refuses(self, path: str, *, new: bool = False) -> str:
        return ""

    def apply(self, patch: Patch, *, task: str, goal: str) -> Application:
        before = {path: self.tree[path] for path in patch.paths if path in self.tree}
        self.tree.update(patch.apply(self.tree))
        application = Application(len(self.applied) + 1, patch, task, goal, "2026-01-01T00:00:00Z", False)
        self.applied.append((application, before))
        return application

    def undo(self, id: int | None = None) -> Application:
        application, before = self.applied[-1]
        for path in application.patch.paths:
            del self.tree[path]
        self.tree.update(before)
        self.applied[-1] = (replace(application, undone=True), before)
        return self.applied[-1][0]

    def redo(self) -> Application:
        application, _ = self.applied[-1]
        self.tree.update(application.patch.apply(self.tree))
        self.applied[-1] = (replace(application, undone=False), _)
        return self.applied[-1][0]

    def late_writes(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        pass

    def recover(self) -> tuple[str, ...]:
        return ()


class MemoryJournal:
    """Rows in a list, as JSON so that nothing else gets in."""

    def __init__(self) -> None:
        self.stored: list[tuple[int, str, str, str, str]] = []

    def append(self, kind: str, value: Mapping[str, Any], *, task: str = "") -> int:
        self.stored.append((len(self.stored) + 1, "2026-01-01T00:00:00Z", kind, task, json.dumps(value)))
        return len(self.stored)

    def rows(
        self, kind: str | None = None, *, task: str | None = None, since: int = 0
    ) -> Iterator[tuple[int, str, str, str, dict[str, Any]]]:
        for id, at, name, owner, text in self.stored:
            if (kind in (None, name)) and (task in (None, owner)) and id > since:
                yield id, at, name, owner, json.loads(text)

    def intents(self) -> tuple[Application, ...]:
        return ()

    def close(self) -> None:
        pass


class ForkEvaluator:
    """Runs a dictionary project's tests in forked children."""

    level = Level.UNSAFE

    def __init__(self, workspace: MemoryWorkspace, alarm_s: float = 0.2) -> None:
        self._workspace, self._alarm_s = workspace, alarm_s
        self.runs = 0
        self.expected: list[tuple[Patch, tuple[str, ...], float, frozenset[str]]] = []

    def describe(self) -> str:
        return "fork"

    def baseline(
        self, on_case: OnCase, cancelled: Cancelled, *, limit_s: float, coverage: bool = True, on_phase: OnPhase | None = None
    ) -> Baseline:
        suite, lines = self._execute(Patch(), None)
        for done, case in enumerate(suite.cases, start=1):
            on_case(case, done, len(suite.cases))
        return Baseline(suite, Coverage(lines), True, "", sys.executable, "fork")

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
        return self._execute(patch, set(node_ids))[0]

    def expect(self, patch: Patch, node_ids: Sequence[str], *, limit_s: float, better_than: Collection[str]) -> None:
        self.expected.append((patch, tuple(node_ids), limit_s, frozenset(better_than)))

    def affected(self, coverage: Coverage, patch: Patch) -> tuple[str, ...]:
        return coverage.tests_touching_files(patch.paths)

    def confirm(self, patch: Patch, on_case: OnCase, cancelled: Cancelled, *, limit_s: float) -> SuiteResult:
        return self._execute(patch, None)[0]

    def gates(self, patch: Patch) -> tuple[GateResult, ...]:
        return ()

    def inspect(self, before: Content | None = None) -> tuple[GateResult, ...]:
        return ()

    def flags(self, before: Content, after: Content, *, strict: bool) -> tuple[Flag, ...]:
        return ()

    def tools(self) -> Mapping[str, str]:
        return {}

    def refresh(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _execute(self, patch: Patch, wanted: set[str] | None) -> tuple[SuiteResult, dict[str, dict[str, frozenset[int]]]]:
        self.runs += 1
        try:
            tree = {**self._workspace.tree, **patch.apply(self._workspace.tree)}
        except StaleBaseError:
            return SuiteResult(complete=False, stopped="stale"), {}
        began = time.monotonic()
        rows = _in_child(lambda tell: _run_tests(tree, wanted, tell, self._alarm_s))
        cases = tuple(_case(row["case"]) for row in rows)
        lines = {row["case"]["node_id"]: {p: frozenset(n) for p, n in row["lines"].items()} for row in rows}
        # A file that could not be collected stands for what is in it.
        told = {case.node_id for case in cases} | {case.node_id.split("::")[0] for case in cases}
        complete = wanted is None or wanted <= told
        return SuiteResult(cases, complete, "" if complete else "crash", time.monotonic() - began, True, Level.UNSAFE), lines


class ForkObserver:
    """Runs the tests of one file as its evaluator does; of the port, what a new test is tried with."""

    def __init__(self, evaluator: ForkEvaluator) -> None:
        self._evaluator = evaluator

    def imported_as(self, scope: Scope) -> str:
        return scope.path.removesuffix(".py").replace("/", ".")

    def twice(self, patch: Patch, path: str, cancelled: Cancelled, *, limit_s: float) -> tuple[CaseResult, ...]:
        suite = self._evaluator.confirm(patch, lambda *_: None, cancelled, limit_s=limit_s)
        return tuple(case for case in suite.cases if case.node_id.split("::")[0] == path)

    def inputs(self, scope: Scope, *, count: int, seed: int, cancelled: Cancelled) -> tuple[CallInput, ...]:
        raise NotImplementedError

    def outcomes(self, patch: Patch, scope: Scope, inputs: tuple[CallInput, ...], cancelled: Cancelled, *, limit_s: float) -> Observed:
        raise NotImplementedError


def _case(told: dict[str, Any]) -> CaseResult:
    return CaseResult(**{**told, "frames": tuple(Frame(*frame) for frame in told.get("frames", ()))})


def _in_child(body: Callable[[Callable[[Any], None]], None]) -> list[Any]:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        with os.fdopen(write, "w") as out:

            def tell(row: Any) -> None:
                out.write(json.dumps(row) + "\n")
                out.flush()

            body(tell)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as rows:
        told = [json.loads(row) for row in rows]
    os.waitpid(pid, 0)
    return told


def _run_tests(tree: Mapping[str, bytes], wanted: set[str] | None, tell: Callable[[Any], None], alarm_s: float) -> None:
    for path in sorted(tree):
        if not path.startswith("test_"):
            sys.modules.pop(path.removesuffix(".py"), None)
    sys.meta_path.insert(0, _Finder(tree))
    for path in sorted(tree):
        if path.startswith("test_"):
            space: dict[str, Any] = {"__name__": path.removesuffix(".py")}
            try:
                exec(compile(tree[path], path, "exec"), space)
            except BaseException as error:  # noqa: BLE001 - whatever the project raises
                tell({"case": _uncollected(path, error, tree), "lines": {}})
                continue
            for name, function in list(space.items()):
                node = f"{path}::{name}"
                if name.startswith("test") and callable(function) and (wanted is None or {node, path} & wanted):
                    tell(_one(node, function, set(tree), alarm_s))


def _uncollected(path: str, error: BaseException, files: Collection[str]) -> dict[str, Any]:
    """Return a test file in error, as pytest's report has it: with the place of a syntax error as the last frame."""
    frames = [(f.filename, (f.lineno or 1) - 1, f.name) for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    if isinstance(error, SyntaxError) and error.filename in files:
        frames.append((error.filename or "", (error.lineno or 1) - 1, "<module>"))
    message = traceback.format_exception_only(type(error), error)[-1].strip()
    return {"node_id": path, "outcome": "error", "message": message, "error": type(error).__name__, "frames": frames}


class _Finder:
    def __init__(self, tree: Mapping[str, bytes]) -> None:
        self._tree = tree

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self) if f"{name}.py" in self._tree else None  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> types.ModuleType:
        return types.ModuleType(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        file = f"{module.__name__}.py"
        exec(compile(self._tree[file], file, "exec"), module.__dict__)


def _one(node: str, function: Callable[[], None], files: set[str], alarm_s: float) -> dict[str, Any]:
    lines: dict[str, set[int]] = {}

    def tracer(frame: Any, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        if name not in files:
            return None
        if event == "line":
            lines.setdefault(name, set()).add(frame.f_lineno - 1)
        return tracer

    def ring(*_: object) -> None:
        raise TimeoutError("too slow")

    signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, alarm_s)  # of computing: a busy machine makes nothing endless
    began = time.monotonic()
    case: dict[str, Any] = {"node_id": node, "outcome": "passed"}
    sys.settrace(tracer)
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - whatever the project raises
        case.update(
            outcome="failed",
            message=f"{type(error).__name__}: {error}",
            error=type(error).__name__,
            timed_out=isinstance(error, TimeoutError),
        )
    finally:
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    case["duration_s"] = time.monotonic() - began
    return {"case": case, "lines": {path: sorted(numbers) for path, numbers in lines.items()}}
