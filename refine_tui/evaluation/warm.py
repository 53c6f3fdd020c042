"""Candidates in forks of a parent that has everything imported but the project."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Sequence
from typing import Any

from refine_tui.core.errors import RunnerError
from refine_tui.evaluation.cold import RESTARTS, Job, Ran, died, hard_limit_s, reason_of, stuck
from refine_tui.evaluation.settings import LONG_S, Place, processor_s
from refine_tui.evaluation.stream import ENDED, Gathered, Lines
from refine_tui.loop.ports.running import Cancelled, Running, Sandbox

Preloaded = tuple[Sequence[str], Sequence[Sequence[str]]]
_POLL_S = 0.04
_START_S = 60.0
_SANDBOX_ENDS = {120: "the sandbox could not set up a copy", 121: "time", 122: "memory", 123: "processes", 124: "cpu"}
"""Exit statuses by which a copy says that the sandbox ended it; see `inside.py`."""


def cold_only_reason(place: Place, sandbox: Sandbox) -> str:
    """Say why candidates cannot run in warm forks here, before one is tried; empty when they can."""
    if not place.settings.warm:
        return "warm runs are switched off"
    if not sandbox.can_nest:
        return "this isolation level gives no copy of its own to a fork"
    if not place.interpreter.can_fork:
        return "this Python cannot fork"
    return ""


class WarmRunner:
    """A parent process and the requests to it. One request at a time; `close` may come from any thread."""

    def __init__(self, place: Place, sandbox: Sandbox, preloaded: Preloaded = ((), ())) -> None:
        """Make a runner that `begin` starts with these modules and files of `preload`, or `start` with nothing."""
        self._place = place
        self._sandbox = sandbox
        self._running: Running | None = None
        self._lines: Lines | None = None
        self._number = 0
        self._restarted = False
        self._closed = threading.Event()
        self._sending = threading.Lock()
        self._is_ready = False
        self._preloaded = preloaded

    def start(self) -> None:
        """Start the parent without waiting for it.

        Raises:
            RunnerError: the runner was closed meanwhile; the parent is ended.
        """
        settings = self._place.settings
        known = {
            "project": str(self._place.project),
            "args": list(settings.arguments),
            "runner": "pytest" if self._place.interpreter.pytest else "unittest",
            "spare": settings.overlap,
            "limits": self._limits(LONG_S),
        }
        tools = {"plan.json": json.dumps(known).encode()}
        launch = self._place.launch("_warm.py", tools=tools, files={}, wall_s=LONG_S, nests=True)
        self._is_ready = False
        running = self._sandbox.launch(launch)
        self._lines, self._running = Lines(running.stdout), running
        if self._closed.is_set():  # too early to find anything to end
            self._end()
            raise RunnerError("The test runner was closed.")

    def begin(self) -> None:
        """Start the parent with what it was given to preload, and wait for it.

        Raises:
            RunnerError: as `start` and `preload`.
        """
        self.start()
        self.preload(*self._preloaded)

    def preload(self, modules: Sequence[str], compiled: Sequence[Sequence[str]]) -> None:
        """Let the parent import modules that the project takes from elsewhere, and compile files of the project.

        Raises:
            RunnerError: the parent did not start, or cannot be used after these imports.
        """
        self._preloaded = modules, compiled
        self._await_ready()
        self._send({"preload": list(modules), "compile": list(compiled)})
        self._is_ready = False
        self._await_ready()

    def run(self, job: Job, cancelled: Cancelled) -> Ran:
        """Run tests in forks, a new one after a test took the fork down.

        Raises:
            RunnerError: the parent died twice, or cannot be used.
        """
        try:
            return self._attempt(job, cancelled)
        except RunnerError:
            if self._restarted or self._closed.is_set():
                raise
            self._restarted = True
            self._end()
            self.begin()
            return self._attempt(job, cancelled)

    def refresh(self) -> None:
        """The tree changed: what a child has read of it beforehand counts no more."""
        if self._running is not None:
            with contextlib.suppress(RunnerError):  # the next run will find out
                self._send({"drop": True})

    def close(self) -> None:
        """End the parent and everything it started."""
        self._closed.set()
        self._end()

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.kill()
            running.__exit__(None, None, None)

    def _attempt(self, job: Job, cancelled: Cancelled) -> Ran:
        assert job.node_ids is not None, "a warm run names its tests"
        self._await_ready()
        began = time.monotonic()
        gathered = Gathered(job.node_ids)
        remaining, output, processes = job.node_ids, "", 0
        for _ in range(RESTARTS):
            left = began + job.limit_s - time.monotonic()
            if left <= 0:
                gathered.stopped = "time"
                break
            processes += 1
            self._request(job, remaining, left, gathered)
            again, output = self._follow(gathered, began + job.limit_s, cancelled)
            remaining = gathered.remaining()
            if not again or not remaining or (job.stop_at_first and any(case.is_red for case in gathered.cases.values())):
                break
        else:
            gathered.stopped = "crash"
        gathered.settle()
        return Ran(gathered, time.monotonic() - began, output, processes)

    def _request(self, job: Job, node_ids: Sequence[str], left_s: float, so_far: Gathered) -> None:
        self._number += 1
        self._send(
            {
                "number": self._number,
                "files": {path: base64.b64encode(data).decode() for path, data in job.files.items()},
                "plan": job.plan(self._place, node_ids, left_s, so_far),
                "limits": self._limits(left_s),
                "spare_fits": all(path.endswith(".py") for path in job.files),  # a spare child has read pytest's configuration
            }
        )

    def _limits(self, wall_s: float) -> dict[str, float]:
        limits = self._place.settings.limits
        bounds = {"memory_bytes": limits.memory_bytes, "processes": limits.processes, "disk_bytes": limits.disk_bytes}
        return {"wall_s": wall_s, "cpu_s": processor_s(limits, wall_s), **bounds}

    def _send(self, request: dict[str, object]) -> None:
        running = self._running
        if running is None:
            raise RunnerError("The test runner is closed.")
        try:
            with self._sending:  # a save is told from another thread than the one that runs candidates
                running.stdin.write(json.dumps(request).encode() + b"\n")
                running.stdin.flush()
        except (OSError, ValueError) as error:
            raise RunnerError(self._epitaph()) from error

    def _event(self) -> Any:
        lines = self._lines
        event = lines.next(_POLL_S) if lines and not self._closed.is_set() else ENDED
        if event is ENDED:
            raise RunnerError(self._epitaph())
        return event

    def _epitaph(self) -> str:
        if self._closed.is_set() or self._running is None:
            return "The test runner was closed."
        tail = self._running.stderr_tail.strip().splitlines()[-1:]
        return f"The warm test runner died: {self._running.stopped or (tail[0] if tail else reason_of(self._running.wait(0.5)))}"

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self._is_ready:
            event = self._event()
            if event and event.get("event") == "ready":
                self._is_ready = True
                if event["threads"]:
                    raise RunnerError(f"the project's dependencies start threads ({event['threads'][0]}) when they are imported")
                if event.get("refused"):
                    raise RunnerError(event["refused"])
            elif time.monotonic() > deadline:
                raise RunnerError(f"the warm parent was not ready after {_START_S:.0f} s")

    def _follow(self, gathered: Gathered, deadline: float, cancelled: Cancelled) -> tuple[bool, str]:
        """Read events until the child is done; say whether the remaining tests deserve another one, and what was printed."""
        since, killed = time.monotonic(), ""
        while True:
            event, now = self._event(), time.monotonic()
            if event and event["event"] == "done":
                if event["number"] == self._number:
                    return self._after(event, gathered, killed), event["output"]
            elif event:
                since = now
                gathered.feed(event)
                if event["event"] == "end" and not gathered.running and self._place.settings.overlap:
                    return False, event["output"]  # the child is still on its way out; the next request does not wait for that
            if not killed:
                killed = self._end_reason(gathered, now > deadline, now - since > hard_limit_s(gathered), cancelled)
                if killed:
                    self._send({"kill": self._number})

    def _end_reason(self, gathered: Gathered, late: bool, hangs: bool, cancelled: Cancelled) -> str:
        if cancelled():
            return "cancelled"
        if late:
            return "time"
        return "stuck" if hangs and gathered.running else ""

    def _after(self, event: dict[str, Any], gathered: Gathered, killed: str) -> bool:
        if killed == "stuck" and gathered.running:
            gathered.add(stuck(gathered.running, hard_limit_s(gathered)))
            return True
        if killed in ("cancelled", "time"):
            gathered.stopped = killed
            return False
        if gathered.status is not None and not gathered.running:
            return False
        reason = _SANDBOX_ENDS.get(event["status"], "")
        if gathered.running and reason != "time":
            gathered.add(died(gathered.running, f"{reason} limit" if reason else reason_of(event["status"])))
            return True
        gathered.stopped = reason or f"crash: the test process ended before it could report ({reason_of(event['status'])})"
        return False
