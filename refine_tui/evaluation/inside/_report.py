"""A pytest plugin that reports through a function, one JSON-able object at a time, and limits each test's time.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, pytest 6 and later.
Events: `collected`, `start`, `result`, `broken` (a file that cannot be collected), `note`, `end`.
"""

from __future__ import annotations

import inspect
import os
import random
import sys
import time
import traceback
from typing import Any, Callable

import pytest
from _pytest.reports import CollectReport

TYPE_CHECKING = False
if TYPE_CHECKING or __package__:
    from refine_tui.evaluation.inside._facts import cut, first_line, foreign_modules, frames_of, frames_to, loaded_modules, unittest_values
else:
    from refine_tui_inside_facts import cut, first_line, foreign_modules, frames_of, frames_to, loaded_modules, unittest_values

Emit = Callable[[dict], None]  # type: ignore[type-arg]


class Reporter:
    """The plugin. It asks for its plan as late as it can: when pytest has read its configuration and no conftest file yet."""

    def __init__(self, guard: Any, tools: Any, emit: Emit, next_plan: Callable[[], dict[str, Any]]) -> None:
        self._guard = guard
        self._tools = tools
        self._options = tools("_options")
        self._emit = emit
        self._next_plan = next_plan
        self._tracer: Any = None
        self._phases: list[Any] = []
        self._facts: dict[str, Any] = {}
        self._values: Any = None
        self._indexed = False
        self.plan: dict[str, Any] = {}
        self.shared_s = 0.0
        """Seconds spent on fixtures that tests share: any of them may have to pay for it when it runs alone."""

    def _begin(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        ids = plan.get("ids")
        self._wanted = None if ids is None else set(ids)
        self._reverse = bool(plan.get("reverse"))
        self._seed = plan.get("seed", 0)
        self._tracer = self._tools("_tracer").Tracer(self._guard, plan.get("known", ())) if plan.get("trace") else None
        patience = self._tools("_patience")
        self._timer = patience.Timer(plan, self._guard, self._tracer)
        self._enough = patience.Enough(plan)

    # configuration

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: Any, args: list[str]) -> Any:
        """Begin; take out what would break the run and put in what is to run, before pytest reads the arguments for good.

        Around everything else that is done here: nothing of the project is loaded yet, nor any output captured.
        """
        self._begin(self._next_plan())
        if self._tracer:
            early_config.pluginmanager.register(self._tracer)
        args[:], dropped = self._options.neutralise(args)
        if dropped:
            self._emit({"event": "note", "dropped": dropped})
        if self.plan["paths"]:
            args += self.plan["paths"]
            early_config.known_args_namespace.file_or_dir = list(self.plan["paths"])
        yield

    def pytest_addoption(self, parser: Any) -> None:
        """Declare the settings of plugins that are switched off."""
        for name in self._options.SETTINGS:
            parser.addini(name, "of a plugin that is off here", default=None)

    def pytest_configure(self, config: Any) -> None:
        """Declare their marks."""
        for mark in self._options.MARKERS:
            config.addinivalue_line("markers", mark)

    # collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Begin with the same random numbers in every run, whatever was imported before."""
        random.seed(self._seed)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: Any) -> Any:
        """Turn `sys.exit` at import into an ordinary collection error."""
        outcome = yield
        info = getattr(outcome, "excinfo", None) or getattr(outcome, "_excinfo", None)
        if info and isinstance(info[1], SystemExit):
            text = f"SystemExit: {info[1]}\nthe file ends the process when it is imported"
            outcome.force_result(CollectReport(collector.nodeid, "failed", text, []))
            self._broken(collector.nodeid, text, "SystemExit", text.split("\n")[0], frames_of(info[2], self._guard))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> Any:
        """Keep the tests that were asked for, after everyone else had their say."""
        yield
        if self._wanted is not None:
            # A file that could not be collected is wanted by its own name: what will be in it is not known.
            kept = {item.nodeid for item in items if item.nodeid in self._wanted or item.nodeid.split("::", 1)[0] in self._wanted}
            dropped = [item for item in items if item.nodeid not in kept]
            items[:] = [item for item in items if item.nodeid in kept]
            if dropped:
                config.hook.pytest_deselected(items=dropped)
        if self._reverse:
            items.reverse()

    def pytest_collection_finish(self, session: Any) -> None:
        """Say which tests there are, and what their import executed."""
        if self._tracer:
            self._emit({"event": "imported", "files": self._tracer.imported(), "edges": self._tracer.edges()})
        self._emit({"event": "collected", "ids": [item.nodeid for item in session.items]})
        plugins = session.config.pluginmanager
        silent = plugins.subset_hook_caller("pytest_terminal_summary", plugins.get_plugins())
        session.config.hook.pytest_terminal_summary = silent  # nobody reads it, and some plugins import a lot for it

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """Report a file that cannot be collected."""
        if not isinstance(report, CollectReport):
            return
        error = call.excinfo.value
        cause = error.__cause__ if error.__cause__ is not None and type(error).__name__ == "CollectError" else error
        message = first_line(traceback.format_exception_only(type(cause), cause)[-1])
        frames = frames_to(cause, cause.__traceback__, self._guard)
        self._broken(node.nodeid, getattr(report, "longreprtext", str(report.longrepr)), type(cause).__name__, message, frames)

    def _broken(self, node: str, details: str, error: str, message: str, frames: list[Any]) -> None:
        self._emit({"event": "broken", "id": node, "details": cut(details), "error": error, "message": message, "frames": frames})

    # tests

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Frame one test: start, its phases, result."""
        self._phases, self._facts, self._values = [], {}, None
        self._timer.begin(item.nodeid)
        self._emit({"event": "start", "id": item.nodeid, "limit": self._timer.limit_of(item.nodeid)})
        if self._tracer:
            self._tracer.begin(item.nodeid)
        yield
        traced = self._tracer.end(item) if self._tracer else None
        if traced:
            self._emit({"event": "coverage", "id": item.nodeid, "files": traced[0], "whole": traced[1]})
        self._finish(item)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Any:
        """Limit the time of fixtures."""
        yield from self._timed("setup")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Any:
        """Limit the time of the test."""
        yield from self._timed("call")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Any:
        """Limit the time of the clean-up."""
        yield from self._timed("teardown")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Any:
        """Measure what fixtures cost that tests share."""
        began = time.monotonic()
        yield
        if fixturedef.scope != "function":
            self.shared_s += time.monotonic() - began

    def _timed(self, phase: str) -> Any:
        self._timer.start(phase)
        try:
            yield
        finally:
            self._timer.stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_assertrepr_compare(self, left: Any, right: Any) -> None:
        """Remember the two sides of the comparison that failed last."""
        self._values = [shown(left), shown(right)]

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: Any) -> Any:
        """Read the exception while it is there."""
        if call.excinfo is not None and not self._indexed:
            self._indexed = True
            index_modules(self._guard)
        outcome = yield
        if call.excinfo is not None and outcome.excinfo is None and not self._facts and outcome.get_result().failed:
            self._facts = facts_of(call.excinfo, self._values, self._guard)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Gather the phases; sub-tests report as one more phase."""
        if report.outcome == "rerun":
            self._phases, self._facts = [], {}
        else:
            self._phases.append(report)

    def _finish(self, item: Any) -> None:
        timer = self._timer
        result = {"event": "result", "id": item.nodeid, "outcome": outcome_of(self._phases), "timed_out": timer.fired}
        result["duration"] = sum(getattr(report, "duration", 0.0) for report in self._phases)
        result["given"], result["place"] = timer.given_s, timer.place
        bad = next((report for report in self._phases if report.failed), None)
        if bad is not None:
            crash = getattr(bad.longrepr, "reprcrash", None)
            text = bad.longreprtext
            result.update(self._facts)
            result["details"] = cut(text)
            result["message"] = first_line(crash.message if crash else text.strip().split("\n")[-1])
        elif result["outcome"] == "skipped" and self._phases:
            result["message"] = first_line(str(self._phases[-1].longrepr))
        elif not timer.fired:
            timer.passed(item.nodeid, result["duration"])
        self._emit(result)
        reason = self._enough.after(item.nodeid, bad is not None, bool(timer.given_s), result["duration"])
        if reason:
            item.session.shouldstop = reason
            if reason != "first":
                self._emit({"event": "note", "stopped": reason})


