"""The one thread that iterates a session's events, and the box it leaves them in.

Jobs run one after the other. An urgent one (a verification the user waits for, a look at what was saved) runs between two events of a
longer one, never beside it: whatever the loop yielded is complete at that point, and there is still only one thread in the session.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from refine_tui.core.errors import RefineError
from refine_tui.loop.defects import LOG, in_words
from refine_tui.loop.events import CandidateJudged, Event, Progress, RoundStarted, TaskFinished, TaskStarted, TextStreamed, Weighed

Cancelled = Callable[[], bool]

_BETWEEN_RUNS = (TaskStarted, RoundStarted, CandidateJudged, Progress, TaskFinished, Weighed)
"""Events after which no test run and no generation is under way."""


@dataclass(eq=False)
class Job:
    """One iterator to be consumed."""

    name: str
    """`opening`, `work`, `verify p1`, `watch`: also what two equal jobs are recognised by."""
    events: Callable[[Cancelled], Iterator[Event]]
    urgent: bool = False
    is_cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class JobBegan:
    """The worker turned to a job."""

    name: str


@dataclass(frozen=True)
class JobEnded:
    """A job is over."""

    name: str
    error: str = ""
    """What failed, for people; empty when nothing did."""
    cancelled: bool = False


Delivery = Event | JobBegan | JobEnded


class JobQueue:
    """What waits for the worker. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._current: list[Job] = []
        self._has_worker = False
        self._is_over = False

    @property
    def names(self) -> tuple[str, ...]:
        """Jobs under way, outermost first, then those that wait."""
        with self._lock:
            return tuple(job.name for job in (*self._current, *self._waiting))

    @property
    def is_running(self) -> bool:
        """Whether a job is under way or waits for the worker."""
        with self._lock:
            return bool(self._current or self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether no worker is there, nor needed."""
        with self._lock:
            return not self._has_worker

    def put(self, job: Job) -> bool:
        """Add a job unless one of its name waits already; returns whether a worker has to be started."""
        with self._lock:
            if self._is_over or any(job.name == other.name for other in self._waiting):
                return False
            self._waiting.append(job)
            starts, self._has_worker = not self._has_worker, True
            return starts

    def take(self) -> Job | None:
        """Return the next job; `None` ends the worker."""
        with self._lock:
            job = next((job for job in self._waiting if job.urgent), None) or (self._waiting[0] if self._waiting else None)
            if job is None:
                self._has_worker = False
            return self._began(job)

    def take_urgent(self) -> Job | None:
        """Return the next urgent job, if any."""
        with self._lock:
            return self._began(next((job for job in self._waiting if job.urgent), None))

    def finished(self, job: Job) -> None:
        """Note that a job is over."""
        with self._lock:
            self._current.remove(job)

    def cancel(self) -> str:
        """Ask the innermost job to end and return its name; empty when nothing runs."""
        with self._lock:
            if not self._current:
                return ""
            self._current[-1].is_cancelled.set()
            return self._current[-1].name

    def end(self) -> None:
        """Ask every job to end, forget those that wait, and take no more: the program is left."""
        with self._lock:
            self._is_over = True
            self._waiting.clear()
            for job in self._current:
                job.is_cancelled.set()

    def _began(self, job: Job | None) -> Job | None:
        if job is not None:
            self._waiting.remove(job)
            self._current.append(job)
        return job


def carry_out(queue: JobQueue, deliver: Callable[[Delivery], None]) -> None:
    """Run jobs until none waits. The body of the worker thread."""
    while (job := queue.take()) is not None:
        _run(job, queue, deliver)


def _run(job: Job, queue: JobQueue, deliver: Callable[[Delivery], None]) -> None:
    deliver(JobBegan(job.name))
    error = ""
    try:
        for event in job.events(job.is_cancelled.is_set):
            deliver(event)
            if isinstance(event, _BETWEEN_RUNS):
                _run_urgent(queue, deliver)
    except RefineError as refused:
        LOG.debug("%s was refused", job.name, exc_info=refused)
        error = str(refused)
    except Exception as defect:  # noqa: BLE001 - the one place where a defect of the loop must not take the review down
        error = said_of(defect)
    finally:
        queue.finished(job)
    deliver(JobEnded(job.name, error, job.is_cancelled.is_set()))


def said_of(defect: BaseException) -> str:
    """Say what to a user is not his doing; the log keeps where it happened."""
    return f"{in_words(defect)} Decisions are kept."


def _run_urgent(queue: JobQueue, deliver: Callable[[Delivery], None]) -> None:
    while (job := queue.take_urgent()) is not None:
        _run(job, queue, deliver)


class Mailbox:
    """Deliveries on their way to the screen, merged so that a burst costs one repaint. Safe from any thread."""

    def __init__(self, on_first: Callable[[], object]) -> None:
        self._lock = threading.Lock()
        self._mail: list[Delivery] = []
        self._on_first = on_first

    def put(self, delivery: Delivery) -> None:
        """Add one; the first after a `drain` calls `on_first` in the caller's thread."""
        with self._lock:
            is_first = not self._mail
            merged = _merge(self._mail[-1], delivery) if self._mail else None
            if merged is None:
                self._mail.append(delivery)
            else:
                self._mail[-1] = merged
        if is_first:
            self._on_first()

    def drain(self) -> tuple[Delivery, ...]:
        """Take everything, oldest first."""
        with self._lock:
            mail, self._mail = tuple(self._mail), []
        return mail


def _merge(earlier: Delivery, later: Delivery) -> Delivery | None:
    """Return one delivery that says what both say, or `None`."""
    match earlier, later:
        case Weighed(), Weighed() if earlier.review.id == later.review.id:
            return later
        case Progress(), Progress() if earlier.task_id == later.task_id:
            return later
        case TextStreamed(), TextStreamed() if (earlier.task_id, earlier.index) == (later.task_id, later.index):
            return replace(earlier, text=earlier.text + later.text)
    return None
