"""Is it chance? Tests that fail are looked at again before anything is concluded from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from refine_tui.core.evidence import CaseResult
from refine_tui.evaluation.cold import Job, Ran

Cases = Mapping[str, CaseResult]
RunAll = Callable[[Sequence[Job]], Sequence[Cases]]
"""Runs jobs side by side, cold."""
FEW = 10
"""So many tests that a proof breaks are looked at again on the base; more of them are no chance."""
LONG_S = 60.0
"""A suite that takes longer is not run again for that."""


def look_again(
    red: Sequence[str], base: Cases, duration_s: float, run_all: RunAll, has_moved: Callable[[], bool], *, limit_s: float
) -> tuple[tuple[str, ...], ...]:
    """Run failing tests of the base twice more, with other hash seeds, one of them backwards; found while the tree moves, it is nothing.

    Returns:
        those that passed once on the same code: flaky; and those that only pass by themselves: in the company of all the others,
        in the usual order, they fail again, so what other tests leave behind is to blame.
    """
    wanted = tuple(node for node in red if "::" in node and not base[node].timed_out)
    if not wanted:
        return (), ()
    found = run_all([Job(wanted, limit_s=limit_s, hash_seed=1), Job(wanted, limit_s=limit_s, hash_seed=2, reverse=True)])
    passed = tuple(node for node in wanted if any(_passes(node, cases) for cases in found))
    if passed and has_moved():
        return (), ()
    if not passed or duration_s > LONG_S:
        return passed, ()
    (whole,) = run_all([Job(limit_s=limit_s, hash_seed=1)])
    dependent = tuple(node for node in passed if node in whole and whole[node].is_red)
    return tuple(node for node in passed if node not in dependent), dependent


def fail_at_times(ran: Ran, base: Cases, known: Sequence[str], run_all: RunAll, *, limit_s: float) -> tuple[str, ...]:
    """Return tests that failed in a proof, passed on the base, and fail there too under another hash seed.

    Everything runs, in the same order: a test that rests on the ones before it may fail alone, and be broken all the same.
    """
    broken = [node for node, case in ran.gathered.cases.items() if case.is_red and node in base and not base[node].is_red]
    doubtful = [node for node in broken if node not in known]
    if not doubtful or len(doubtful) > FEW or ran.duration_s > LONG_S or ran.gathered.stopped:
        return ()
    found = run_all([Job(limit_s=limit_s, hash_seed=seed) for seed in (1, 2)])
    return tuple(node for node in doubtful if any(node in cases and cases[node].is_red for cases in found))


def near_their_limit(ran: Ran, base: Cases) -> tuple[str, ...]:
    """Return tests that pass now, had less than their full time on the base, and now needed more than half of what they had."""
    return tuple(
        node
        for node, case in ran.gathered.cases.items()
        if node in base and not case.is_red and base[node].is_red and case.duration_s > base[node].cut_short_s / 2 > 0
    )


def gone(ran: Ran, base: Cases) -> tuple[CaseResult, ...]:
    """Return tests that passed on the base and are not there any more, as errors: a patch does not repair by making tests vanish."""
    if ran.gathered.stopped:
        return ()
    missing = (node for node, case in base.items() if case.outcome != "skipped" and not case.is_red and node not in ran.gathered.cases)
    return tuple(_gone(node, ran) for node in missing)


def _gone(node: str, ran: Ran) -> CaseResult:
    cause = ran.gathered.cause_for(node)
    if cause is None:
        return CaseResult(node, "error", message="with this patch the test is not there any more")
    return CaseResult(node, "error", 0.0, cause.message, cause.details, cause.frames, None, cause.error)


def _passes(node: str, cases: Cases) -> bool:
    return node in cases and not cases[node].is_red
