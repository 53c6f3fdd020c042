"""What Review says while there is nothing to review: what goes on, and what one can do."""

from __future__ import annotations

from textual.content import Content

from refine_tui.core.amounts import counted
from refine_tui.loop.session.state import State
from refine_tui.ui.live import Live, Run
from refine_tui.ui.paint.evidence import short_test
from refine_tui.ui.paint.ink import block, ink


def paint_empty(state: State, live: Live, now: float, *, paused: bool) -> list[Content]:
    """Paint the one thing that is true now, with the keys that lead on."""
    if live.run is not None and live.run.what == "survey":
        return paint_survey(live.run, now)
    if state.baseline is None:
        return _not_run(live)
    counts = state.baseline.suite.counts
    red = counts.failed + counts.errors
    if live.task is not None and live.job == "work":
        return [
            ink(("Working on ", "bold"), live.task.goal),
            ink(""),
            ink(f"{_tests(red)} of {counts.total} fail. The first proposal that helps appears here, already run."),
            ink("2 shows the loop at work   c stops it and keeps what it has"),
        ]
    if any(item.status == "waiting" for item in state.queue):
        first = ("Stopped. ", "bold") if paused else ""
        return [ink(first, "Tasks wait in the queue."), ink(""), ink("p goes on   3 shows the tests   g states a goal")]
    if not state.baseline.suite.complete:
        return [
            ink(("The run of your tests ended early.", "bold $warning")),
            ink(""),
            ink(f"{_tests(counts.total)} of them {'was' if counts.total == 1 else 'were'} run, {red} failed."),
            ink("p runs them all   3 shows what was run"),
        ]
    if red == 0:
        skipped = f"  {counts.skipped} skipped." if counts.skipped else ""
        return [
            ink((f"All {_tests(counts.passed)} pass.", "bold $success"), skipped),
            ink(""),
            ink("Nothing to review. When you save a file and a test fails, a proposal appears here."),
            ink("g states a goal of your own for one of your functions."),
        ]
    return [
        ink((f"{_tests(red)} fail and there is no proposal.", "bold")),
        ink(""),
        ink("3 shows the tests   g states a goal   p runs the tests again"),
    ]


def paint_survey(run: Run, now: float) -> list[Content]:
    """Paint how far the first run of all tests is."""
    elapsed = max(0.0, now - run.began_at)
    limit = f" of at most {run.limit_s:.0f} s" if run.limit_s else ""
    red = (f"   {run.red} failed", "bold $error") if run.red else ""
    return [
        ink(("Running your tests once, to know what fails.", "bold")),
        ink(""),
        ink(f"{meter(run.done, run.total, 30)}  {run.done} of {run.total or '?'}", red),
        ink(f"{elapsed:.0f} s{limit}"),
        _where(run),
        ink(""),
        ink("esc stops; what has been run is kept.   3 shows the results as they come."),
    ]


def _where(run: Run) -> Content:
    if run.phase:
        return ink(f"All have run; {run.phase}.")
    if run.total and run.done >= run.total:
        return ink("All have run; reading which lines each of them executed.")
    return ink(("last  ", "$diff-number"), short_test(run.current)) if run.current else ink("Starting Python and collecting the tests.")


def meter(done: int, total: int, width: int) -> str:
    """Return a bar of text; empty while the total is not known."""
    full = min(width, done * width // total) if total else 0
    return f"[{'#' * full}{'-' * (width - full)}]"


def _not_run(live: Live) -> list[Content]:
    if live.job:
        return [ink(("Getting ready.", "bold")), ink(""), ink("Your tests are run first, in the sandbox. Your files are not touched.")]
    if live.refused:
        return [ink(("The tests could not be run.", "bold $error")), ink(""), block(live.refused), ink(""), ink("p tries again   q quits")]
    return [ink(("The tests have not been run.", "bold")), ink(""), ink("p runs them   q quits")]


def _tests(count: int) -> str:
    return counted(count, "test")
