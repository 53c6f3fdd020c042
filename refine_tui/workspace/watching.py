"""Telling that files of the project changed. Only a hint: whoever acts on it compares content first."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from refine_tui.core.patch import ABSENT
from refine_tui.core.text import digest
from refine_tui.workspace.listing import is_noise, list_files, walk, without_ignored

QUIET_SECONDS: Final = 0.3
CEILING_SECONDS: Final = 2.0
_HASHED_BYTES = 2 * 1024 * 1024
_STORM = 2000
"""From so many paths at once on, events may have been lost, and everything is looked at."""
_YOUNG_NS = 50_000_000
"""Time stamps of files are coarse: one this close to the moment of reading proves nothing."""
# Opening, reading and chmod are left out: they would answer to our own reads.
_WANTED: list[type[FileSystemEvent]] = [FileCreatedEvent, FileModifiedEvent, FileClosedEvent, FileDeletedEvent, FileMovedEvent]
_WANTED_FOLDERS: list[type[FileSystemEvent]] = [DirCreatedEvent, DirDeletedEvent, DirMovedEvent]

Stamp = tuple[int, int, int, int]
"""Inode, size, modification and change time."""


class TreeWatcher:
    """Watches a tree with watchdog; where the system has no watches left it looks every few seconds."""

    def __init__(
        self,
        root: Path,
        *,
        files: Callable[[], Iterable[str]] | None = None,
        quiet: float = QUIET_SECONDS,
        ceiling: float = CEILING_SECONDS,
        observer: Callable[[], BaseObserver] = Observer,
    ) -> None:
        """Watch the project at `root`; `files` lists its own files.

        A change is told after `quiet` seconds without another, and at the latest `ceiling` seconds after the first.
        """
        self._root = root.resolve()
        self._files = files or (lambda: list_files(self._root))
        self._quiet, self._ceiling = quiet, ceiling
        self._make_observer = observer
        self._condition = threading.Condition()
        self._pending: set[str] = set()
        self._first = self._last = 0.0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._known: dict[str, str] = {}
        self._stamps: dict[str, Stamp] = {}
        self._expected: dict[str, list[str]] = {}
        self.ready = threading.Event()
        """Set once the state at the start is known and changes are seen."""
        self.polling = False
        """Whether the system refused to watch and the tree is looked over every few seconds instead."""

    def start(self, on_change: Callable[[frozenset[str]], None]) -> None:
        """Begin; returns at once. `on_change` gets project-relative paths, in a thread of the watcher's own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(on_change,), name="watcher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop; safe to call twice, and from `on_change`."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread not in (None, threading.current_thread()):
            self._thread.join()

    def expect(self, path: str, content: str) -> None:
        """Announce that this program is about to give a file the content with this digest, or to remove it: that is no change."""
        with self._condition:
            self._expected.setdefault(path, []).append(content)

    def _run(self, on_change: Callable[[frozenset[str]], None]) -> None:
        young = self._take_stock()
        observer = self._observe()
        try:
            # What changed between taking stock and watching shows in the time stamps.
            self._note(young | self._restamped())
            self.ready.set()
            while (batch := self._next_batch()) is not None:
                changed = self._changed(batch)
                if changed and not self._stopping:
                    on_change(changed)
        finally:
            if observer is not None:
                observer.stop()
                observer.join()

    def _take_stock(self) -> set[str]:
        """Remember the content of every file; returns those whose time stamp could hide a change made meanwhile."""
        young = set()
        for path in self._files():
            if self._stopping:
                break
            self._remember(path, self._fingerprint(path))
            if path in self._stamps and time.time_ns() - self._stamps[path][3] < _YOUNG_NS:
                young.add(path)
        return young

    def _observe(self) -> BaseObserver | None:
        observer = self._make_observer()
        observer.schedule(_Handler(self._note_event), str(self._root), recursive=True, event_filter=[*_WANTED, *_WANTED_FOLDERS])
        try:
            observer.start()
        except OSError:
            self.polling = True
            return None
        return observer

    def _note_event(self, event: FileSystemEvent) -> None:
        paths = (os.fsdecode(path) for path in (event.src_path, event.dest_path) if path)
        self._note({name for path in paths if (name := os.path.relpath(path, self._root)) != "." and not is_noise(name)})

    def _note(self, names: set[str]) -> None:
        if not names:
            return
        with self._condition:
            self._last = time.monotonic()
            self._first = self._first if self._pending else self._last
            self._pending |= names
            self._condition.notify_all()

    def _next_batch(self) -> set[str] | None:
        """Wait for changes to settle; `None` when stopping."""
        while True:
            with self._condition:
                if self._stopping:
                    return None
                wait = self._seconds_to_wait()
                if wait is not None and wait <= 0:
                    batch, self._pending = self._pending, set()
                    return batch
                self._condition.wait(wait if wait is not None or not self.polling else self._ceiling)
            if self.polling:
                self._note(self._restamped())

    def _seconds_to_wait(self) -> float | None:
        if not self._pending:
            return None
        return min(self._last + self._quiet, self._first + self._ceiling) - time.monotonic()

    def _changed(self, batch: set[str]) -> frozenset[str]:
        """Return the files of the batch whose content is neither the one known nor one of ours."""
        return frozenset(path for path in self._candidates(batch) if self._is_news(path))

    def _candidates(self, batch: set[str]) -> set[str]:
        """Turn folders into files and leave out what git ignores."""
        names = set(batch)
        if len(batch) > _STORM:
            names |= {*self._files(), *self._known}
        for name in batch:
            if name not in self._known:
                names |= (
                    set(walk(self._root, name))
                    if (self._root / name).is_dir()
                    else {path for path in self._known if path.startswith(f"{name}/")}
                )
        unknown = names - self._known.keys()
        return (names - unknown) | without_ignored(self._root, unknown)

    def _is_news(self, path: str) -> bool:
        before, found = self._known.get(path), self._fingerprint(path)
        ours = self._is_expected(path, found)
        if found == before:
            return False
        self._remember(path, found)
        return not ours

    def _is_expected(self, path: str, found: str | None) -> bool:
        """Say whether the content is one of ours, and forget what was announced before it: that can no longer come."""
        with self._condition:
            announced, told = self._expected.get(path, []), found or ABSENT
            if told in announced:
                del announced[: announced.index(told) + 1]
                return True
            if found != self._known.get(path):
                announced.clear()
            return False

    def _remember(self, path: str, found: str | None) -> None:
        if found is None:
            self._known.pop(path, None)
            self._stamps.pop(path, None)
        else:
            self._known[path] = found

    def _restamped(self) -> set[str]:
        """Return the files whose time stamps are not the ones remembered, with new and missing ones."""
        names = {*self._files(), *self._known}
        return {name for name in names if self._stamps.get(name) != _stamp(self._root / name)}

    def _fingerprint(self, path: str) -> str | None:
        """Return an identity of a file's content, of a large file its time stamp; `None` if there is no such file."""
        file = self._root / path
        stamp = _stamp(file)
        if stamp is None:
            return None
        self._stamps[path] = stamp
        if stamp[1] > _HASHED_BYTES:
            return f"{stamp[1]} bytes at {stamp[2]}"
        try:
            return digest(file.read_bytes())
        except OSError:
            return None


class _Handler(FileSystemEventHandler):
    """Hands every event on."""

    def __init__(self, note: Callable[[FileSystemEvent], None]) -> None:
        self._note = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Hand the event on."""
        self._note(event)


def _stamp(file: Path) -> Stamp | None:
    try:
        found = os.lstat(file)
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns) if stat.S_ISREG(found.st_mode) else None
