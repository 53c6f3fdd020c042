"""`refine-tui eval`: one command, pass or fail."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from refine_tui.bootstrap import make_evaluator, make_sandbox
from refine_tui.bootstrap_settings import Places, project_root, read_settings
from refine_tui.cli.eval_document import Evaluation, document, flags_of, schema_text
from refine_tui.cli.sarif import sarif
from refine_tui.cli.stopping import interruptible
from refine_tui.cli.weighing import weigh_tree, words_of
from refine_tui.core.amounts import counted
from refine_tui.core.errors import StorageError
from refine_tui.core.evidence import CaseResult, GateResult
from refine_tui.core.sanitize import visible
from refine_tui.loop.pointing import refuse_uncollected
from refine_tui.loop.ports.running import Cancelled, Content, Evaluator, OnCase

Change = tuple[Content, Content]


def run_eval(options: argparse.Namespace) -> int:
    """Run the whole suite cold in the sandbox, and the project's lint, types and commands; 0 when everything passes."""
    if options.schema:
        print(schema_text(), end="")
        return 0
    root, places = project_root(options), Places()
    change = _change(root, options.against)
    settings, notices = read_settings(root, places)
    sandbox = make_sandbox(unsafe=False, state_dir=places.state, allow=settings.sandbox_allow)
    evaluator = make_evaluator(root, sandbox, settings)
    try:
        with interruptible() as cancelled:
            seconds = options.mutants or 0.0
            found = _evaluated(evaluator, _counted(options), cancelled, settings.survey_limit_s, change, coverage=seconds > 0)
            if seconds and not cancelled():
                found = replace(found, weight=weigh_tree(root, evaluator, found.baseline, change, seconds, cancelled))
    finally:
        evaluator.close()
    found = replace(found, notes=(*notices, *found.notes), against=options.against)
    if options.sarif:
        _write(options.sarif, found)
    if options.json:
        print(json.dumps(document(found, evaluator.level)))
    else:
        _print(found, evaluator)
    return found.exit_status


def _change(root: Path, revision: str) -> Change | None:
    """Return what differs from a revision, the texts before and after; `None` when none was named."""
    if not revision:
        return None
    from refine_tui.workspace.revisions import since

    return since(root, revision)


def _evaluated(
    evaluator: Evaluator, on_case: OnCase, cancelled: Cancelled, limit_s: float, change: Change | None, *, coverage: bool
) -> Evaluation:
    began = time.monotonic()
    # The base run refuses with a sentence what a plain run would only report as zero tests.
    baseline = evaluator.baseline(on_case, cancelled, limit_s=limit_s, coverage=coverage)
    refuse_uncollected(baseline.suite, baseline.interpreter, "`refine-tui fix` looks for it.")
    runner = {"pytest": baseline.runner[7:]} if baseline.runner.startswith("pytest ") else {"tests": baseline.runner}
    tools = {"python": baseline.interpreter, **runner}
    gates: tuple[GateResult, ...] = ()
    gates_began = time.monotonic()
    if not cancelled():
        gates, tools = evaluator.inspect(change[0] if change else None), {**tools, **evaluator.tools()}
    now = time.monotonic()
    tampering = evaluator.flags(*change, strict=False) if change else ()
    return Evaluation(baseline, gates, flags_of(baseline, tampering), tools, baseline.notes, now - began, now - gates_began, cancelled())


def _write(path: Path, found: Evaluation) -> None:
    try:
        path.write_text(json.dumps(sarif(found), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise StorageError(f"{path}: the findings cannot be written: {error.strerror}. Name another file with --sarif.") from error


def _counted(options: argparse.Namespace) -> OnCase:
    def on_case(case: CaseResult, _done: int, _total: int) -> None:
        if not options.json and case.is_red:
            print(visible(f"{case.outcome.upper():6} {case.node_id}  {case.message}"), file=sys.stderr)

    return on_case


def _print(found: Evaluation, evaluator: Evaluator) -> None:
    suite = found.baseline.suite
    counts = suite.counts
    how = evaluator.level.value + (f"; ended early: {suite.stopped}" if suite.stopped else "")
    print(f"tests  {counts.passed} passed, {counts.failed} failed, {counted(counts.errors, 'error')}, {counts.skipped} skipped  ({how})")
    for gate in found.gates:
        print(visible(f"{gate.name:6} {'ok  ' if gate.ok and gate.ran else '--  ' if gate.ok else 'FAIL'} {gate.summary}"))
        for finding in gate.findings:
            print(visible(f"       {finding}"))
    for line in words_of(found.weight) if found.weight else ():
        print(visible(line))
    for flag in found.flags:
        print(visible(f"!      {flag}"))
    print("passed" if found.passed else "interrupted" if found.was_interrupted else "failed")
