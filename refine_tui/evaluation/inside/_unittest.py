"""Runs unittest tests and reports through a function, as `_report.py` does for pytest: the same events, the same ids.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import fnmatch
import importlib
import os
import random
import sys
import time
import traceback
import unittest
import unittest.util
from contextlib import contextmanager
from typing import Any, Callable, Iterator

TYPE_CHECKING = False
if TYPE_CHECKING or __package__:
    from refine_tui.evaluation.inside._facts import cut, first_line, foreign_modules, frames_to, loaded_modules, unittest_values
else:
    from refine_tui_inside_facts import cut, first_line, foreign_modules, frames_to, loaded_modules, unittest_values

Emit = Callable[[dict], None]  # type: ignore[type-arg]
_PATTERN = "test*.py"


def shown(value: Any) -> str:
    """Return a bounded `repr` that never raises."""
    return unittest.util.safe_repr(value)[:400]  # type: ignore[no-untyped-call,no-any-return,unused-ignore]


# finding tests


def test_files(project: str, paths: list[str]) -> list[str]:
    """Return test files relative to the project: those of the paths, else what `python -m unittest` finds, else what lies in `tests`."""
    if paths:
        found = [one for path in paths for one in ([path] if os.path.isfile(os.path.join(project, path)) else _below(project, path))]
    else:
        found = _below(project, ".") or _below(project, "tests") or _below(project, "test")
    return [os.path.normpath(path).replace(os.sep, "/") for path in found]


def _below(project: str, start: str) -> list[str]:
    """Return the test files of a folder and of the packages in it."""
    folder = os.path.join(project, start)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    found = [os.path.join(start, name) for name in names if fnmatch.fnmatch(name, _PATTERN) and os.path.isfile(os.path.join(folder, name))]
    for name in names:
        if os.path.isfile(os.path.join(folder, name, "__init__.py")):
            found += _below(project, os.path.join(start, name))
    return found


def _module_name(project: str, path: str) -> tuple[str, str]:
    """Return a test file's outermost package's folder, and its dotted name from there."""
    full = os.path.join(project, path)
    top, parts = os.path.dirname(full), [os.path.splitext(os.path.basename(full))[0]]
    while os.path.isfile(os.path.join(top, "__init__.py")) and top != os.path.dirname(top):
        parts.insert(0, os.path.basename(top))
        top = os.path.dirname(top)
    return top, ".".join(parts)


def _flat(tests: Any) -> Iterator[Any]:
    for test in tests:
        if hasattr(test, "__iter__"):
            yield from _flat(test)
        else:
            yield test


class Session:
    """One run: what was found, and what is told of it."""

    def __init__(self, plan: dict[str, Any], guard: Any, tools: Callable[[str], Any], emit: Emit) -> None:
        self.plan, self.guard, self.emit = plan, guard, emit
        patience = tools("_patience")
        self.tracer = tools("_tracer").Tracer(guard, plan.get("known", ())) if plan.get("trace") else None
        self.timer = patience.Timer(plan, guard, self.tracer)
        self.late: type[BaseException] = patience.TimeLimitReached
        self.enough = patience.Enough(plan)
        self.nodes: dict[int, str] = {}
        self.tests: list[Any] = []
        self.has_red = False
        self.shared_s = 0.0

    def collect(self) -> None:
        """Import the test files and find the tests in them."""
        random.seed(self.plan.get("seed", 0))
        ids = self.plan.get("ids")
        wanted = None if ids is None else set(ids)
        for path in test_files(self.plan["project"], self.plan["paths"]):
            for test in self._in_file(path):
                node = "{}::{}::{}".format(path, type(test).__qualname__, getattr(test, "_testMethodName", "") or test.id())
                if wanted is None or node in wanted or path in wanted:
                    self.nodes[id(test)] = node
                    self.tests.append(test)
        if self.plan.get("reverse"):
            self.tests.reverse()
        if self.tracer:
            self.emit({"event": "imported", "files": self.tracer.imported(), "edges": self.tracer.edges()})
        self.emit({"event": "collected", "ids": list(self.nodes.values())})

    def _in_file(self, path: str) -> list[Any]:
        top, name = _module_name(self.plan["project"], path)
        if top not in sys.path:
            sys.path.insert(0, top)
        try:
            module = importlib.import_module(name)
            return list(_flat(unittest.TestLoader().loadTestsFromModule(module)))
        except unittest.SkipTest:
            return []
        except BaseException as error:  # noqa: BLE001  # whatever it is, this file cannot be used
            self._broken(path, error)
            return []

    def _broken(self, path: str, error: BaseException) -> None:
        self.has_red = True
        frames = frames_to(error, error.__traceback__, self.guard)
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.emit(
            {
                "event": "broken",
                "id": path,
                "details": cut(text),
                "error": type(error).__name__,
                "message": first_line(traceback.format_exception_only(type(error), error)[-1]),
                "frames": frames,
            }
        )

    def run(self) -> None:
        """Run what was found."""
        Suite(self.tests, self).run(Result(self))

    @property
    def status(self) -> int:
        """What pytest's exit status would be."""
        return 1 if self.has_red else 0 if self.tests else 5


