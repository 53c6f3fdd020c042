"""What the screens need of a session: the loop's `Session`, seen through the methods this room calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

from refine_tui.core.evidence import Baseline
from refine_tui.core.isolation import Level, Probe
from refine_tui.core.review import Review
from refine_tui.core.task import Task
from refine_tui.loop.events import Event, Notice
from refine_tui.loop.ports.keeping import Application
from refine_tui.loop.ports.thinking import ModelInfo, Usage

Cancelled = Callable[[], bool]


class QueueItem(Protocol):
    """One task with what became of it."""

    @property
    def task(self) -> Task: ...  # noqa: D102
    @property
    def status(self) -> Literal["waiting", "running", "solved", "improved", "unsolved", "cancelled"]: ...  # noqa: D102
    @property
    def review_id(self) -> str: ...  # noqa: D102
    @property
    def handoff(self) -> str: ...  # noqa: D102


class State(Protocol):
    """The whole truth the screens need, frozen."""

    @property
    def project(self) -> str: ...  # noqa: D102
    @property
    def branch(self) -> str: ...  # noqa: D102
    @property
    def level(self) -> Level: ...  # noqa: D102
    @property
    def probes(self) -> tuple[Probe, ...]: ...  # noqa: D102
    @property
    def baseline(self) -> Baseline | None: ...  # noqa: D102
    @property
    def queue(self) -> Sequence[QueueItem]: ...  # noqa: D102
    @property
    def reviews(self) -> tuple[Review, ...]: ...  # noqa: D102
    @property
    def model(self) -> ModelInfo | None: ...  # noqa: D102
    @property
    def model_reason(self) -> str: ...  # noqa: D102
    @property
    def usage(self) -> Usage: ...  # noqa: D102
    @property
    def files_watched(self) -> int: ...  # noqa: D102
    @property
    def saved_at(self) -> float | None: ...  # noqa: D102
    @property
    def busy(self) -> str: ...  # noqa: D102


class SessionPort(Protocol):
    """Iterators are consumed in the worker thread; everything else is called from the screen's thread."""

    def state(self) -> State:
        """Return the present state; cheap."""

    def restore(self) -> tuple[Notice, ...]:
        """Bring back queue, reviews and decisions of an earlier session."""

    def survey(self, cancelled: Cancelled) -> Iterator[Event]:
        """Run the whole suite and queue what fails."""

    def work_all(self, cancelled: Cancelled) -> Iterator[Event]:
        """Work on every waiting task in turn."""

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

    def apply(self, review_id: str, *, red_is_fine: bool = False) -> Application:
        """Write the accepted hunks to the user's tree."""

    def undo(self) -> Application:
        """Take back the last application."""

    def redo(self) -> Application:
        """Write again what was taken back."""

    def files_changed(self, paths: frozenset[str], cancelled: Cancelled) -> Iterator[Event]:
        """React to a save: affected tests, stale proposals."""
