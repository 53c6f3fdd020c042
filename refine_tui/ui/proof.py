"""What is proven about the choice of hunks in front of the user, and how to say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from refine_tui.core.candidate import awaited, effect
from refine_tui.core.errors import StaleBaseError
from refine_tui.core.evidence import Baseline, CaseResult, Delta, SuiteResult
from refine_tui.core.hunks import combine
from refine_tui.core.review import Review
from refine_tui.loop.authoring.awaiting import amiss_in

Standing = Literal["green", "partly", "red", "waits", "unknown"]


@dataclass(frozen=True)
class Proof:
    """The evidence for exactly one choice of hunks."""

    of: str
    """`the whole patch`, `1 of 2 hunks`."""
    suite: SuiteResult | None
    """`None`: this choice has not been run."""
    delta: Delta
    targets: frozenset[str]
    """The tests the task is about."""
    standing: Standing
    """`green`: every target passes and nothing breaks; `partly`: nothing breaks; `red`: something breaks or the run was cut short;
    `waits`: a test that comes first fails, as it should."""
    waiting: tuple[CaseResult, ...] = ()
    """How the tests ended that come first."""
    amiss: str = ""
    """Why they are not what has to fail now."""


def proof_of(review: Review, baseline: Baseline | None) -> Proof:
    """Return what is known about the accepted hunks, or about all of them while none is accepted."""
    targets = frozenset(review.task.targets)
    chosen = review.accepted or review.hunks
    is_all = len(chosen) == len(review.hunks)
    words = "the whole patch" if is_all else f"{len(chosen)} of {len(review.hunks)} hunks"
    suite = review.accepted_evidence if review.accepted else None
    if suite is None and is_all and review.candidate.confirmed and is_as_proposed(review):
        suite = review.candidate.suite
    if suite is None:
        return Proof(words, None, Delta(), targets, "unknown")
    changed = effect(review.candidate, baseline.suite, suite) if baseline else review.candidate.delta
    if review.candidate.is_test_first:
        amiss = amiss_in(review.candidate, suite)
        standing: Standing = "red" if amiss or _standing(suite, changed, targets) == "red" else "waits"
        return Proof(words, suite, changed, targets, standing, awaited(review.candidate, suite), amiss)
    return Proof(words, suite, changed, targets, _standing(suite, changed, targets))


def is_as_proposed(review: Review) -> bool:
    """Whether the hunks together still are the candidate that was run, and not edited by the user since."""
    try:
        return combine(review.hunks, review.tree).apply(review.tree) == review.candidate.proposal.patch.apply(review.tree)
    except StaleBaseError:
        return False


def passed_before_and_after(proof: Proof, baseline: Baseline | None) -> str:
    """Return `25/30 -> 27/30`, as far as it is known."""
    if baseline is None:
        return ""
    counts = baseline.suite.counts
    before = f"{counts.passed}/{counts.total}"
    if proof.suite is None:
        return f"{before} -> not run"
    after = proof.suite.counts
    return f"{before} -> {after.passed}/{after.total}"


def failure_before(node_id: str, baseline: Baseline | None) -> CaseResult | None:
    """Return how a test failed before the patch."""
    case = baseline.suite.by_id.get(node_id) if baseline else None
    return case if case and case.is_red else None


def _standing(suite: SuiteResult, changed: Delta, targets: frozenset[str]) -> Standing:
    if changed.broken or not suite.complete or suite.stopped:
        return "red"
    return "partly" if targets & {*changed.still_red, *suite.red} else "green"