# running tests


class Suite(unittest.TestSuite):
    """Runs all tests in order; what classes and modules set up is limited in time and traced for each of their tests."""

    def __init__(self, tests: list[Any], session: Session) -> None:
        super().__init__(tests)
        self._session = session

    def _handleModuleFixture(self, test: Any, result: Any) -> None:
        with self._shared(test, result, "setUpModule", test.__class__.__module__):
            super()._handleModuleFixture(test, result)  # type: ignore[misc]

    def _handleClassSetUp(self, test: Any, result: Any) -> None:
        with self._shared(test, result, "setUpClass", test.__class__):
            super()._handleClassSetUp(test, result)  # type: ignore[misc]

    def _tearDownPreviousClass(self, test: Any, result: Any) -> None:
        with self._shared(test, result, "tearDownClass", None):
            super()._tearDownPreviousClass(test, result)  # type: ignore[misc]

    @contextmanager
    def _shared(self, test: Any, result: Any, phase: str, key: Any) -> Iterator[None]:
        session = self._session
        if test is None or getattr(result, "_previousTestClass", None) is test.__class__:
            yield
            return
        result.phase, result.group = phase, test
        began = time.monotonic()
        before = session.tracer.begin_shared() if session.tracer and key is not None else None
        if phase != "tearDownClass":
            result.announce(test)
            session.timer.start("setup")
        try:
            yield
        except session.late as error:  # no `Exception`, so unittest lets it through
            result.failed_group((type(error), error, error.__traceback__))
            test.__class__._classSetupFailed = True
        finally:
            session.timer.stop()
            if session.tracer and before is not None:
                session.tracer.end_shared(key, before)
            session.shared_s += time.monotonic() - began
            result.phase = ""


