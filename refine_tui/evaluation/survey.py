"""What the first run of the tests says about the project: whether its tests can be used, and what the user should know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import CaseResult, SuiteResult, uncollected
from refine_tui.core.isolation import Level
from refine_tui.evaluation.cold import Job, Ran
from refine_tui.evaluation.settings import Place
from refine_tui.evaluation.stream import Gathered, limits_met

SAMPLE_S = 15.0
"""Seconds of tests, by their own durations, that are run warm once to compare with the cold base run."""

_OUTPUT = 8192
"""Characters that are kept of what was printed."""


def refuse_unusable(place: Place, ran: Ran) -> None:
    """Raise what a person can act on, when the first run of the tests shows that nothing can be done with them.

    Raises:
        ProjectError: no tests, none that can be collected, pytest that does not start, or tests of another copy of the project.
    """
    gathered = ran.gathered
    if gathered.foreign and not any(path for files in gathered.coverage.values() for path in files if _in_package(path, gathered.foreign)):
        name, file = next(iter(gathered.foreign.items()))
        raise ProjectError(
            f"The tests import {name} from {file}, not from {place.project}: a patch would change nothing. "
            f"Install the project so that it is imported from here ({place.interpreter.path} -m pip install -e .), or set PYTHONPATH."
        )
    if gathered.collected or gathered.stopped == "time":
        return
    if any(_may_be_mended(case, place) for case in gathered.broken.values()):
        return
    if not place.interpreter.pytest and (gathered.status == 5 or any("'pytest'" in case.message for case in gathered.broken.values())):
        raise ProjectError(
            f"{place.interpreter.path} has no pytest, and there are no tests for unittest in {place.project}. {place.interpreter.remedy}"
        )
    if gathered.broken:
        raise ProjectError(uncollected(tuple(gathered.broken.values()), place.interpreter.chosen))
    if gathered.status == 5:
        raise ProjectError(
            f"No tests found in {place.project}. Add one, or let `refine-tui fix --characterise FILE::FUNCTION` write some; name the "
            "command that runs them ([test] command in your settings, see docs/projects.md), or choose the project with --project."
        )
    reason = failure(gathered, ran.output) or gathered.stopped
    raise ProjectError(f"pytest could not start on {place.project}: {reason}\n{ran.output.strip()[-2000:]}")


def failure(gathered: Gathered, output: str) -> str:
    """Say why pytest itself gave up, in one line; empty when it did not."""
    if gathered.status is None:
        return "" if gathered.cases else "crash"
    if gathered.status not in (3, 4):
        return ""
    lines = [line for line in output.splitlines() if line.startswith(("ERROR", "E  ", "INTERNALERROR> E", "ImportError"))]
    return (lines[-1] if lines else f"pytest ended with status {gathered.status}")[:300]


def _may_be_mended(case: CaseResult, place: Place) -> bool:
    """Say whether it lies in the project's code that a test file cannot be collected, not in the file itself or in what is installed."""
    if case.error == "ImportError" and str(place.project) in case.message:
        return True
    return case.error != "ModuleNotFoundError" and bool(case.frames) and case.frames[-1].path != case.node_id


def _in_package(path: str, names: object) -> bool:
    parts = path.split("/")
    top = parts[1] if parts[0] == "src" and len(parts) > 1 else parts[0]
    return isinstance(names, dict) and top in names


def has_outcome(node: str, gathered: Gathered) -> bool:
    """Say whether a test gave an outcome, or every test of a file that is wanted as a whole."""
    return node in gathered.cases or ("::" not in node and any(found.startswith(node + "::") for found in gathered.cases))


def suite_of(ran: Ran, level: Level) -> SuiteResult:
    """Return what a run said, as a value: cold, and nothing in it known as flaky."""
    gathered = ran.gathered
    wanted = gathered.wanted if gathered.wanted is not None else tuple(gathered.collected)
    return SuiteResult(
        cases=tuple(gathered.cases.values()),
        complete=not gathered.stopped and gathered.status in (0, 1, 2, 5) and all(has_outcome(node, gathered) for node in wanted),
        stopped=gathered.stopped or failure(gathered, ran.output),
        duration_s=ran.duration_s,
        level=level,
        limited=() if level is Level.UNSAFE else limits_met(gathered.cases.values()),
        output=ran.output[-_OUTPUT:],
    )


def verdict_of(case: CaseResult | None) -> tuple[str, str]:
    """Return what must be the same in a warm fork and in a fresh process."""
    return (case.outcome, case.error) if case else ("", "")


def sample_of(cases: Sequence[CaseResult]) -> list[str]:
    """Choose tests for the comparison: red ones first, then quick ones, for a bounded time, in the order of the run."""
    chosen: set[str] = set()
    total = 0.0
    for case in sorted(cases, key=lambda case: (not case.is_red, case.duration_s)):
        total += case.duration_s
        if total > SAMPLE_S and chosen:
            break
        chosen.add(case.node_id)
    return [case.node_id for case in cases if case.node_id in chosen]


def compare(
    suite: SuiteResult, run_warm: Callable[[Job], tuple[Ran, bool]], run_cold: Callable[[Job], Ran], *, limit_s: float
) -> tuple[Mapping[str, CaseResult], str]:
    """Run some tests of a cold base run warm; return what they said, and why warm runs can't be used, if they can't."""
    usable = [case for case in suite.cases if "::" in case.node_id and case.node_id not in suite.flaky and not case.timed_out]
    sample = tuple(sample_of(usable))
    if not sample:
        return {}, ""
    ran, warm = run_warm(Job(sample, limit_s=min(limit_s, 2 * SAMPLE_S)))
    if not warm or ran.gathered.stopped in ("cancelled", "time"):
        return {}, ""
    found = ran.gathered.cases
    differing = tuple(node for node in sample if verdict_of(found.get(node)) != verdict_of(suite.by_id[node]))
    if differing:  # once more, since a test that is flaky says nothing about warm and cold
        again = run_cold(Job(sample, limit_s=limit_s)).gathered.cases
        real = [node for node in differing if verdict_of(found.get(node)) != verdict_of(again.get(node))]
        if real:
            return found, f"{real[0]} ends differently in a warm fork than in a fresh process"
    return found, ""


def notes_on(gathered: Gathered, flaky: Sequence[str], dependent: Sequence[str] = (), runner: str = "pytest") -> tuple[str, ...]:
    """Return what the user should know about the base run."""
    notes = [] if runner.startswith("pytest") else ["pytest is not installed: tests that only pytest finds are not run"]
    if gathered.dropped:
        notes.append("options of the project that are left out here: " + ", ".join(gathered.dropped))
    notes += [f"cannot be collected: {case.place}: {case.message}" for case in gathered.broken.values()]
    for place, (first, seconds) in gathered.stuck.items():
        count = sum(case.cut_short_s > 0 and f" in {place}, where " in case.message for case in gathered.cases.values())
        if count:
            notes.append(f"cut short after less than {seconds:g} s: {count} more stuck in {place}, as {first} was")
    notes += [f"flaky: {node} failed and passed on the same code" for node in flaky]
    notes += [f"{node} fails only after other tests: it passes by itself. What they leave behind is to blame" for node in dependent]
    return tuple(notes)
