"""The user's tree and the journal: what is read, what is written, what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from refine_tui.core.patch import Patch
from refine_tui.core.text import SourceFile


@dataclass(frozen=True, slots=True)
class Application:
    """One patch that was written to the user's tree."""

    id: int
    """Counts up; what `undo ID` takes."""
    patch: Patch
    task: str
    goal: str
    at: str
    """ISO 8601, UTC."""
    undone: bool


class Workspace(Protocol):
    """The user's tree."""

    root: Path

    def files(self) -> tuple[str, ...]:
        """Return the project's files that git (or a plain walk) counts as its own, ignored ones left out."""

    def read(self, path: str) -> SourceFile:
        """Read one file.

        Raises:
            ProjectError: it is gone or cannot be read.
            SafetyError: the path leads outside the project.
        """

    def refuses(self, path: str, *, new: bool = False) -> str:
        """Return why no patch may be written to a path (a link, too large, not text, protected), or an empty string.

        With `new`: why no file may be created there.
        """

    def apply(self, patch: Patch, *, task: str, goal: str) -> Application:
        """Write a patch: all files or none, nothing lost whatever happens.

        Raises:
            StaleBaseError: a file is not the patch's base any more; nothing was written.
            SafetyError: a path is refused.
            StorageError: the disk refused; everything is as before.
        """

    def undo(self, id: int | None = None) -> Application:
        """Take back one application, by default the latest that stands.

        Raises:
            UsageError: there is nothing to undo.
            StaleBaseError: the user changed the place since; nothing was written.
        """

    def redo(self) -> Application:
        """Write again what was undone last. Raises as `undo`."""

    def late_writes(self) -> tuple[str, ...]:
        """Look whether a program went on writing to a file we replaced; returns a sentence for each. Ask 1 s and 10 s after a write."""

    def close(self) -> None:
        """Let go of what is held open."""

    def recover(self) -> tuple[str, ...]:
        """Finish or roll back what a crash left half done; returns a sentence for each thing done."""


class Journal(Protocol):
    """Everything that happened, kept across restarts. Rows are JSON-ready values."""

    def append(self, kind: str, value: Mapping[str, Any], *, task: str = "") -> int:
        """Store one row durably and return its id.

        Kinds: `task`, `candidate`, `critique`, `stopped`, `decision`, `proposal`, `mark`, `error`.
        """

    def rows(
        self, kind: str | None = None, *, task: str | None = None, since: int = 0
    ) -> Iterator[tuple[int, str, str, str, dict[str, Any]]]:
        """Yield (id, ISO time, kind, task, value), oldest first."""

    def intents(self) -> Iterable[Application]:
        """Return every application, newest first."""

    def close(self) -> None:
        """Flush and close."""


Direction = Literal["apply", "undo", "redo"]
WriteState = Literal["pending", "done", "clean", "rolled_back"]
"""`pending`: roll back after a crash. `done`: it counts, what it displaced is still to be put away. The others: nothing to do."""


@dataclass(frozen=True, slots=True)
class Write:
    """One pass of the protocol that changes files: an application, or its undoing or redoing."""

    id: int
    application: int
    patch: Patch
    token: str
    """Random; part of the temporary names in the user's tree, so that a crash leaves nothing unexplained."""
    state: WriteState


class WriteLog(Protocol):
    """What the workspace must know durably before and after it touches a file. Every change is on disk when the call returns."""

    @property
    def lost_history(self) -> bool:
        """Whether an earlier log was damaged, so that the tree may hold temporary files of writes nobody knows any more."""

    def begin(
        self, direction: Direction, patch: Patch, bases: Mapping[str, bytes], *, task: str = "", goal: str = "", application: int = 0
    ) -> Write:
        """Store the intent and the content of every file before it; `application` 0 stands for a new one.

        Raises:
            StorageError: it could not be stored; then nothing may be written.
        """

    def settle(self, write: Write, state: WriteState) -> Application:
        """Move a write on. Only `done` changes what `intents` tells."""

    def unsettled(self) -> tuple[Write, ...]:
        """Return the writes that are `pending` or `done`, oldest first."""

    def write(self, id: int) -> Write | None:
        """Return one write."""

    def bases(self, write: Write) -> dict[str, bytes]:
        """Return the content of the files before a write."""

    def first_write(self, application: int) -> Write | None:
        """Return the write that made an application."""

    def last_undone(self) -> Application | None:
        """Return the application that was undone last and still is."""

    def intents(self) -> Iterable[Application]:
        """Return every application, newest first."""


class Watcher(Protocol):
    """Tells that files changed. Only a hint: a hash decides."""

    def start(self, on_change: Callable[[frozenset[str]], None]) -> None:
        """Call `on_change` with project-relative paths, after a quiet period, never for our own writes or for reads."""

    def stop(self) -> None:
        """Stop; safe to call twice."""
