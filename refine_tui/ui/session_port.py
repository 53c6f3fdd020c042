"""What the screens need of a session: the loop's `Session`, seen through the methods this room calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from refine_tui.core.review import Review
from refine_tui.core.task import Task
from refine_tui.loop.events import Event, ModelLoading, ModelReady, Notice
from refine_tui.loop.ports.choosing import Shelf
from refine_tui.loop.ports.keeping import Application
from refine_tui.loop.session.state import State

Cancelled = Callable[[], bool]


class SessionPort(Protocol):
    """Iterators are consumed in the worker thread. What may wait for the disk is called in the thread for errands; `state`, `change` and
    `is_proven` are quick and called from the screen's own."""

    def state(self) -> State:
        """Return the present state; cheap."""

    def restore(self) -> tuple[Notice, ...]:
        """Bring back queue, reviews and decisions of an earlier session."""

    def survey(self, cancelled: Cancelled) -> Iterator[Event]:
        """Run the whole suite and queue what fails."""

    def next_task(self) -> Task | None:
        """Return the first task that waits."""

    def work(self, task: Task, cancelled: Cancelled) -> Iterator[Event]:
        """Refine one task; a proposal that helps becomes a review."""

    def weigh(self, task_id: str, cancelled: Cancelled) -> Iterator[Event]:
        """Find out how much the tests notice in what a task's proven proposal changed, when it has one."""

    def add_goal(self, goal: str, scope_label: str = "", targets: tuple[str, ...] = ()) -> Task:
        """Queue what the user wants. Raises `RefineError` when the scope does not exist."""

    def refine_with_note(self, review_id: str, note: str) -> Task:
        """Reject a proposal with a reason and queue its task again."""

    def change(self, review_id: str, transition: Callable[[Review], Review]) -> Review:
        """Make one undoable decision."""

    def replace_hunk(self, review_id: str, hunk_id: str, new_lines: Sequence[str]) -> Review:
        """Put the user's own lines in place of a hunk's."""

    def verify(self, review_id: str, cancelled: Cancelled) -> Iterator[Event]:
        """Run exactly the accepted hunks, cold."""

    def is_proven(self, review: Review) -> bool:
        """Whether the accepted hunks were run by themselves, fix something and break nothing."""

    def apply(self, review_id: str, *, red_is_fine: bool = False) -> Application:
        """Write the accepted hunks to the user's tree."""

    def undo(self) -> Application:
        """Take back the last application."""

    def redo(self) -> Application:
        """Write again what was taken back."""

    def use_model(self, shelf: Shelf, wish: str) -> Iterator[ModelLoading | ModelReady]:
        """Put another model in place of the one in use, and load it. Consumed in a thread of its own."""

    def stop_loading(self) -> None:
        """End the loading of the model that a task waits for, if it does; returns at once."""

    def stop(self) -> None:
        """End the processes behind whatever runs; safe from any thread, and nothing can be run afterwards."""

    def late_writes(self) -> tuple[Notice, ...]:
        """Tell what other programs wrote to files after we had replaced them."""

    def files_changed(self, paths: frozenset[str], cancelled: Cancelled) -> Iterator[Event]:
        """React to a save: affected tests, stale proposals."""
