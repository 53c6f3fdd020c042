"""What a session knows, as one frozen value: the whole truth that a front end needs."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace
from typing import Literal

from refine_tui.core.evidence import Baseline
from refine_tui.core.isolation import Level
from refine_tui.core.review import Review
from refine_tui.core.task import Task
from refine_tui.loop.ports.thinking import ModelInfo, Usage

Status = Literal["waiting", "running", "solved", "improved", "unsolved", "cancelled", "test first"]


@dataclass(frozen=True)
class QueueItem:
    """One task and how it stands."""

    task: Task
    status: Status = "waiting"
    review_id: str = ""
    handoff: str = ""
    """Markdown; empty unless the task ended unsolved or only improved."""
    stop_reason: str = ""


@dataclass(frozen=True)
class State:
    """A snapshot of a session."""

    project: str
    level: Level
    branch: str = ""
    baseline: Baseline | None = None
    queue: tuple[QueueItem, ...] = ()
    reviews: tuple[Review, ...] = ()
    model: ModelInfo | None = None
    model_reason: str = ""
    """Why no model is loaded; empty while that is not known."""
    loading: str = ""
    """The model that is being put in place of the one in use; empty: none is."""
    usage: Usage = field(default_factory=Usage)
    busy: str = ""
    """`survey`, `task t1`, `verify p1`, or empty."""

    def review(self, id: str) -> Review:
        """Return a review by its id.

        Raises:
            KeyError: there is none.
        """
        for review in self.reviews:
            if review.id == id:
                return review
        raise KeyError(id)

    def with_review(self, review: Review) -> State:
        """Return the state with a review added or put in place of the one with its id."""
        if any(old.id == review.id for old in self.reviews):
            return replace(self, reviews=tuple(review if old.id == review.id else old for old in self.reviews))
        return replace(self, reviews=(*self.reviews, review))

    def with_item(self, item: QueueItem) -> State:
        """Return the state with a queue item added or put in place of the one for its task."""
        if any(old.task.id == item.task.id for old in self.queue):
            return replace(self, queue=tuple(item if old.task.id == item.task.id else old for old in self.queue))
        return replace(self, queue=(*self.queue, item))

    def staying(self, red: Set[str] | None) -> tuple[QueueItem, ...]:
        """Return what stays in the queue when just the tests `red` fail; everything while that is not known (`None`)."""
        if red is None:
            return self.queue
        reviewed = {review.task.id for review in self.reviews if review.state == "open"}
        return tuple(_narrowed(item, red) for item in self.queue if item.task.id in reviewed or _stays(item, red))


def _stays(item: QueueItem, red: Set[str]) -> bool:
    """Say whether a task stays in the queue: it runs, ended with a note, or was stated by the user and waits."""
    if item.task.needs_test:
        return item.status in ("waiting", "running")
    stated = item.status == "waiting" and bool(item.task.note)
    return (stated or item.status in ("unsolved", "running")) and bool(set(item.task.targets) & red)


def _narrowed(item: QueueItem, red: Set[str]) -> QueueItem:
    """Leave out targets of a waiting task that pass meanwhile: a test that passes cannot be fixed."""
    targets = tuple(node for node in item.task.targets if node in red)
    return replace(item, task=replace(item.task, targets=targets)) if targets and item.status == "waiting" else item
