"""What a session writes to the journal and reads back after a restart."""

from __future__ import annotations

from dataclasses import replace

from refine_tui.core.candidate import Candidate
from refine_tui.core.codec import decode, encode
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.review import Review
from refine_tui.loop.ports.keeping import Journal
from refine_tui.loop.state import QueueItem


def remember_review(journal: Journal, review: Review) -> None:
    """Store a review with its decisions."""
    journal.append("proposal", encode(_light(review)), task=review.task.id)


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
    reviews: dict[str, Review] = {}
    highest = 0
    for kind in ("task", "proposal"):
        for _, _, _, task, row in journal.rows(kind):
            highest = max(highest, _number(task))
            try:
                if kind == "task":
                    items[task] = decode(QueueItem, row)
                else:
                    review = decode(Review, row)
                    reviews[review.id] = review
                    highest = max(highest, _number(review.id))
            except ValueError:
                continue
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
