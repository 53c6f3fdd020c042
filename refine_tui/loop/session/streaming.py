"""A blocking call that reports by callback, turned into an iterator of what it reported."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

from refine_tui.core.evidence import CaseResult
from refine_tui.loop.events import CaseFinished, Event
from refine_tui.loop.ports.running import OnCase

E = TypeVar("E")
R = TypeVar("R")


def stream(call: Callable[[Callable[[E], None]], R]) -> Generator[E, None, R]:
    """Run `call` in a thread and yield what it tells; the generator's value is what it returned.

    An exception of `call` is raised here. A generator that is closed early waits for the call: give it a way to be cancelled.
    """
    told: queue.SimpleQueue[tuple[bool, E | None]] = queue.SimpleQueue()
    result: list[R] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            result.append(call(lambda item: told.put((True, item))))
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
            failure.append(error)
        finally:
            told.put((False, None))

    thread = threading.Thread(target=body, daemon=True, name="refine-stream")
    thread.start()
    try:
        while True:
            more, item = told.get()
            if not more:
                break
            yield item  # type: ignore[misc]
    finally:
        thread.join()
    if failure:
        raise failure[0]
    return result[0]


def told_cases(call: Callable[[OnCase], R]) -> Generator[Event, None, R]:
    """Run a call that reports finished tests and yield each as an event."""

    def reporting(tell: Callable[[Event], None]) -> R:
        def on_case(case: CaseResult, done: int, total: int) -> None:
            tell(CaseFinished(case, done, total))

        return call(on_case)

    return stream(reporting)