def outcome_of(phases: list[Any]) -> str:
    """Join the reports of one test into one word."""
    failed = [report.when for report in phases if report.failed]
    if failed:
        return "failed" if any(when not in ("setup", "teardown") for when in failed) else "error"
    if any(report.skipped and hasattr(report, "wasxfail") for report in phases):
        return "xfailed"
    if any(report.skipped for report in phases if report.when in ("setup", "call")):
        return "skipped"
    if any(report.passed and hasattr(report, "wasxfail") for report in phases):
        return "xpassed"
    return "passed" if phases else "error"


def facts_of(excinfo: Any, values: Any, guard: Any) -> dict[str, Any]:
    """Return the exception's class, the project's frames and the two sides of a comparison."""
    frames = frames_to(excinfo.value, excinfo.tb, guard)
    is_assertion = isinstance(excinfo.value, AssertionError)
    return {
        "error": type(excinfo.value).__name__,
        "frames": frames,
        "values": (values or unittest_values(excinfo.tb, shown)) if is_assertion else None,
    }


def index_modules(guard: Any) -> None:
    """Tell `inspect` which module a project file is: it would look through all modules for each failure."""
    index = getattr(inspect, "modulesbyfile", {})
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and guard.owns(file):
            index.setdefault(file, name)


def shown(value: Any) -> str:
    """Return a bounded `repr` that never raises."""
    from _pytest._io.saferepr import saferepr

    return saferepr(value, maxsize=400)


def run(
    base: dict[str, Any],
    guard: Any,
    tools: Callable[[str], Any],
    emit: Emit,
    next_plan: Callable[[], dict[str, Any]],
    more: list[Any] | None = None,
) -> int:
    """Run pytest; return its exit status.

    Args:
        base: what is known beforehand: `project`, its path, and `args`, options of the user.
        tools: returns a neighbour of this file by its name.
        next_plan: called once, when pytest is ready for it: `paths`, `ids`, limits.
        more: plugins beside our own.
    """
    os.environ.pop("PYTEST_ADDOPTS", None)
    args = tools("_options").fixed_arguments(base["project"], int(pytest.__version__.split(".")[0]))
    reporter = Reporter(guard, tools, emit, next_plan)
    status = int(pytest.main([*base.get("args", []), *args], plugins=[reporter, *(more or ())]))
    end = {"event": "end", "status": status, "foreign": foreign_modules(base["project"]), "shared": reporter.shared_s}
    if reporter.plan.get("trace"):
        end["loaded"], end["compiled"] = loaded_modules(guard), guard.known()
    emit(end)
    return status
