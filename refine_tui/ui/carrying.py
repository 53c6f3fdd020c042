"""The half of the app that owns the worker: jobs go in, events come out and reach the screens at a bounded rate."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from textual import on, work
from textual.app import App

from refine_tui.core.errors import RefineError
from refine_tui.loop.events import Event, Notice
from refine_tui.loop.ports.keeping import Watcher
from refine_tui.ui.desk import Desk
from refine_tui.ui.live import advance
from refine_tui.ui.messages import Errand, ErrandEnded, FilesChanged, MailArrived, ResumeWork, RunJob, Tell, TreeWritten
from refine_tui.ui.reactions import in_words
from refine_tui.ui.screens.house import HouseScreen
from refine_tui.ui.session_port import Cancelled
from refine_tui.ui.session_worker import Delivery, Job, JobQueue, Mailbox, carry_out, said_of

REPAINT_S = 0.1
"""At most one repaint in this time, however much arrives."""
LEAVING_S = 2.0
"""How long the job under way has to end by itself when the user leaves."""
LATE_WRITES_S = (1.0, 10.0)
"""When replaced files are looked at once more."""


def _named(paths: frozenset[str]) -> str:
    first = min(paths)
    return f"{first} and {len(paths) - 1} more" if len(paths) > 1 else first


class CarryingApp(App[int]):
    """Runs one job at a time in one thread: the opening, tasks one after the other, saves, verifications."""

    def __init__(self, desk: Desk, house: HouseScreen, watcher: Watcher | None) -> None:
        super().__init__()
        self.desk = desk
        self.house = house
        self.jobs = JobQueue()
        self._watcher = watcher
        self._mail = Mailbox(lambda: self.post_message(MailArrived()))
        self._drained_at = float("-inf")
        self._errands = ThreadPoolExecutor(1, "errands")
        self.errands_left = 0
        """Calls that were sent and whose end was not drawn yet."""
        self._changed: set[str] = set()
        self._changed_lock = threading.Lock()

    def react(self, delivery: Delivery) -> None:
        """Do what one delivery asks for, beside drawing it."""

    def begin(self) -> None:
        """Restore, survey, and then work on what fails; called after the first paint."""
        # What is there by now stays: looking through it for garbage again and again takes a tenth of a second each time.
        gc.freeze()
        self.set_interval(1.0, self._tick)
        self.run_job(Job("opening", self._opening))
        if self._watcher is not None:
            self._watcher.start(self._seen)

    def _opening(self, cancelled: Cancelled) -> Iterator[Event]:
        yield from self.desk.session.restore()
        yield from self.desk.session.survey(cancelled)

    # The worker.

    @work(thread=True, exclusive=True, exit_on_error=False, group="session")
    def _carry(self) -> None:
        carry_out(self.jobs, self._mail.put)

    @on(RunJob)
    def _asked_to_run(self, event: RunJob) -> None:
        self.run_job(event.job)
        self.show_all()

    def run_job(self, job: Job) -> None:
        """Hand a job to the worker, starting one if there is none."""
        if self.jobs.put(job):
            self._carry()

    @on(ResumeWork)
    def go_on(self) -> None:
        """Work on what waits in the queue, also after a cancellation."""
        self.desk.paused = False
        self.work_next()

    def work_next(self) -> None:
        """Begin the next waiting task, if the user has not stopped the queue."""
        if not self.desk.paused and "work" not in self.jobs.names and self.desk.has_waiting_task:
            self.run_job(Job("work", self._next_task))

    def _next_task(self, cancelled: Cancelled) -> Iterator[Event]:
        if (task := self.desk.session.next_task()) is not None:
            yield from self.desk.session.work(task, cancelled)
            if not cancelled():
                yield from self.desk.session.weigh(task.id, cancelled)

    # Errands.

    @on(Errand)
    def _send(self, errand: Errand) -> None:
        self.errands_left += 1
        self._errands.submit(errand.call).add_done_callback(lambda outcome: self.post_message(ErrandEnded(errand, outcome)))

    @on(ErrandEnded)
    def _errand_ended(self, event: ErrandEnded) -> None:
        self.errands_left -= 1
        error = event.outcome.exception()
        if error is None:
            event.errand.done(event.outcome.result())
        else:
            event.errand.refused(error if isinstance(error, RefineError) else RefineError(said_of(error)))
        self.show_all()

    # Saves.

    def _seen(self, paths: frozenset[str]) -> None:
        """Called in the watcher's thread."""
        self.post_message(FilesChanged(paths))

    @on(TreeWritten)
    def _watch_for_late_writes(self) -> None:
        """A program that still holds the old file open may write to it a moment after we replaced it."""
        for seconds in LATE_WRITES_S:
            self.set_timer(seconds, self._tell_late_writes)

    def _tell_late_writes(self) -> None:
        def tell(notices: tuple[Notice, ...]) -> None:
            for notice in notices:
                self.post_message(Tell(notice.text, notice.severity))

        self._send(Errand(self.desk.session.late_writes, tell, lambda error: self.desk.say(Tell(str(error), "warning"))))

    @on(FilesChanged)
    @on(TreeWritten)
    def _files_changed(self, event: FilesChanged | TreeWritten) -> None:
        with self._changed_lock:
            self._changed |= event.paths
        if isinstance(event, FilesChanged) and (names := self.jobs.names) and names[0] != "work":
            self.desk.say(Tell(f"Saw that {_named(event.paths)} was saved; it is looked at when {in_words(names[0])} is over."))
            self.show_all()
        self.run_job(Job("watch", self._look_at_changes, urgent=True))

    def _look_at_changes(self, cancelled: Cancelled) -> Iterator[Event]:
        with self._changed_lock:
            paths = frozenset(self._changed)
            self._changed.clear()
        yield from self.desk.session.files_changed(paths, cancelled)

    # What comes back.

    def on_mail_arrived(self) -> None:
        """Drain at once when nothing was painted lately, else as soon as that is true."""
        wait = self._drained_at + REPAINT_S - time.monotonic()
        if wait <= 0:
            self._drain()
        else:
            self.set_timer(wait, self._drain)

    def _drain(self) -> None:
        self._drained_at = time.monotonic()
        deliveries = self._mail.drain()
        self.desk.live = advance(self.desk.live, deliveries, self.desk.clock())
        for delivery in deliveries:
            self.react(delivery)
        self.show_all()

    def show_all(self) -> None:
        """Draw what changed."""
        self.house.show()

    def _tick(self) -> None:
        if self.jobs.is_running:
            self.show_all()

    def on_unmount(self) -> None:
        """Ask the worker to end, and let what is being written get written."""
        if self._watcher is not None:
            self._watcher.stop()
        self.jobs.end()
        # Leaving waits for the worker's thread. What does not notice by itself that it is cancelled loses its processes.
        ending = threading.Timer(LEAVING_S, self.desk.session.stop)
        ending.daemon = True
        ending.start()
        self._errands.shutdown(wait=True)
