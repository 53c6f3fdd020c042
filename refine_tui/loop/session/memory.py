"""What a session writes to the journal and reads back after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from refine_tui.core.candidate import Candidate
from refine_tui.core.codec import decode, encode
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.review import Decision, Review
from refine_tui.loop.ports.keeping import Journal
from refine_tui.loop.session.state import QueueItem

_DECISIONS = frozenset(get_args(Decision))


def remember_review(journal: Journal, review: Review, before: Review | None = None) -> None:
    """Store a review with its decisions.

    Args:
        journal: where to.
        review: as it is now.
        before: as it was stored last. When only decisions differ, only they are stored: that happens with each key, and a review
            holds the outcome of every test.
    """
    step = _step(before, review) if before is not None else None
    if step is None:
        journal.append("proposal", encode(_light(review)), task=review.task.id)
    else:
        journal.append("mark", {"review": review.id, **step}, task=review.task.id)


def _step(before: Review, after: Review) -> dict[str, Any] | None:
    """Return what leads from one review to the next, if decisions on the same hunks are all of it."""
    if before.hunks != after.hunks:
        return None
    decisions = [decision for _, decision in after.marks]
    for step in ({"step": "undo"}, {"step": "redo"}, {"step": "decide", "decisions": decisions}):
        if _stepped(before, step) == after:
            return step
    return None


def _stepped(review: Review, row: Mapping[str, Any]) -> Review:
    """Take a step that was stored; one that does not fit changes nothing."""
    match row:
        case {"step": "undo"}:
            return review.undo()
        case {"step": "redo"}:
            return review.redo()
        case {"step": "decide", "decisions": [*decisions]} if len(decisions) == len(review.marks) and set(decisions) <= _DECISIONS:
            marks = tuple(zip(review.hunks, decisions, strict=True))
            return replace(review, marks=marks, past=(*review.past, review.marks), future=())
    return review


def remember_item(journal: Journal, item: QueueItem) -> None:
    """Store how a task stands."""
    journal.append("task", encode(item), task=item.task.id)


def remember_candidate(journal: Journal, task: str, candidate: Candidate) -> None:
    """Store one candidate that was run, with its provenance and outcome, without the full output."""
    row = {
        "id": candidate.id,
        "round": candidate.round,
        "parent": candidate.parent,
        "verdict": candidate.verdict,
        "proposer": candidate.proposal.proposer,
        "operator": candidate.proposal.operator,
        "note": candidate.proposal.note,
        "score": candidate.proposal.score,
        "detail": dict(candidate.proposal.detail),
        "patch": encode(candidate.proposal.patch),
        "delta": encode(candidate.delta),
        "seconds": candidate.suite.duration_s,
        "level": candidate.suite.level.value,
    }
    journal.append("candidate", row, task=task)


def recall(journal: Journal) -> tuple[tuple[QueueItem, ...], tuple[Review, ...], int]:
    """Return the unfinished tasks and open reviews of earlier sessions, the highest number used, and drop what cannot be read."""
    items: dict[str, QueueItem] = {}
    stored: dict[str, tuple[int, Review]] = {}
    highest = 0
    for kind in ("task", "proposal"):
        for at, _, _, task, row in journal.rows(kind):
            highest = max(highest, _number(task))
            try:
                if kind == "task":
                    items[task] = decode(QueueItem, row)
                else:
                    review = decode(Review, row)
                    stored[review.id] = (at, review)
                    highest = max(highest, _number(review.id))
            except ValueError:
                continue
    for at, _, _, _, row in journal.rows("mark"):
        since, marked = stored.get(str(row.get("review")), (at, None))
        if marked is not None and since < at:
            stored[marked.id] = (at, _stepped(marked, row))
    reviews = {id: review for id, (_, review) in stored.items()}
    open_reviews = tuple(review for review in reviews.values() if review.state in ("open", "stale"))
    held = {review.task.id for review in open_reviews}
    kept = [item for item in items.values() if item.task.id in held or item.status in ("waiting", "running", "unsolved")]
    return tuple(replace(item, status="waiting") if item.status == "running" else item for item in kept), open_reviews, highest


def _number(id: str) -> int:
    digits = id[1:].split("-")[0]
    return int(digits) if digits.isdigit() else 0


def _light(review: Review) -> Review:
    """Return the review without the long texts of passed tests: they are not needed to decide."""
    suite = _lighter(review.candidate.suite)
    evidence = {keys: _lighter(run) for keys, run in review.evidence.items()}
    return replace(review, candidate=replace(review.candidate, suite=suite), evidence=evidence)


def _lighter(suite: SuiteResult) -> SuiteResult:
    return replace(suite, cases=tuple(case if case.is_red else replace(case, details="", frames=()) for case in suite.cases), output="")
