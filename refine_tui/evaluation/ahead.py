"""A second warm parent that runs what will probably be asked for next, where there are cores for it.

Nobody sees more than that an answer comes sooner: what is asked for, and in which order, is the same with one parent and with two.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from refine_tui.core.errors import RefineError, RunnerError
from refine_tui.evaluation.cold import Job, Ran
from refine_tui.evaluation.warm import WarmRunner
from refine_tui.loop.ports.running import Cancelled

PATIENCE = 4
"""Other runs that are asked for before a guess is given up."""
_POLL_S = 0.04


@dataclass
class _Guess:
    job: Job
    future: Future[Ran | None]
    is_given_up: threading.Event
    passed_over: int = 0


@dataclass
class Ahead:
    """Holds one guess at a time: while it runs here, what is asked for now runs elsewhere.

    `refresh` and `close` may come from any thread, the rest comes from one.
    """

    make: Callable[[], WarmRunner]
    """Makes the parent, not started yet; called at the first guess, in a thread of its own."""
    taken: int = 0
    """Guesses that were right."""
    _guess: _Guess | None = None
    _runner: WarmRunner | None = None
    _is_over: threading.Event = field(default_factory=threading.Event)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "ahead"))

    def expect(self, job: Job) -> None:
        """Begin to run a job that will probably be asked for, unless another one is held."""
        if self._guess is None and not self._is_over.is_set():
            is_given_up = threading.Event()
            with suppress(RuntimeError):  # the pool was closed just now
                self._guess = _Guess(job, self._pool.submit(self._run, job, is_given_up.is_set), is_given_up)

    def take(self, job: Job, cancelled: Cancelled) -> Ran | None:
        """Return the run of a job when it was expected, as soon as it is over; `None`: it was not, or could not be run."""
        guess = self._guess
        if guess is None or guess.job != job:
            if guess is not None:
                guess.passed_over += 1
                if guess.passed_over == PATIENCE:
                    self.drop()
            return None
        self._guess = None
        ran = self._awaited(guess, cancelled)
        if guess.is_given_up.is_set() and not cancelled():
            return None  # the tree changed while it was waited for
        self.taken += ran is not None
        return ran

    def drop(self) -> None:
        """End what runs and forget it: the guess was wrong, or the tree is another one."""
        guess, self._guess = self._guess, None
        if guess is not None:
            guess.is_given_up.set()
            self._awaited(guess, lambda: True)

    def refresh(self) -> None:
        """The tree changed."""
        self.drop()
        if self._runner is not None:
            self._runner.refresh()

    def close(self) -> None:
        """End everything; safe from any thread and more than once."""
        self._is_over.set()
        if (runner := self._runner) is not None:
            runner.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _awaited(self, guess: _Guess, cancelled: Cancelled) -> Ran | None:
        while not guess.future.cancelled():
            try:
                return guess.future.result(_POLL_S)
            except TimeoutError:
                if cancelled() or self._is_over.is_set():
                    guess.is_given_up.set()
        return None

    def _run(self, job: Job, is_given_up: Cancelled) -> Ran | None:
        """In the pool's thread. A parent that fails is not tried again: the first one does all the work then."""
        ran = None
        with suppress(RefineError):
            try:
                ran = self._started().run(job, lambda: self._is_over.is_set() or is_given_up())
            finally:
                if ran is None:
                    self.close()
        return ran

    def _started(self) -> WarmRunner:
        """Return the parent, which `close` knows of before it is started: it may come meanwhile."""
        if self._runner is None:
            self._runner = self.make()
            if self._is_over.is_set():
                raise RunnerError("The test runner was closed.")
            self._runner.begin()
        return self._runner