class Result(unittest.TestResult):
    """Turns what unittest tells into events."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.phase = ""
        """The shared fixture that is being run."""
        self.group: Any = None
        """The test whose class or module it is run for."""
        self._announced = ""
        self._before = ""
        """The test that was finished last."""
        self._began = 0.0
        self._outcome = "passed"
        self._bad: dict[str, Any] = {}
        self._message = ""

    def announce(self, test: Any) -> None:
        """Tell that a test begins, once."""
        node = self._session.nodes[id(test)]
        if node != self._announced:
            self._announced = node
            self._session.timer.begin(node)
            self._session.emit({"event": "start", "id": node, "limit": self._session.timer.limit_of(node)})

    def startTest(self, test: Any) -> None:
        """Begin."""
        super().startTest(test)
        self._begin(test)

    def _begin(self, test: Any) -> None:
        self.announce(test)
        self.group, self._outcome, self._bad, self._message = test, "passed", {}, ""
        if self._session.tracer:
            self._session.tracer.begin(self._session.nodes[id(test)])
        self._began = time.monotonic()
        self._session.timer.start("call")

    def stopTest(self, test: Any) -> None:
        """Report."""
        session, node = self._session, self._session.nodes[id(test)]
        session.timer.stop()
        duration = time.monotonic() - self._began
        super().stopTest(test)
        traced = session.tracer.end(None, (test.__class__.__module__, test.__class__)) if session.tracer else None
        if traced:
            session.emit({"event": "coverage", "id": node, "files": traced[0], "whole": traced[1]})
        timer = session.timer
        self._tell(node, self._outcome, duration, timed_out=timer.fired, given=timer.given_s, place=timer.place)
        self._before, self._bad, self._message = node, {}, ""
        red = self._outcome == "failed"
        if not red and not timer.fired:
            timer.passed(node, duration)
        reason = session.enough.after(node, red, bool(timer.given_s), duration)
        if reason:
            self.shouldStop = True
            if reason != "first":
                session.emit({"event": "note", "stopped": reason})

    def _tell(self, node: str, outcome: str, duration: float, **more: Any) -> None:
        self._announced = ""
        self._session.has_red = self._session.has_red or outcome in ("failed", "error")
        result = {"event": "result", "id": node, "outcome": outcome, "duration": duration, "message": self._message, **more}
        self._session.emit({**result, **self._bad})

    # what unittest tells

    def addError(self, test: Any, err: Any) -> None:
        """Take in an exception of a test, or of what a class or module sets up."""
        if id(test) in self._session.nodes:
            self._take(err, test)
        else:
            self.failed_group(err)

    def addFailure(self, test: Any, err: Any) -> None:
        """Take in a failed assertion."""
        self._take(err, test)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Take in a part of a test; the first that fails is told."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._take(err, test, subtest._subDescription())

    def addSkip(self, test: Any, reason: str) -> None:
        """Take in that a test, or all of a class or module, is skipped."""
        self._message = first_line(str(reason))
        if id(test) in self._session.nodes:
            if not self._announced:  # Python 3.12.1 does not start tests that are skipped as a whole
                self._begin(test)
            self._outcome, self._message = "skipped", first_line(str(reason))
            return
        for other in self._of_group():
            self._tell(self._session.nodes[id(other)], "skipped", 0.0)

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: ARG002
        """Take in a failure that was announced."""
        self._outcome = "xfailed"

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: ARG002
        """Take in that an announced failure did not come."""
        self._outcome, self._message = "failed", "Unexpected success"

    def failed_group(self, err: Any) -> None:
        """What a class or module shares failed: so do its tests, or, after them, the last of them."""
        self._bad, self._message = {}, ""
        outcome = self._outcome
        self._take(err, self.group)
        self._outcome = outcome
        if self.phase.startswith("setUp"):
            for test in self._of_group():
                self._tell(self._session.nodes[id(test)], "error", 0.0, timed_out=self._session.timer.fired)
        elif self._before:
            self._tell(self._before, "error", 0.0)
        self._bad, self._message = {}, ""

    def _of_group(self) -> list[Any]:
        kind = self.group.__class__
        if self.phase == "setUpModule":
            return [test for test in self._session.tests if test.__class__.__module__ == kind.__module__]
        return [test for test in self._session.tests if test.__class__ is kind]

    def _take(self, err: Any, test: Any, part: str = "") -> None:
        self._outcome = "failed"
        if self._bad:
            return
        kind, error, tb = err
        values = unittest_values(tb, shown) if isinstance(error, AssertionError) else None
        frames = frames_to(error, tb, self._session.guard)
        self._message = first_line(traceback.format_exception_only(kind, error)[-1]) + (f" {part}" if part else "")
        details = cut(self._exc_info_to_string(err, test))  # type: ignore[attr-defined]
        self._bad = {"details": details, "error": kind.__name__, "frames": frames, "values": values}


def run(
    base: dict[str, Any],
    guard: Any,
    tools: Callable[[str], Any],
    emit: Emit,
    next_plan: Callable[[], dict[str, Any]],
    more: Any = None,  # noqa: ARG001  # plugins of pytest
) -> int:
    """Run the tests; return what pytest's exit status would be. See `_report.run`."""
    plan = next_plan()
    if base.get("args"):
        emit({"event": "note", "dropped": list(base["args"])})
    session = Session(plan, guard, tools, emit)
    session.collect()
    session.run()
    end = {"event": "end", "status": session.status, "foreign": foreign_modules(base["project"]), "shared": session.shared_s}
    if plan.get("trace"):
        end["loaded"], end["compiled"] = loaded_modules(guard), guard.known()
    emit(end)
    return session.status
