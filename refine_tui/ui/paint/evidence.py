"""Why a proposal exists and what running it showed, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.content import Content

from refine_tui.core.evidence import Baseline, CaseResult, SuiteResult
from refine_tui.core.isolation import Level
from refine_tui.core.mutants import Weight
from refine_tui.core.review import Review
from refine_tui.core.sanitize import has_hidden
from refine_tui.ui.paint.ink import fit, ink
from refine_tui.ui.proof import Proof, failure_before, is_as_proposed, proof_of

_SHOWN_TESTS = 40
_LABEL = ("Evidence  ", "bold")
_FOUND_BY = {
    "search": "found by search",
    "model": "written by the model",
    "user": "your own edit",
    "combination": "two finds together",
    "outside": "brought in from outside",
}


def short_test(node_id: str) -> str:
    """Return a test's name without its file; the Tests screen has the whole node id."""
    return node_id.partition("::")[2] or node_id


def paint_why(review: Review) -> list[Content]:
    """Say what was changed, by whom, and what the user said about it."""
    proposal = review.candidate.proposal
    found_by = _FOUND_BY.get(proposal.proposer, proposal.proposer)
    rows = [ink(("Why       ", "bold"), proposal.note or review.task.goal, (f"  ({found_by})", "$diff-number"))]
    rows += _asked(dict(proposal.detail))
    if review.task.note:
        rows.append(ink(("Your note ", "bold"), review.task.note))
    if any(has_hidden(line) for hunk in review.hunks for line in hunk.added):
        rows.append(ink(("! Hidden  ", "bold $warning"), "the new lines hold characters that cannot be seen; they are shown as <U+…>"))
    return rows


def _asked(detail: Mapping[str, str]) -> Iterator[Content]:
    """Say how a model was asked, what each part of its prompt cost, and what did not fit into it."""
    if "prompt" in detail:
        asked = f"{detail['prompt']}, tokens: {detail['parts']}" if "parts" in detail else detail["prompt"]
        yield ink(("Asked     ", "bold"), detail.get("model", ""), (f"  {asked}", "$diff-number"))
    if "left out" in detail:
        yield ink(("! Not told ", "bold $warning"), f"{detail['left out']}: there was no room in the prompt")


def paint_evidence(review: Review, baseline: Baseline | None, width: int) -> list[Content]:
    """Say what the tests did before and after, how the run was isolated, and what is doubtful, in lines of about `width` cells."""
    proof = proof_of(review, baseline)
    if review.state == "stale":
        return [
            ink(_LABEL, ("none for the file as it is now", "bold $warning")),
            ink("  The file was changed after the proposal was made. Its task is queued again."),
        ]
    if review.state == "applied":
        # Once the tree is another one, as after an undo, the run before it is not known any more.
        how = f", run before: {_how(proof.suite)}" if proof.suite else ""
        return [ink(_LABEL, (f"written as #{review.application}", "bold $success"), how)]
    if proof.suite is None:
        return [
            ink(_LABEL, (f"{proof.of}: not run yet", "bold $warning")),
            ink("  t runs exactly the accepted hunks; w does so before it writes"),
            *_failing_now(review, baseline, width),
        ]
    return [
        *_headline(proof, proof.suite, width),
        *_effects(proof, proof.suite, baseline, width),
        *_doubts(review, proof.suite),
        *(_noticed(review.candidate.weight, width) if is_as_proposed(review) else ()),
    ]


def _failing_now(review: Review, baseline: Baseline | None, width: int) -> Iterator[Content]:
    for node in review.task.targets[:_SHOWN_TESTS]:
        if case := failure_before(node, baseline):
            yield from _test_lines(("fails now", "$error"), node, _reason(case), width)


def _headline(proof: Proof, suite: SuiteResult, width: int) -> list[Content]:
    word, style = {
        "green": ("ok", "bold $success"),
        "partly": ("some still fail", "bold $warning"),
        "red": ("RED", "bold reverse $error"),
        "waits": ("fails now, as it should", "bold $success"),
        "unknown": ("not run", "bold $warning"),
    }[proof.standing]
    return _joined(ink(_LABEL, f"{proof.of}: ", (word, style)), _how(suite), width)


