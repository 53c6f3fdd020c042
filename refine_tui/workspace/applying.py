"""Writing a patch to the user's files: all of them or none, and no byte of anybody else's work lost.

1. The intent and the content before are made durable.
2. Each new file is written beside the old one, complete and durable, under a temporary name.
3. The two names change places; what comes out is looked at. If it is not what the patch was made for, somebody saved in that moment:
   the names change back and everything is as that person left it.
4. The write is marked done. Until then a crash or an error leads back to the old files, from then on to the new ones.
5. The displaced files move to the store.

A file that is created gets its name only where no other has it, and one that is removed (which only undoing does) is looked at after it
has lost its name; see `creating`.

A temporary name ending in `.part` may be incomplete and is ours. One ending in `.new` is complete: either the new content, not yet in
place, or whatever was displaced. One ending in `.old` exists only where names cannot be exchanged at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from refine_tui.core.errors import RefineError, SafetyError, StaleBaseError, StorageError
from refine_tui.core.patch import ABSENT, Patch
from refine_tui.core.text import digest
from refine_tui.loop.ports.keeping import Application, Direction, Write, WriteLog
from refine_tui.workspace import creating
from refine_tui.workspace.beneath import open_folder, opened_root, read_at
from refine_tui.workspace.creating import digest_at, identity
from refine_tui.workspace.disk import Disk
from refine_tui.workspace.keeping import Store
from refine_tui.workspace.places import TEMPORARY_PREFIX

Expect = Callable[[str, str], None]
"""Told the path and digest of every content this program is about to put in place."""


@dataclass(frozen=True)
class Place:
    """One file of a write, by its open folder."""

    index: int
    path: str
    folder: int
    name: str
    base: str
    """Digest of the content before the write, `ABSENT` when the file is created."""
    new: bytes | None
    """`None`: the file is removed."""
    stem: str

    @property
    def new_digest(self) -> str:
        """Digest of the content after the write."""
        return ABSENT if self.new is None else digest(self.new)

    @property
    def part(self) -> str:
        """Name of the new file while it is being written."""
        return f"{self.stem}.part"

    @property
    def ours(self) -> str:
        """Name of the complete new file, and of the displaced one once they have changed places."""
        return f"{self.stem}.new"

    @property
    def spare(self) -> str:
        """Name that keeps the displaced file where names cannot be exchanged at once."""
        return f"{self.stem}.old"


class Applier:
    """Carries out writes and, after a crash, finishes or undoes them."""

    def __init__(self, root: Path, store: Store, log: WriteLog, disk: Disk, expect: Expect) -> None:
        self._root = root
        self._store = store
        self._log = log
        self._disk = disk
        self._expect = expect

    def write(
        self, direction: Direction, patch: Patch, bases: Mapping[str, bytes], *, task: str = "", goal: str = "", application: int = 0
    ) -> Application:
        """Write a patch whose bases are given.

        Raises:
            StaleBaseError: somebody changed a file; nothing was written.
            StorageError: the disk refused; everything is as before, or will be after `recover`.
        """
        with ExitStack() as held:
            write, places = None, list[Place]()
            try:
                root = held.enter_context(opened_root(self._root))
                self._disk.announce("begin")
                write = self._log.begin(direction, patch, bases, task=task, goal=goal, application=application)
                places.extend(self._places(held, root, write, bases))
                self._exchange_all(places)
                self._disk.announce("done")
                result = self._log.settle(write, "done")
            except BaseException as error:
                notes = self._give_up(write, places) if write else ()
                refusal = _as_refusal(error, patch, notes)
                if refusal is error:
                    raise
                raise refusal from error
            self._put_away(write, places)
        return result

    def recover(self) -> tuple[str, ...]:
        """Bring every unfinished write to an end; returns a sentence for each thing done.

        Raises:
            StorageError: the disk refuses; the next try goes on from there.
        """
        with _translated():
            return tuple(sentence for write in self._log.unsettled() for sentence in self._recover(write))

    def adopt(self, names: Iterable[str]) -> Iterator[str]:
        """Put away temporary files that no known write explains: the journal that knew them was lost. Raises as `recover`."""
        known = tuple(write.token for write in self._log.unsettled())
        with _translated(), opened_root(self._root) as root:
            for path in names:
                folder, name = open_folder(root, path)
                try:
                    if not name.removeprefix(TEMPORARY_PREFIX).startswith(known):
                        self._store.keep(folder, name, 0, 0, digest(read_at(folder, name)[0]))
                        yield f"{path} was left by an interrupted write whose record is lost. It is kept in {self._store.folder}."
                finally:
                    os.close(folder)

    def _recover(self, write: Write) -> Iterator[str]:
        with ExitStack() as held:
            root = held.enter_context(opened_root(self._root))
            try:
                places = list(self._places(held, root, write, self._log.bases(write), missing_allowed=True))
            except StorageError as error:
                yield from self._abandon(root, write, error)
                return
            if write.state == "done":
                self._put_away(write, places)
                return
            notes = self._take_back(write, places)
            yield f"An interrupted write to {', '.join(write.patch.paths)} was taken back."
            yield from notes

    def _abandon(self, root: int, write: Write, error: StorageError) -> Iterator[str]:
        """Leave the files as they are and keep what lies beside them: what was written is not known any more."""
        for index, path in enumerate(write.patch.paths):
            with suppress(FileNotFoundError, SafetyError):
                folder, _ = open_folder(root, path)
                try:
                    for ending in ("part", "new", "old"):
                        with suppress(FileNotFoundError):
                            name = f"{TEMPORARY_PREFIX}{write.token}-{index}.{ending}"
                            self._store.keep(folder, name, 0, index, digest(read_at(folder, name)[0]))
                finally:
                    os.close(folder)
        self._log.settle(write, "rolled_back" if write.state == "pending" else "clean")
        paths = ", ".join(write.patch.paths)
        yield f"An interrupted write to {paths} cannot be taken back: {error} What lay beside it is kept in {self._store.folder}."

    def _places(
        self, held: ExitStack, root: int, write: Write, bases: Mapping[str, bytes], *, missing_allowed: bool = False
    ) -> Iterator[Place]:
        news = write.patch.apply(bases)
        for index, file in enumerate(write.patch.files):
            try:
                folder, name = open_folder(root, file.path)
            except (FileNotFoundError, SafetyError):
                if missing_allowed:
                    continue
                raise
            held.callback(os.close, folder)
            stem = f"{TEMPORARY_PREFIX}{write.token}-{index}"
            yield Place(index, file.path, folder, name, file.base_digest, news.get(file.path), stem)

    def _exchange_all(self, places: list[Place]) -> None:
        before: dict[str, os.stat_result] = {}
        for place in places:
            found = None
            if place.base != ABSENT:
                found = before[place.path] = self._require(place, place.name, place.base)[1]
            if place.new is not None:
                self._disk.create(place.folder, place.part, place.new, found, place.name)
                self._disk.rename(place.folder, place.part, place.ours)
        for place in places:
            self._expect(place.path, place.new_digest)
            if not self._put(place):
                raise _stale(place.path)
            self._disk.sync(place.folder)
        for place in places:
            # An editor that had the file open before may have written to it just now, or somebody have changed its rights.
            _, found = self._require(place, place.ours, place.base if place.base != ABSENT else place.new_digest)
            if place.path in before and found.st_mode != before[place.path].st_mode:
                raise _stale(place.path)

    def _put(self, place: Place) -> bool:
        """Bring one place to its new state; say no, everything being as before, when the file is not what the patch was made for."""
        if place.base == ABSENT:
            return creating.appear(self._disk, place)
        if place.new is None:
            return creating.vanish(self._disk, place)
        return self._swap_expecting(place, place.base)

    def _require(self, place: Place, name: str, expected: str) -> tuple[bytes, os.stat_result]:
        try:
            content, found = read_at(place.folder, name)
        except FileNotFoundError as error:
            raise _stale(place.path) from error
        if digest(content) != expected:
            raise _stale(place.path)
        return content, found

    def _swap_expecting(self, place: Place, expected: str) -> bool:
        """Let the file and ours change places; if what comes out is not `expected`, change back.

        While they change back the user may save again, by rename or into our file. Whatever is newer then goes back into place.
        """
        inside, inside_digest = identity(place, place.ours), digest_at(place, place.ours)
        self._swap(place)
        if digest_at(place, place.ours) == expected:
            return True
        while True:
            outside = identity(place, place.ours)
            self._swap(place)
            came = identity(place, place.ours)
            # Of our own file the content counts as well: an editor may have written into it while it was in place.
            if came == inside and inside_digest in ("", digest_at(place, place.ours)):
                return False
            inside, inside_digest = outside, ""

    def _swap(self, place: Place) -> None:
        self._disk.swap(place.folder, place.ours, place.name, place.spare)
        self._disk.announce("swapped")

    def _give_up(self, write: Write, places: list[Place]) -> tuple[str, ...]:
        """Take back what was done so far; returns sentences about what could not be."""
        try:
            return self._take_back(write, places)
        except (OSError, RefineError) as error:
            return (f"Not all of it could be taken back now ({error}); the next start does it.",)

    def _take_back(self, write: Write, places: list[Place]) -> tuple[str, ...]:
        notes = tuple(note for place in reversed(places) if (note := self._restore(write, place)))
        self._disk.announce("rolled back")
        self._log.settle(write, "rolled_back")
        return notes

    def _restore(self, write: Write, place: Place) -> str:
        """Put the displaced file back unless the user went on with the new one; returns a sentence if so."""
        if digest_at(place, place.part) is not None:
            self._disk.unlink(place.folder, place.part)
        if place.base == ABSENT or place.new is None:
            return creating.restore(self._disk, self._store, write.id, place)
        self._finish_spare(place)
        content = digest_at(place, place.ours)
        if content is None:
            return ""
        note = ""
        if content != place.new_digest:
            self._expect(place.path, content)
            in_place = digest_at(place, place.name) == place.new_digest
            if not (in_place and self._swap_expecting(place, place.new_digest)):
                note = f"{place.path} was changed meanwhile and stays as it is; its text from before is kept in {self._store.folder}."
        self._disk.sync(place.folder)
        self._store.keep(place.folder, place.ours, write.id, place.index, digest_at(place, place.ours) or "")
        return note

    def _finish_spare(self, place: Place) -> None:
        """Complete a change of places that was made by links and stopped half way."""
        spare = identity(place, place.spare)
        if spare is None:
            return
        if spare == identity(place, place.name):
            self._disk.unlink(place.folder, place.spare)
        else:
            self._disk.rename(place.folder, place.spare, place.ours)

    def _put_away(self, write: Write, places: list[Place]) -> None:
        """Move the displaced files to the store; what cannot be moved now is moved by the next `recover`."""
        with suppress(OSError, RefineError):
            for place in places:
                if place.base == ABSENT:
                    creating.settle(self._disk, self._store, write.id, place)
                elif identity(place, place.ours) is not None:
                    self._store.keep(place.folder, place.ours, write.id, place.index, place.base)
            self._disk.announce("clean")
            self._log.settle(write, "clean")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"An interrupted write cannot be taken back: {error}. Check the disk, then start again.") from error


def _stale(path: str) -> StaleBaseError:
    return StaleBaseError(f"{path} was changed meanwhile; nothing was written. Run the task again.")


def _as_refusal(error: BaseException, patch: Patch, notes: tuple[str, ...]) -> BaseException:
    """Return the error to raise for one that stopped a write."""
    paths, more = ", ".join(patch.paths), "".join(f" {note}" for note in notes)
    if isinstance(error, (FileNotFoundError, InterruptedError, BlockingIOError)):
        return StaleBaseError(f"{paths}: a file was replaced or removed meanwhile; nothing was written. Run the task again.{more}")
    if isinstance(error, OSError):
        reason = error.strerror or error
        return StorageError(f"{paths} could not be written: {reason}. Nothing was changed. Free some disk space or check the rights.{more}")
    return type(error)(f"{error}{more}") if notes and isinstance(error, RefineError) else error
