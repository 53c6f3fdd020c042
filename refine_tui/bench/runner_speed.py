"""The runner's rows of times: a warm candidate beside a cold pytest, candidates a second, what the sandbox costs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from refine_tui.bench.measuring import TIMES, Row, at_least, at_most, rounded, row
from refine_tui.bench.runner_lab import ONE, RunnerLab, Small, large, never, small
from refine_tui.bench.runner_processes import computing_s, is_there
from refine_tui.core.errors import RunnerError
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.patch import Patch
from refine_tui.loop.ports.running import Evaluator, Launch

LIMIT_S = 60.0
FORKS = """\
import json, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inside


def bare():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid


def seconds(fork):
    began = time.perf_counter()
    os.waitpid(fork(), 0)
    return time.perf_counter() - began


inside.become_parent()
copy = lambda: inside.fork_copy({"candidate.py": b"VALUE = 1"}, lambda: 0, {}, [])
print(json.dumps([(seconds(copy), seconds(bare)) for _ in range(int(sys.argv[1]))]), flush=True)
"""
"""Runs inside the sandbox: a fork with a world of its own, in turns with a plain one, each until it is gone."""


def warm_and_cold(lab: RunnerLab, repeats: int) -> Iterator[Row]:
    """One test on a candidate: warm, and in turns what `python -m pytest -q NODE` takes with nothing around it."""
    project = small(lab.folder / "small")
    costs: list[tuple[float, float, float]] = []
    with ready(lab, project) as evaluator:
        for number in range(repeats):
            cold = seconds_of(lambda: cold_pytest(lab, project.root, ONE))
            warm, suite = timed(evaluator, project.candidate(number), (ONE,))
            costs.append((warm, cold, suite.cases[0].duration_s))
    warm_s, cold_s = (statistics.median(cost[place] for cost in costs) for place in (0, 1))
    note = f"warm {1e3 * warm_s:.1f} ms, cold {1e3 * cold_s:.0f} ms"
    yield at_least(row("warm candidate, one test, of cold pytest", [cold / warm for warm, cold, _ in costs], TIMES, note=note), 10)
    above = [1e3 * (warm - own) for warm, _, own in costs]
    yield at_most(row("warm candidate above the test's own time", above, "ms", baseline=1e3 * cold_s), 35)


def candidates_a_second(lab: RunnerLab, repeats: int) -> Iterator[Row]:
    """Seven tests of a millisecond on one candidate after the other, everything on one core, beside as many cold runs of pytest."""
    project = small(lab.folder / "seven")
    with one_core() as where, ready(lab, project) as evaluator:
        rates, cold, computed = [], [], 0.0
        for turn in range(max(1, repeats // 5)):
            numbers = range(10 * turn, 10 * turn + 10)
            before = computing_s()
            spent = seconds_of(lambda: [timed(evaluator, project.candidate(number), project.tests) for number in numbers])  # noqa: B023
            computed += computing_s() - before
            rates.append(10 / spent)
            cold.append(1 / seconds_of(lambda: cold_pytest(lab, project.root, "test_work.py")))
    baseline = statistics.median(cold)
    note = f"{1e3 * computed / (10 * len(rates)):.0f} ms of computing each" if is_there() else ""
    found = row(f"candidates a second, seven tests of 1 ms, {where}", rates, "/s", baseline=baseline, note=note)
    yield at_least(replace(found, ratio=rounded((found.value or 0.0) / baseline)), 25)


def sandbox_cost(lab: RunnerLab, repeats: int, files: int) -> Iterator[Row]:
    """Starting a process in a copy of a large project against starting it bare; then a fork with a copy against a plain fork."""
    project = large(lab.folder / "large", files)
    started = seconds_of(lambda: launched(lab, project))
    pairs = [(seconds_of(lambda: launched(lab, project)), seconds_of(lambda: bare(project))) for _ in range(repeats)]
    plain = 1e3 * statistics.median(cost for _, cost in pairs)
    note = f"the first one {1e3 * started:.0f} ms"
    name = f"sandbox and work copy over bare, {files:,} files, start"
    yield at_most(row(name, [1e3 * (ours - alone) for ours, alone in pairs], "ms", baseline=plain, note=note), 100)
    name = f"sandbox and work copy over bare, {files:,} files, warm candidate"
    if not lab.sandbox.can_nest:
        yield Row(name, unavailable="this level gives no copy of its own to a fork: every candidate is a start")
        return
    forks = forked(lab, project, repeats)
    plain = 1e3 * statistics.median(cost for _, cost in forks)
    yield at_most(
        row(name, [1e3 * (ours - alone) for ours, alone in forks], "ms", baseline=plain, note="from the fork until it is gone"), 10
    )


# parts


@contextmanager
def ready(lab: RunnerLab, project: Small) -> Iterator[Evaluator]:
    """Give an evaluator that knows the project and runs it warm.

    Raises:
        RunnerError: it cannot run warm here.
    """
    evaluator = lab.evaluator(project.root)
    try:
        baseline = evaluator.baseline(lambda *_: None, never, limit_s=LIMIT_S)
        if not baseline.warm:
            raise RunnerError(f"candidates cannot run warm here: {baseline.cold_reason}")
        timed(evaluator, project.candidate(-1), project.tests)
        yield evaluator
    finally:
        evaluator.close()


def timed(evaluator: Evaluator, patch: Patch, nodes: tuple[str, ...]) -> tuple[float, SuiteResult]:
    """Run a candidate that passes; return its seconds and what was said.

    Raises:
        RunnerError: it did not pass, or not warm: the figure would be one of something else.
    """
    began = time.perf_counter()
    suite = evaluator.run(patch, nodes, never, limit_s=LIMIT_S)
    spent = time.perf_counter() - began
    if not suite.warm or not suite.is_green or len(suite.cases) != len(nodes):
        raise RunnerError(f"a candidate that is right did not pass warm: {suite.stopped or suite.red}")
    return spent, suite


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long something takes, on the clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cold_pytest(lab: RunnerLab, project: Path, node: str) -> None:
    """Run a test as a person does.

    Raises:
        RunnerError: it did not pass.
    """
    done = subprocess.run([str(lab.python), "-m", "pytest", "-q", node], cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunnerError(f"{lab.python} -m pytest -q {node} failed: {done.stdout[-500:]}{done.stderr[-500:]}")


def bare(project: Path) -> None:
    """Start a process that does nothing."""
    subprocess.run(["true"], cwd=project, check=True)


def launched(lab: RunnerLab, project: Path) -> None:
    """Start the same in a copy of the project.

    Raises:
        RunnerError: it did not end well.
    """
    with lab.sandbox.launch(Launch(("true",), project)) as running:
        if running.wait(LIMIT_S) != 0:
            raise RunnerError(f"a process in the sandbox did not end well: {running.stderr_tail}")


def forked(lab: RunnerLab, project: Path, count: int) -> list[tuple[float, float]]:
    """Return the seconds of forks with a copy and of plain ones.

    Raises:
        RunnerError: the sandbox could not do it.
    """
    python, prefixes = lab.plain
    argv = (python, "-I", "-S", "{tools}/forks.py", str(count))
    launch = Launch(argv, project, readable=prefixes, tools={"forks.py": FORKS.encode()}, nests=True)
    with lab.sandbox.launch(launch) as running:
        said = running.stdout.read()
        running.wait(LIMIT_S)
        tail = running.stderr_tail
    if not said:
        raise RunnerError(f"forks could not be measured: {tail}")
    return [(ours, plain) for ours, plain in json.loads(said)]


@contextmanager
def one_core() -> Iterator[str]:
    """Keep every thread of this program, and so all that it starts meanwhile, on one core where that can be had; say what is kept."""
    if not hasattr(os, "sched_setaffinity"):
        yield "cores not limited"
        return
    before = os.sched_getaffinity(0)
    keep_on({max(before)})
    try:
        yield "one core"
    finally:
        keep_on(before)


def keep_on(cores: set[int]) -> None:
    """Let every thread of this program run on these cores only."""
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread.name), cores)
