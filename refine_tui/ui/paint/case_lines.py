"""Tests and their outcomes, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from textual.content import Content

from refine_tui.core.amounts import counted
from refine_tui.core.evidence import Baseline, CaseResult
from refine_tui.loop.session.state import State
from refine_tui.ui.live import Live
from refine_tui.ui.paint.empty import meter
from refine_tui.ui.paint.entry import Entry
from refine_tui.ui.paint.ink import block, fits, ink, spread

_OUTCOMES = {
    "passed": ("ok   ", "$success"),
    "failed": ("FAIL ", "bold $error"),
    "error": ("ERROR", "bold $error"),
    "skipped": ("skip ", "$warning"),
    "xfailed": ("xfail", "$diff-number"),
    "xpassed": ("xpass", "$warning"),
}
_SLOW_S = 1.0
_RECENT = 100
"""Tests that did not fail and are listed while a run is under way."""


def shown_cases(state: State, live: Live) -> tuple[CaseResult, ...]:
    """Return the results to show, failures first: the last complete ones, or what a run under way brought lately."""
    if state.baseline is not None and not _is_surveying(live):
        return tuple(sorted(state.baseline.suite.cases, key=lambda case: not case.is_red))
    cases = tuple(live.cases.values())
    others = [case for case in cases if not case.is_red]
    return (*(case for case in cases if case.is_red), *(others[-_RECENT:] if _is_surveying(live) else others))


def _is_surveying(live: Live) -> bool:
    return live.run is not None and live.run.what == "survey"


def paint_counts(state: State, live: Live, now: float, width: int) -> Content:
    """Paint how many tests ended how, and how far a run is."""
    cases = live.cases.values() if _is_surveying(live) or state.baseline is None else state.baseline.suite.cases
    by_outcome = Counter(case.outcome for case in cases)
    said = "  ".join(f"{count} {word}" for word in _OUTCOMES if (count := by_outcome[word]))  # type: ignore[index]
    run = live.run
    if run is not None:
        far = run.phase or f"{meter(run.done, run.total, 20)} {run.done}/{run.total or '?'}"
        done = f"{far}  {max(0.0, now - run.began_at):.0f} s "
        return spread(ink(f" {said}"), ink(done), width)
    left = ink(f" {said or 'No test was run yet.'}")
    baseline = state.baseline
    runners = _runners(baseline) if baseline else ()
    rights = [ink((runner, "$diff-number")) for runner in runners]
    return spread(left, next((right for right in rights if fits(left, right, width, gap=3)), ink("")), width)


def _runners(baseline: Baseline) -> tuple[str, ...]:
    """Return what runs the tests, and what watching them costs, the longest form first."""
    short = f"{baseline.runner}, {baseline.interpreter} "
    cost = (f"{short[:-1]}; watching lines takes {baseline.tracing:.1f} x ",) if baseline.tracing else ()
    return (*cost, short, f"{baseline.runner} ")


def case_entries(cases: Iterable[CaseResult], flaky: frozenset[str]) -> Iterator[Entry]:
    """List tests with outcome and duration."""
    for case in cases:
        took = (f"{case.duration_s:6.2f} s ", "bold $warning" if case.duration_s >= _SLOW_S else "$diff-number")
        label = (" flaky", "bold $warning") if case.node_id in flaky else ""
        yield Entry(case.node_id, ink(_OUTCOMES[case.outcome], took, case.node_id, label))


def paint_case(case: CaseResult | None, baseline: Baseline | None) -> list[Content]:
    """Paint a test's failure and the files it executes."""
    if case is None:
        return [ink(("No test is chosen.", "$diff-number"))]
    return list(_case(case, baseline))


def _case(case: CaseResult, baseline: Baseline | None) -> Iterator[Content]:
    yield ink(_OUTCOMES[case.outcome], " ", (case.node_id, "bold"))
    if case.timed_out:
        yield ink(("timed out", "bold $error"))
    if case.message:
        yield ink((case.message, "$error"))
    if case.values:
        yield ink("left  ", (case.values[0], "bold"))
        yield ink("right ", (case.values[1], "bold"))
    for frame in case.frames:
        yield ink((f"{frame.path}:{frame.line + 1}", "$accent"), f" in {frame.function}")
    if case.details:
        yield ink("")
        yield block(case.details)
    files = baseline.coverage.lines.get(case.node_id) if baseline else None
    if files:
        yield ink("")
        yield ink(("executes ", "$diff-number"), ", ".join(f"{path} ({counted(len(ran), 'line')})" for path, ran in sorted(files.items())))


def flaky_tests(state: State) -> frozenset[str]:
    """Return the tests that the base run or candidates' runs labelled as flaky."""
    known = state.baseline.suite.flaky if state.baseline else ()
    flags = (flag for review in state.reviews for flag in review.candidate.flags)
    named = (flag.partition(":")[2].strip() for flag in flags if flag.startswith("flaky"))
    return frozenset((*known, *(name for names in named for name in names.split(", ") if name)))
