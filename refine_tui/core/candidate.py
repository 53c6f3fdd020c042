"""A candidate: a proposal together with the evidence of running it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from refine_tui.core.evidence import CaseResult, Delta, GateResult, SuiteResult, delta
from refine_tui.core.mutants import Weight
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal

Verdict = Literal["solved", "improved", "same", "worse"]


@dataclass(frozen=True)
class Candidate:
    """One proposal that was tried."""

    id: str
    """`c12`: unique in its task, in order of trial."""
    proposal: Proposal
    round: int
    verdict: Verdict
    delta: Delta
    suite: SuiteResult
    parent: str = ""
    """The candidate this one was built on; empty: the user's tree."""
    gates: tuple[GateResult, ...] = ()
    flags: tuple[str, ...] = ()
    """`flaky`, `tampering: …`, `limited: …`."""
    confirmed: bool = False
    """Whether `suite` is a cold run of everything, on the tree as it is."""
    weight: Weight | None = None
    """How much the tests notice in what was changed; `None`: not measured."""
    is_test_first: bool = False
    """The patch is nothing but tests that fail as things are, for a goal that no other test speaks of: it repairs nothing."""
    by_heart: bool = False
    """It gives what the tests want without computing it, as far as can be told: it is shown, but never called solved."""


def effect(candidate: Candidate, base: SuiteResult, run: SuiteResult) -> Delta:
    """Return how a run of a candidate, or of some of its hunks, differs from the base; a test that comes first breaks nothing."""
    change, own = delta(base, run), set(awaited(candidate, run))
    return replace(change, broken=tuple(node for node in change.broken if run.by_id[node] not in own)) if own else change


def awaited(candidate: Candidate, run: SuiteResult) -> tuple[CaseResult, ...]:
    """Return how the tests ended that a candidate puts first; of a repair none."""
    return tuple(case for case in run.cases if candidate.is_test_first and adds_test(candidate.proposal.patch, case.node_id))


def adds_test(patch: Patch, node_id: str) -> bool:
    """Say whether a test lies in a file that a patch creates, or is a function that it adds to a file."""
    path, _, name = node_id.partition("::")
    define = f"def {name.partition('[')[0]}(".encode()
    own = (file for file in patch.files if file.path == path)
    return any(file.creates or any(edit.new.startswith(define) or b"\n" + define in edit.new for edit in file.edits) for file in own)


def changed_lines(proposal: Proposal) -> int:
    """Return the size of a change: lines removed plus lines added."""
    return sum(max(1, e.old.count(b"\n") + e.new.count(b"\n")) for file in proposal.patch.files for e in file.edits)


def rank(candidate: Candidate) -> tuple[int, int, int, int, int, float]:
    """Return the sort key by which the better of two candidates is the smaller.

    Lexicographic: fewer newly broken tests, more fixed tests, fewer failed gates, fewer flags, a smaller change, a more likely one.
    Equal candidates keep the earlier one, so sort stably.
    """
    return (
        len(candidate.delta.broken),
        -len(candidate.delta.fixed),
        sum(not gate.ok for gate in candidate.gates),
        len(candidate.flags),
        changed_lines(candidate.proposal),
        -candidate.proposal.score,
    )
