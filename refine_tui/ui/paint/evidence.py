"""Why a proposal exists and what running it showed, in words."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from refine_tui.core.evidence import Baseline, CaseResult, SuiteResult
from refine_tui.core.isolation import Level
from refine_tui.core.review import Review
from refine_tui.core.sanitize import has_hidden
from refine_tui.ui.paint.ink import ink
from refine_tui.ui.proof import Proof, failure_before, proof_of

_SHOWN_TESTS = 40
_FOUND_BY = {"search": "found by search", "model": "written by the model", "user": "your own edit", "combination": "two finds together"}


def short_test(node_id: str) -> str:
    """Return a test's name without its file; the Tests screen has the whole node id."""
    return node_id.partition("::")[2] or node_id


def paint_why(review: Review, baseline: Baseline | None) -> list[Content]:
    """Say what was changed and which failure it answers, with the values that were compared."""
    proposal = review.candidate.proposal
    found_by = _FOUND_BY.get(proposal.proposer, proposal.proposer)
    rows = [ink(("Why  ", "bold"), proposal.note or review.task.goal, (f"  ({found_by})", "$diff-number"))]
    for node in (review.candidate.delta.fixed or review.task.targets)[:3]:
        case = failure_before(node, baseline)
        if case is not None:
            rows.append(ink("  ", short_test(node), " failed: ", (_reason(case), "$error")))
    if review.task.note:
        rows.append(ink(("Your note  ", "bold"), review.task.note))
    if any(has_hidden(line) for hunk in review.hunks for line in hunk.added):
        rows.append(ink(("! Hidden  ", "bold $warning"), "the new lines hold characters that cannot be seen; they are shown as <U+…>"))
    return rows


def paint_evidence(review: Review, baseline: Baseline | None) -> list[Content]:
    """Say what the tests did before and after, how the run was isolated, and what is doubtful."""
    proof = proof_of(review, baseline)
    if review.state == "stale":
        return [
            ink(("Evidence  ", "bold"), ("none for the file as it is now", "bold $warning")),
            ink("  The file was changed after the proposal was made. Its task is queued again."),
        ]
    if proof.suite is None:
        return [
            ink(("Evidence  ", "bold"), (f"{proof.of}: not run yet", "bold $warning")),
            ink("  t runs exactly the accepted hunks; w does so before it writes"),
        ]
    return [*_headline(proof, review), *_effects(proof, proof.suite, baseline), *_doubts(review, proof.suite)]


def _headline(proof: Proof, review: Review) -> list[Content]:
    suite = proof.suite
    assert suite is not None
    word, style = {
        "green": ("ok", "bold $success"),
        "partly": ("some still fail", "bold $warning"),
        "red": ("RED", "bold reverse $error"),
        "unknown": ("not run", "bold $warning"),
    }[proof.standing]
    cold = "warm" if suite.warm and not review.candidate.confirmed else "confirmed cold"
    facts = f"  {len(suite.cases)} tests, {cold}, {suite.level.value}, {suite.duration_s:.1f} s"
    return [ink(("Evidence  ", "bold"), f"{proof.of}: ", (word, style)), ink((facts, "$diff-number"))]


def _effects(proof: Proof, suite: SuiteResult, baseline: Baseline | None) -> Iterator[Content]:
    changed = proof.delta
    for node in changed.broken[:_SHOWN_TESTS]:
        yield ink("  ", ("ok -> FAIL", "bold $error"), f"  {short_test(node)}  ", (_reason(suite.by_id.get(node)), "$error"))
    for node in changed.fixed[:_SHOWN_TESTS]:
        yield ink("  ", ("FAIL -> ok", "bold $success"), f"  {short_test(node)}")
    for node in changed.still_red[:_SHOWN_TESTS]:
        yield ink("  ", ("FAIL -> FAIL", "$warning"), f"  {short_test(node)}  ", (_reason(suite.by_id.get(node)), "$diff-number"))
    left_out = sum(max(0, len(group) - _SHOWN_TESTS) for group in (changed.broken, changed.fixed, changed.still_red))
    if left_out:
        yield ink(f"  and {left_out} more")
    untouched = len(suite.cases) - len(changed.broken) - len(changed.fixed) - len(changed.still_red)
    if untouched > 0:
        yield ink((f"  unchanged   {untouched} other tests", "$diff-number"))
    if baseline is None:
        yield ink(("  compared with the tree as it was when the proposal was made", "$diff-number"))


def _doubts(review: Review, suite: SuiteResult) -> Iterator[Content]:
    for flag in review.candidate.flags:
        yield ink(("! ", "bold $warning"), (flag, "$warning"))
    for gate in review.candidate.gates:
        yield ink("  ", (f"{gate.name} ok", "$success") if gate.ok else (f"! {gate.name}: {gate.summary}", "bold $warning"))
    if suite.stopped:
        yield ink(("! ", "bold $error"), f"the run ended early: {suite.stopped}")
    for reason in suite.limited:
        yield ink(("! ", "bold $warning"), f"limited by the sandbox: {reason}")
    if suite.level is Level.UNSAFE:
        yield ink(("! run without isolation", "bold $error"))


def _reason(case: CaseResult | None) -> str:
    if case is None:
        return ""
    return "timed out" if case.timed_out else case.message or case.error
