"""How long a test may take, and when a run has seen enough.

A test that is stuck in a function where another test of the same run used up its time already is given little: in a suite of which
many tests hang, one of them costs its full time and the others a fraction. What was cut short so says so in its result; it is for
whoever compares results to give it its full time where that could matter.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

SHARE = 1 / 15
"""Share of its time that a test gets once it is stuck where another one was."""
LEAST_S = 0.1
SLOWER = 5.0
"""It gets at least so many times what the slowest passing test of its file took."""
TRACED_S = 1.0
"""Seconds after which a tracer that slows a test down lets go of it; the test's time counts from then."""
AGAIN_S = 0.2
"""Seconds between interruptions of a test that goes on after the first."""
EARLY_S = 0.25
"""Seconds that failing tests may cost before a run that is to be better than another is given up."""


class TimeLimitReached(BaseException):
    """Raised in a test that used up its time; not an `Exception`, so that ordinary handlers let it through."""


TimeLimitReached.__module__ = "builtins"  # shown without a module


class Timer:
    """Interrupts the main thread when one phase of a test takes longer than it may.

    The plan says: `test_limit_s`, the full time of a phase; `most_s`, what is there of it; `limits`, shorter times for the body of some
    tests; `shorten`, whether tests may be cut short by where they are stuck; `patient`, tests that are not; `stuck`, what an earlier
    process of this run found.
    """

    def __init__(self, plan: Any, guard: Any, tracer: Any) -> None:
        self._full: float = plan.get("test_limit_s", 0)
        self._most: float = plan.get("most_s", self._full)
        self._limits: dict[str, float] = plan.get("limits") or {}
        self._shortens: bool = plan.get("shorten", False)
        self._patient = frozenset(plan.get("patient") or ())
        self._stuck: dict[str, list[Any]] = dict(plan.get("stuck") or {})
        self._slowest: dict[str, float] = {}
        self._guard = guard
        self._tracer = tracer
        self._node = ""
        self._limit = 0.0
        self._reason = ""
        self._since = 0.0
        self._before = ""
        self._armed = False
        self._previous: Any = None
        self.fired = False
        self.given_s = 0.0
        """The time that an interrupted test had, when it was less than the full one."""
        self.place = ""
        """Where a test was that used up its time: `path::function`."""

    def begin(self, node: str) -> None:
        """A test begins."""
        self._node, self.fired, self.given_s, self.place = node, False, 0.0, ""

    def limit_of(self, node: str) -> float:
        """Return the seconds that a test's body may take."""
        return min(self._most, self._limits.get(node, self._full))

    def passed(self, node: str, seconds: float) -> None:
        """A test passed: others of its file should be given as much."""
        file = node.split("::", 1)[0]
        self._slowest[file] = max(seconds, self._slowest.get(file, 0.0))

    def start(self, phase: str) -> None:
        """Arm the timer for a phase; only a test's body is ever given less than the full time, since fixtures may be shared."""
        self._limit = self.limit_of(self._node) if phase == "call" else self._most
        if self._limit <= 0 or threading.current_thread() is not threading.main_thread():
            return
        self._armed, self._before, self._since = True, "", time.monotonic()
        self._previous = signal.signal(signal.SIGALRM, self._ring)
        self._wind()

    def stop(self) -> None:
        """Disarm it and give the signal back."""
        if self._armed:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._previous if self._previous is not None else signal.SIG_DFL)

    def _wind(self) -> None:
        """Set the alarm for the next look at the test."""
        left = self._since + self._limit - time.monotonic()
        if self._tracer is not None and self._tracer.slows:
            left = min(left, self._since + min(TRACED_S, self._limit) - time.monotonic())
        if self._looks():
            left = min(left, self._short() / 2)
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))

    def _looks(self) -> bool:
        return self._shortens and bool(self._stuck) and self._node not in self._patient

    def _short(self) -> float:
        usual = SLOWER * self._slowest.get(self._node.split("::", 1)[0], 0.0)
        return max(self._limit * SHARE, LEAST_S, usual)

    def _ring(self, _signum: int, frame: Any) -> None:
        if not self._armed:
            return
        if self.fired:
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
            if self._place(frame):  # the test swallowed the first interruption
                raise TimeLimitReached(self._reason)
            return
        place, spent = self._place(frame), time.monotonic() - self._since
        if self._looks() and place in self._stuck and self._limit > self._short():
            if place == self._before:
                other, seconds = self._stuck[place]
                self._end(spent, "", f"no result after {spent:.1f} s in {place}, where {other} was stuck for {seconds:g} s")
            spent = self._let_go(spent)
        elif spent >= min(TRACED_S, self._limit):
            spent = self._let_go(spent)
        self._before = place
        if spent >= self._limit:
            short = self._limit < self._full
            of = f" of the {self._full:g} s that a test may take" if short else ""
            self._end(self._limit if short else 0.0, place, f"no result after {self._limit:g} s{of}")
        self._wind()

    def _end(self, given_s: float, place: str, reason: str) -> None:
        self.fired, self.given_s, self.place, self._reason = True, given_s, place, reason
        if place:
            self._stuck.setdefault(place, [self._node, self._limit])
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        raise TimeLimitReached(reason)

    def _let_go(self, spent: float) -> float:
        """Stop tracing this test when that slows it down; return the seconds it has had, which then begin anew."""
        if self._tracer is None or not self._tracer.slows:
            return spent
        self._tracer.let_go()
        self._since = time.monotonic()
        return 0.0

    def _place(self, frame: Any) -> str:
        """Return the innermost function of the project that is running; empty when none is."""
        while frame is not None:
            code = frame.f_code
            if self._guard.owns(code.co_filename):
                return str(self._guard.relative(code.co_filename)) + "::" + str(getattr(code, "co_qualname", code.co_name))
            frame = frame.f_back
        return ""


class Enough:
    """Says when the tests that are left would change nothing.

    The plan says: `stop_at_first`; `better_than`, the tests that pass without the change in question: nothing is better that spoils
    one of them, or passes no other one; `budget_s`, the seconds for the whole run.
    """

    def __init__(self, plan: Any) -> None:
        self._first = bool(plan.get("stop_at_first"))
        known = plan.get("better_than")
        self._known = None if known is None else frozenset(known)
        self._deadline = time.monotonic() + plan["budget_s"] if plan.get("budget_s") else None
        self._cut_short = 0
        self._wasted = 0.0
        self._is_better = False

    def after(self, node: str, failed: bool, cut_short: bool, seconds: float) -> str:
        """Take in a test's outcome; return why the run should end now: `first`, `no better`, `time`, or empty."""
        if self._deadline and time.monotonic() > self._deadline:
            return "time"
        self._cut_short += cut_short
        if self._first and failed and (not cut_short or self._cut_short > 1):
            return "first"  # a single test that was cut short may still pass with its full time
        if self._known is None:
            return ""
        if failed:
            self._wasted += seconds
        elif node not in self._known:
            self._is_better = True
        spoilt = failed and not cut_short and node in self._known
        return "no better" if spoilt or (self._wasted > EARLY_S and not self._is_better) else ""
