"""`refine-tui bench repair FILE.jsonl`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from refine_tui.bench.repair import RepairResult, RepairTask, read_tasks, result_row, rows, write_project
from refine_tui.bootstrap import Places, join_parts, make_evaluator, make_generator, make_sandbox, open_tree
from refine_tui.core.errors import RefineError
from refine_tui.core.sanitize import visible
from refine_tui.core.settings import Settings
from refine_tui.loop import events
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.session import Session
from refine_tui.loop.wanted import Wanted


def run_bench(options: argparse.Namespace) -> int:
    """Run every task and print a row for each and the shares at the end; 1 when a share misses its target."""
    tasks = read_tasks(options.file, options.mode, options.only)
    solve = partial(solve_one, model=options.model or "", seconds=options.seconds, seed=options.seed)
    results = []
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        for result in pool.map(solve, tasks):
            results.append(result)
            _tell(options.json, result, len(results), len(tasks))
    ok = True
    for row in rows(results, options.mode):
        ok = ok and row["ok"] is not False
        target = f"  target {row['target']} {'ok' if row['ok'] else 'MISSED'}" if row["target"] else ""
        print(json.dumps(row) if options.json else f"{row['row']:44} {row['value']:8} {row['unit']}  {row['note']}{target}", flush=True)
    return 0 if ok else 1


def _tell(as_json: bool, result: RepairResult, done: int, total: int) -> None:
    if as_json:
        print(json.dumps(result_row(result)), flush=True)
        return
    mark = "ok  " if result.correct else "----"
    cost = f"{result.candidates} candidates  {result.seconds:.1f} s"
    told = f"{mark} {done}/{total} {result.id}  {result.note}  {cost}  {result.operator} {result.error}"
    print(visible(told), file=sys.stderr, flush=True)


def solve_one(task: RepairTask, *, model: str, seconds: float, seed: int) -> RepairResult:
    """Work on one task in a project of its own and judge the result. `seconds` holds the first run of the tests too."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="refine-bench-") as folder:
        root = Path(folder) / "project"
        write_project(task, root)
        try:
            return _solved(task, root, Path(folder) / "state", model, seconds, seed, began)
        except RefineError as error:
            return RepairResult(task.id, task.note, "error", False, False, 0, 0, time.monotonic() - began, "", str(error))


def _solved(task: RepairTask, root: Path, state: Path, model: str, seconds: float, seed: int, began: float) -> RepairResult:
    from refine_tui.journal import SqliteJournal

    settings, places = Settings(), Places()
    journal = SqliteJournal(state)
    evaluator = make_evaluator(root, make_sandbox(unsafe=False, state_dir=places.state), settings)
    generator, reason = make_generator(model, settings, places)
    tree = open_tree(root, state, journal, settings)
    session = Session(join_parts(tree, evaluator, journal, generator, watch=False), settings, seed=seed, model_reason=reason)
    operator, end = "", None
    try:
        for event in fix(session, evaluator, time.monotonic, Wanted(), _left(seconds, began), lambda: time.monotonic() - began > seconds):
            if isinstance(event, events.Improved):
                operator = event.candidate.proposal.operator
            elif isinstance(event, Fixed):
                end = event
        assert end is not None  # `fix` ends with it or raises
        spent = time.monotonic() - began
        plausible = end.outcome == "solved"
        correct = plausible and (not task.hidden or _holds(task, root, end, settings))
    finally:
        session.close()
    return RepairResult(task.id, task.note, end.outcome, plausible, correct, end.candidates, end.executions, spent, operator)


def _left(seconds: float, began: float) -> float:
    return max(1.0, seconds - (time.monotonic() - began))


def _holds(task: RepairTask, root: Path, end: Fixed, settings: Settings) -> bool:
    """Say whether the repaired project passes the hidden tests; the visible ones are not run again."""
    for path, data in end.patch.apply(end.tree).items():
        (root / path).write_bytes(data)
    for name in task.files:
        if name.startswith("test_"):
            (root / name).unlink()
    for name, text in task.hidden.items():
        (root / name).write_text(text, "utf-8")
    evaluator = make_evaluator(root, make_sandbox(unsafe=False, state_dir=Places().state), settings)
    try:
        return evaluator.baseline(lambda *_: None, lambda: False, limit_s=60.0, coverage=False).suite.is_green
    finally:
        evaluator.close()
