"""`refine-tui bench repair FILE.jsonl`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from refine_tui.bench.repair import WAYS, Conditions, RepairResult, RepairTask, Results, Way, read_tasks, result_row, write_project
from refine_tui.bench.repair_report import IN_WORDS, report
from refine_tui.bootstrap import join_parts, make_evaluator, make_sandbox, open_tree
from refine_tui.bootstrap_models import make_generator
from refine_tui.bootstrap_settings import Places
from refine_tui.cli.engine_benching import line, names
from refine_tui.core.errors import RefineError, UsageError
from refine_tui.core.proposal import Proposal
from refine_tui.core.sanitize import visible
from refine_tui.core.settings import Settings
from refine_tui.loop import events
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.session.session import Session
from refine_tui.loop.wanted import Wanted
from refine_tui.syntax import TreeSitter


@dataclass(frozen=True)
class Job:
    """One task to be worked on in one way."""

    task: RepairTask
    way: Way
    conditions: Conditions
    candidates: int | None = None
    """As many as the way took that one shot is compared with."""


def run_bench(options: argparse.Namespace) -> int:
    """Run every task that has no result yet, tell each, and print the figures; 1 when a target is missed."""
    TreeSitter(names(options.without))  # a name that does not exist is told before anything runs
    tasks = read_tasks(options.file, options.mode, options.only)
    ways = _ways(options)
    conditions = Conditions(options.mode, options.seconds, options.model or "", options.seed, options.without)
    results = Results(options.out, conditions)
    total = len(tasks) * len(ways)
    known = sum((task.id, way) in results.all for task in tasks for way in ways)
    if known:
        print(f"{known} of {total} results are in {options.out} already", file=sys.stderr)
    # One shot comes last: it is given as many candidates as the first way took.
    for stage in ([way for way in ways if way != "one-shot"], [way for way in ways if way == "one-shot"]):
        jobs = [_job(task, way, ways[0], conditions, results) for way in stage for task in tasks if (task.id, way) not in results.all]
        for result in _run(jobs, options.jobs):
            results.add(result)
            known += 1
            _tell(options.json, result, conditions, f"{known}/{total}")
    wanted = {task.id for task in tasks}
    ok = True
    for row in report({way: [r for r in results.of(way) if r.id in wanted] for way in ways}, options.mode, options.seconds):
        ok = ok and row.ok is not False
        print(json.dumps(row.as_json()) if options.json else visible(line(row)), flush=True)
    return 0 if ok else 1


def _ways(options: argparse.Namespace) -> list[Way]:
    usual: Way = "search" if options.model == "none" else "both"
    wished = names(options.ways) or (usual,)
    for way in wished:
        if way not in WAYS:
            raise UsageError(f"--ways {way}: there is no such way. There are: {', '.join(WAYS)}.")
        if way in ("both", "model") and options.model == "none":
            raise UsageError(f"--ways {way}: --model none leaves no model to work with. Name one, or the way search.")
    found = [way for way in WAYS if way in wished]
    return [usual, *found] if found == ["one-shot"] else found


def _job(task: RepairTask, way: Way, first: Way, conditions: Conditions, results: Results) -> Job:
    model = "none" if way == "search" or (way == "one-shot" and first == "search") else conditions.model
    candidates = max(1, results.all[task.id, first].candidates) if way == "one-shot" else None
    return Job(task, way, replace(conditions, model=model), candidates)


def _run(jobs: Sequence[Job], side_by_side: int) -> Iterator[RepairResult]:
    """Yield results as they come. When the reader stops, what has not begun does not begin."""
    with ProcessPoolExecutor(side_by_side, get_context("spawn")) as pool, _ended(pool):
        futures: list[Future[RepairResult]] = [pool.submit(solve, job) for job in jobs]
        for future in as_completed(futures):
            yield future.result()


@contextmanager
def _ended(pool: ProcessPoolExecutor) -> Iterator[None]:
    try:
        yield
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _tell(as_json: bool, result: RepairResult, conditions: Conditions, count: str) -> None:
    if as_json:
        print(json.dumps(result_row(result, conditions)), flush=True)
        return
    mark = "ok  " if result.correct else "over" if result.plausible else "----"
    cost = f"{result.candidates} candidates  {result.seconds:.1f} s"
    made = " + ".join(result.operators)
    told = f"{mark} {count} {result.id}  {IN_WORDS[result.way]}  {result.note}  {cost}  {result.outcome}  {made} {result.error}"
    print(visible(told), file=sys.stderr, flush=True)


def solve(job: Job) -> RepairResult:
    """Work on one task in a project of its own and judge the result. The seconds hold the first run of the tests too."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="refine-bench-") as folder:
        root = Path(folder) / "project"
        write_project(job.task, root)
        try:
            return _solved(job, root, Path(folder) / "state", began)
        except RefineError as error:
            seconds = time.monotonic() - began
            return RepairResult(job.task.id, job.task.note, job.way, "error", seconds=seconds, error=str(error))


def _solved(job: Job, root: Path, state: Path, began: float) -> RepairResult:
    from refine_tui.journal import SqliteJournal

    settings, places, seconds = _settings(job), Places(), job.conditions.seconds
    journal = SqliteJournal(state)
    evaluator = make_evaluator(root, make_sandbox(unsafe=False, state_dir=places.state), settings)
    generator, reason = make_generator(job.conditions.model, settings, places)
    tree = open_tree(root, state, journal, settings)
    parts = replace(join_parts(tree, evaluator, journal, generator, watch=False), syntax=TreeSitter(names(job.conditions.without)))
    session = Session(parts, settings, seed=job.conditions.seed, model_reason=reason)
    best: Proposal | None = None
    end: Fixed | None = None
    left = max(1.0, seconds - (time.monotonic() - began))
    try:
        is_over = lambda: time.monotonic() - began > seconds  # noqa: E731 - a question, asked many times
        for event in fix(session, evaluator, time.monotonic, Wanted(), left, is_over, search=job.way != "model"):
            if isinstance(event, events.Improved):
                best = event.candidate.proposal
            elif isinstance(event, Fixed):
                end = event
        assert end is not None  # `fix` ends with it or raises
        spent = time.monotonic() - began
        plausible = end.outcome == "solved"
        correct = plausible and (not job.task.hidden or _holds(job.task, root, end, settings))
    finally:
        session.close()
    counts = (end.candidates, end.executions, spent)
    made = (best.proposer, best.operators) if best else ("", ())
    return RepairResult(job.task.id, job.task.note, job.way, end.outcome, plausible, correct, *counts, *made)


def _settings(job: Job) -> Settings:
    settings = Settings()
    if job.candidates is None:
        return settings
    return replace(settings, budget=replace(settings.budget, rounds=1, candidates=job.candidates))


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