def _how(suite: SuiteResult) -> str:
    cold = "warm" if suite.warm else "cold"
    return f"{len(suite.cases)} tests, {cold}, {suite.level.value}, {suite.duration_s:.1f} s"


def _effects(proof: Proof, suite: SuiteResult, baseline: Baseline | None, width: int) -> Iterator[Content]:
    changed = proof.delta
    if proof.amiss:
        yield from _joined(ink("  ", ("not what has to fail now", "bold $error")), proof.amiss, width)
    for case in () if proof.amiss else proof.waiting[:_SHOWN_TESTS]:
        yield from _test_lines(("fails now", "$success"), case.node_id, f"as it should: {_reason(case)}", width)
    for node in changed.broken[:_SHOWN_TESTS]:
        yield from _test_lines(("ok -> FAIL", "bold $error"), node, _reason(suite.by_id.get(node)), width)
    for node in changed.fixed[:_SHOWN_TESTS]:
        was = _reason(failure_before(node, baseline))
        yield from _test_lines(("FAIL -> ok", "bold $success"), node, f"was {was}" if was else "", width)
    targets = [node for node in changed.still_red if node in proof.targets]
    for node in targets[:_SHOWN_TESTS]:
        yield from _test_lines(("FAIL -> FAIL", "$warning"), node, _reason(suite.by_id.get(node)), width)
    left_out = sum(max(0, len(group) - _SHOWN_TESTS) for group in (changed.broken, changed.fixed, targets))
    if left_out:
        yield ink(f"  and {left_out} more")
    others = len(changed.still_red) - len(targets)
    passing = sum(case.outcome != "skipped" and not case.is_red and case.node_id not in changed.fixed for case in suite.cases)
    rest = [f"{passing} pass as before"] if passing > 0 else []
    rest += [f"{others} of other tasks fail as before"] if others else []
    if rest:
        yield ink((f"  {', '.join(rest)}", "$diff-number"))
    if baseline is None:
        yield ink(("  compared with the tree as it was when the proposal was made", "$diff-number"))


def _test_lines(effect: tuple[str, str], node: str, reason: str, width: int) -> list[Content]:
    return _joined(ink("  ", effect, f"  {short_test(node)}"), reason, width)


def _joined(line: Content, detail: str, width: int) -> list[Content]:
    """Put a detail behind a line where there is room, else below it."""
    said = ink((detail, "$diff-number"))
    if not detail or line.cell_length + 2 + said.cell_length <= width:
        return [Content.assemble(line, "  ", said) if detail else line]
    return [fit(line, width), Content.assemble("      ", said)]


def _doubts(review: Review, suite: SuiteResult) -> Iterator[Content]:
    for flag in review.candidate.flags:
        yield ink(("! ", "bold $warning"), (flag, "$warning"))
    for gate in review.candidate.gates:
        yield ink("  ", (f"{gate.name} ok", "$success") if gate.ok else (f"! {gate.name}: {gate.summary}", "bold $warning"))
    for node in (node for node in suite.flaky if node in suite.by_id and suite.by_id[node].is_red):
        yield ink(("! ", "bold $warning"), f"not counted: {short_test(node)} fails at times, without the patch too")
    if suite.stopped:
        yield ink(("! ", "bold $error"), f"the run ended early: {suite.stopped}")
    for reason in suite.limited:
        yield ink(("! ", "bold $warning"), f"limited by the sandbox: {reason}")
    if suite.level is Level.UNSAFE:
        yield ink(("! run without isolation", "bold $error"))


def _noticed(weight: Weight | None, width: int) -> list[Content]:
    """Say how much the tests notice in what was changed; a proof by tests that notice nothing proves nothing."""
    if weight is None or not weight.total:
        return []
    if weight.is_void:
        line = ink(("! Weak tests ", "bold $warning"), f"they notice none of {weight.total} mistakes put in here: this proves little")
        return [fit(line, width)]
    line = ink(f"  tests notice {weight.killed} of {weight.total} mistakes put in here")
    missed = f"not line {weight.survivors[0].line + 1}: {weight.survivors[0].note}" if weight.survivors else ""
    return _joined(line, missed, width)


def _reason(case: CaseResult | None) -> str:
    if case is None:
        return ""
    return "timed out" if case.timed_out else case.message.removeprefix("AssertionError: ") or case.error
