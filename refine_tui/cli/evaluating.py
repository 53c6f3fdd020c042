"""`refine-tui eval`: one command, pass or fail."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from refine_tui.bootstrap import Places, make_evaluator, make_sandbox, project_root, read_settings
from refine_tui.cli.stopping import interruptible
from refine_tui.core.evidence import CaseResult, GateResult, SuiteResult
from refine_tui.core.patch import Patch
from refine_tui.core.sanitize import visible
from refine_tui.loop.ports.running import OnCase

VERSION = 1


def run_eval(options: argparse.Namespace) -> int:
    """Run the whole suite cold in the sandbox, and the project's lint and types; 0 when everything passes."""
    began, places = time.monotonic(), Places()
    root = project_root(options)
    settings, notices = read_settings(root, places)
    sandbox = make_sandbox(unsafe=False, state_dir=places.state)
    evaluator = make_evaluator(root, sandbox, settings)
    try:
        with interruptible() as cancelled:
            # The base run refuses with a sentence what a plain run would only report as zero tests.
            baseline = evaluator.baseline(_counted(options), cancelled, limit_s=settings.survey_limit_s, coverage=False)
            gates = evaluator.gates(Patch()) if not cancelled() else ()
            stopped = cancelled()
    finally:
        evaluator.close()
    suite = baseline.suite
    passed = suite.is_green and all(gate.ok for gate in gates)
    if options.json:
        document = _document(suite, gates, passed, time.monotonic() - began, baseline.interpreter, baseline.runner)
        document["notes"] = [*notices, *baseline.notes]
        print(json.dumps(document))
    else:
        _print(suite, gates, passed)
    return 130 if stopped else 0 if passed else 1


def _counted(options: argparse.Namespace) -> OnCase:
    def on_case(case: CaseResult, _done: int, _total: int) -> None:
        if not options.json and case.is_red:
            print(visible(f"{case.outcome.upper():6} {case.node_id}  {case.message}"), file=sys.stderr)

    return on_case


def _document(
    suite: SuiteResult, gates: tuple[GateResult, ...], passed: bool, seconds: float, interpreter: str, runner: str
) -> dict[str, Any]:
    return {
        "version": VERSION,
        "passed": passed,
        "tests": {**suite.counts.as_json(), "complete": suite.complete, "stopped": suite.stopped},
        "cases": [_case(case) for case in suite.cases],
        "gates": [{"name": g.name, "ok": g.ok, "summary": g.summary, "findings": list(g.findings)} for g in gates],
        "sandbox": suite.level.value,
        "limited": list(suite.limited),
        "tools": {"python": interpreter, "runner": runner},
        "seconds": round(seconds, 3),
    }


def _case(case: CaseResult) -> dict[str, Any]:
    told: dict[str, Any] = {"id": case.node_id, "outcome": case.outcome, "seconds": round(case.duration_s, 4)}
    if case.is_red:
        told |= {"message": case.message, "error": case.error, "timed_out": case.timed_out}
        told["frames"] = [{"path": f.path, "line": f.line + 1, "function": f.function} for f in case.frames]
    return told


def _print(suite: SuiteResult, gates: tuple[GateResult, ...], passed: bool) -> None:
    counts = suite.counts
    print(f"tests  {counts.passed} passed, {counts.failed} failed, {counts.errors} errors, {counts.skipped} skipped  ({suite.level.value})")
    for gate in gates:
        print(visible(f"{gate.name:6} {'ok' if gate.ok else 'FAIL'} {gate.summary}"))
    print("passed" if passed else "failed")
