"""One fresh pytest process a run: slower, and what may be called proof."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from refine_tui.core.evidence import CaseResult
from refine_tui.evaluation.settings import Place
from refine_tui.evaluation.standby import Standby
from refine_tui.evaluation.stream import ENDED, Gathered, Lines, files_of
from refine_tui.loop.ports.running import Cancelled, OnCase, Running, Sandbox

_POLL_S = 0.04
RESTARTS = 20
"""How many tests may take their process down before the run is given up."""


@dataclass(frozen=True)
class Job:
    """What to run."""

    node_ids: tuple[str, ...] | None = None
    """`None`: everything that pytest finds."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """New content over the tree."""
    limit_s: float = 60.0
    stop_at_first: bool = False
    better_than: Collection[str] | None = None
    """See `Evaluator.run`."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Node id → seconds, for tests that get less than the full time."""
    patient: Collection[str] | None = None
    """Tests that get their full time even where others were stuck; `None`: all of them."""
    trace: bool = False
    known: Collection[str] = ()
    """Tests that need not be traced: what they execute is known."""
    reverse: bool = False
    hash_seed: int = 0
    plugins: Mapping[str, object] = field(default_factory=dict)
    """Stand-alone files of ours with a pytest plugin that takes part: name → what it is told."""

    def plan(self, place: Place, node_ids: Sequence[str] | None, left_s: float, so_far: Gathered) -> dict[str, object]:
        """Return the plan that the script inside reads."""
        return {
            "project": str(place.project),
            "paths": list(place.settings.paths) if node_ids is None else files_of(node_ids),
            "ids": None if node_ids is None else list(node_ids),
            "args": list(place.settings.arguments),
            "changed": list(self.files),
            "test_limit_s": place.settings.test_limit_s,
            "most_s": min(place.settings.test_limit_s, self.limit_s),
            "limits": dict(self.limits),
            "shorten": self.patient is not None,
            "patient": list(self.patient or ()),
            "stuck": so_far.stuck,
            "budget_s": left_s,
            "runner": "pytest" if place.interpreter.pytest else "unittest",
            "trace": self.trace,
            "known": list(self.known),
            "seed": self.hash_seed,
            "reverse": self.reverse,
            "stop_at_first": self.stop_at_first,
            "better_than": None if self.better_than is None else list(self.better_than),
            "plugins": dict(self.plugins),
        }


@dataclass
class Ran:
    """How a run went."""

    gathered: Gathered
    duration_s: float
    output: str
    processes: int
    """Processes that were started or forked for it."""


@dataclass
class Tally:
    """What an evaluator has done so far."""

    forks: int = 0
    """Copies of the warm parent."""
    processes: int = 0
    """Fresh pytest processes."""
    tests: int = 0
    """Tests that were begun, in either."""

    def add(self, ran: Ran, *, warm: bool) -> None:
        """Count one run."""
        self.forks += ran.processes if warm else 0
        self.processes += 0 if warm else ran.processes
        self.tests += ran.gathered.started


def run_cold(
    place: Place, sandbox: Sandbox, job: Job, cancelled: Cancelled, on_case: OnCase | None = None, standby: Standby | None = None
) -> Ran:
    """Run tests, each time in a new process after one of them took the process down; the first may be one that stands by."""
    began = time.monotonic()
    gathered = Gathered(job.node_ids, on_case)
    node_ids, output = job.node_ids, ""
    processes = 0
    for _ in range(RESTARTS):
        left = began + job.limit_s - time.monotonic()
        if left <= 0 or cancelled():
            gathered.stopped = "cancelled" if left > 0 else "time"
            break
        processes += 1
        running, lines = _started(
            place, sandbox, job, job.plan(place, node_ids, left, gathered), left, standby if processes == 1 else None, cancelled
        )
        with running:
            again = _follow(running, lines, gathered, began + job.limit_s, cancelled)
            output = running.stderr_tail
        node_ids = gathered.remaining()
        if not again or not node_ids or (job.stop_at_first and any(case.is_red for case in gathered.cases.values())):
            break
    else:
        gathered.stopped = "crash"
    gathered.settle()
    return Ran(gathered, time.monotonic() - began, output, processes)


def _started(
    place: Place, sandbox: Sandbox, job: Job, plan: dict[str, object], left_s: float, standby: Standby | None, cancelled: Cancelled
) -> tuple[Running, Lines]:
    """Return a fresh process that has begun with a plan, and what it says."""
    # What stands by has the usual seed, and no pytest configuration of a patch's was laid over the project when it started.
    fits = job.hash_seed == 0 and all(path.endswith(".py") for path in job.files)
    if fits and standby is not None and (begun := standby.begin(plan, job.files, cancelled)) is not None:
        return begun.running, begun.lines
    tools = {"plan.json": json.dumps(plan).encode()}
    running = sandbox.launch(place.launch("_cold.py", tools=tools, files=job.files, wall_s=left_s + 5.0, hash_seed=job.hash_seed))
    return running, Lines(running.stdout)


def hard_limit_s(gathered: Gathered) -> float:
    """Return the seconds without a word after which the running test cannot be interrupted from within."""
    return 2 * gathered.limit_s + 2.0


def _follow(running: Running, lines: Lines, gathered: Gathered, deadline: float, cancelled: Cancelled) -> bool:
    """Read events until the process ends; say whether the remaining tests deserve a new one."""
    since = time.monotonic()
    while True:
        event = lines.next(_POLL_S)
        now = time.monotonic()
        if event is ENDED:
            return _after_death(running, gathered)
        if isinstance(event, dict):
            since = now
            gathered.feed(event)
        if cancelled():
            gathered.stopped = "cancelled"
        elif now > deadline:
            gathered.stopped = "time"
        elif gathered.running and now - since > hard_limit_s(gathered):
            running.kill()
            gathered.add(stuck(gathered.running, now - since))
            return True
        if gathered.stopped in ("cancelled", "time"):
            running.kill()
            return False


def _after_death(running: Running, gathered: Gathered) -> bool:
    status = running.wait(5.0)
    if gathered.status is not None and not gathered.running:
        return False
    if running.stopped:
        gathered.stopped = running.stopped
        if running.stopped == "time" or not gathered.running:
            return False
        gathered.stopped = ""
        gathered.add(died(gathered.running, f"stopped by the sandbox: {running.stopped} limit"))
        return True
    if gathered.running:
        gathered.add(died(gathered.running, reason_of(status)))
        return True
    gathered.stopped = gathered.stopped or f"crash: the test process ended before it could report ({reason_of(status)})"
    return False


def stuck(node: str, seconds: float) -> CaseResult:
    """The result of a test that could not even be interrupted."""
    return CaseResult(
        node, "failed", seconds, f"no result after {seconds:.0f} s; its process was ended", error="TimeLimitReached", timed_out=True
    )


def died(node: str, reason: str) -> CaseResult:
    """The result of a test that ended its process."""
    return CaseResult(node, "error", 0.0, f"the test process died: {reason}", error="Crash")


def reason_of(status: int | None) -> str:
    """Say in words how a process ended."""
    if status is None:
        return "no exit status"
    number = -status if status < 0 else status - 128 if status > 128 else 0
    try:
        return signal.Signals(number).name if number else f"exit status {status}"
    except ValueError:
        return f"exit status {status}"
