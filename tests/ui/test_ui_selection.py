from __future__ import annotations

from refine_tui.core.candidate import Candidate
from refine_tui.core.evidence import Delta, SuiteResult
from refine_tui.core.hunks import split_hunks
from refine_tui.core.patch import patch_between
from refine_tui.core.proposal import Proposal
from refine_tui.core.review import Review
from refine_tui.core.scope import Scope
from refine_tui.core.task import Task
from refine_tui.core.text import Span
from refine_tui.ui.selection import Selection, next_undecided


def make_review() -> Review:
    """Return a review of three hunks, h1 to h3."""
    tree = {"a.py": b"one\n\ntwo\n\nthree\n"}
    patch = patch_between(tree, {"a.py": b"1\n\n2\n\n3\n"})
    proposal = Proposal(patch, "search", "constant.integer", "", Scope("a.py", "f", "function", Span(0, 4), 0, 1), 0, 0.0)
    candidate = Candidate("c1", proposal, 1, "solved", Delta(("t",)), SuiteResult())
    return Review("p1", Task("t1", "goal", ("t",)), candidate, tuple((hunk, "undecided") for hunk in split_hunks(patch, tree)), tree)


def test_the_next_undecided_hunk_passes_over_decided_ones_and_begins_anew_after_the_last() -> None:
    review = make_review().decide("h2", "accepted")
    assert next_undecided(Selection("p1", "h1"), review).hunk == "h3"
    assert next_undecided(Selection("p1", "h3"), review).hunk == "h1"
    decided = review.decide("h1", "rejected").decide("h3", "rejected")
    assert next_undecided(Selection("p1", "h2"), decided).hunk == "h2"
