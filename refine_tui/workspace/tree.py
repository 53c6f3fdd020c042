"""The user's tree: what is read, what is refused, what is written, undone and redone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from refine_tui.core.errors import ProjectError, SafetyError, StaleBaseError, StorageError, UsageError
from refine_tui.core.patch import Patch
from refine_tui.core.text import SourceFile
from refine_tui.loop.ports.keeping import Application, Direction, Write, WriteLog
from refine_tui.workspace.applying import Applier
from refine_tui.workspace.beneath import opened_root, read_beneath
from refine_tui.workspace.carrying import carry
from refine_tui.workspace.disk import Disk
from refine_tui.workspace.keeping import LateWrite, Store
from refine_tui.workspace.listing import list_files, list_temporary
from refine_tui.workspace.refusing import MISSING, refusal_by_file, refusal_by_name, refusal_of_new


class ProjectTree:
    """Implements the workspace port on real files."""

    def __init__(self, root: Path, state_dir: Path, log: WriteLog, *, protected: Iterable[str] = (), disk: Disk | None = None) -> None:
        """Take the project at `root`; what is kept goes to `state_dir`. `protected` are patterns of paths no patch may change.

        Raises:
            ProjectError: there is no folder at `root`.
        """
        self.root = root.resolve()
        if not self.root.is_dir():
            raise ProjectError(f"{root} is no folder. Name the project's folder.")
        self._state_dir = state_dir.resolve()
        self._log = log
        self._protected = tuple(protected)
        self._disk = disk or Disk()
        self._store = Store(self._state_dir / "kept", self._disk)
        self._applier = Applier(self.root, self._store, log, self._disk, self._tell)
        self._lock = threading.RLock()
        self._told_exchange = False
        self.on_write: Callable[[str, str], None] = _ignore
        """Called with the path and digest of each content that is about to be put in place; the watcher's `expect` belongs here."""

    def files(self) -> tuple[str, ...]:
        """Return the project's own files, sorted."""
        return list_files(self.root)

    def read(self, path: str) -> SourceFile:
        """Read one file.

        Raises:
            ProjectError: it is gone or cannot be read.
            SafetyError: the path leads outside the project or through a link.
        """
        try:
            with opened_root(self.root) as root:
                return SourceFile(path, read_beneath(root, path)[0])
        except OSError as error:
            raise ProjectError(f"{path} cannot be read: {error.strerror}.") from error

    def refuses(self, path: str, *, new: bool = False) -> str:
        """Return why no patch may be written to a path, or an empty string; with `new`, why no file may be created there."""
        reason = refusal_by_name(path, self._protected)
        if reason:
            return reason
        if (self.root / path).is_relative_to(self._state_dir):
            return "it belongs to refine-tui"
        with opened_root(self.root) as root:
            reason = refusal_by_file(root, path)
            if not new:
                return reason
            return refusal_of_new(root, path) if reason == MISSING else reason or "it is there already"

    def apply(self, patch: Patch, *, task: str, goal: str) -> Application:
        """Write a patch: all files or none.

        Raises:
            StaleBaseError: a file is not the patch's base any more; nothing was written.
            SafetyError: a path is refused.
            StorageError: the disk refused; everything is as before.
            UsageError: the patch is empty.
        """
        if patch.is_empty:
            raise UsageError("The patch changes nothing. Choose at least one hunk.")
        with self._lock:
            return self._write("apply", patch, task=task, goal=goal)

    def undo(self, id: int | None = None) -> Application:
        """Take back one application, by default the latest that stands. Edits made elsewhere in its files since then stay.

        Raises:
            UsageError: there is nothing to undo.
            StaleBaseError: the user changed the place since; nothing was written.
        """
        with self._lock:
            application = self._application(id, undone=False)
            bases = self._first_bases(application)
            results = application.patch.apply(bases)
            patch = carry(application.patch.invert(bases), results, self._content(application.patch))
            return self._write("undo", patch, application=application.id)

    def redo(self, id: int | None = None) -> Application:
        """Write again what was undone last, or the application that is named. Raises as `undo`."""
        with self._lock:
            application = self._log.last_undone() if id is None else self._application(id, undone=True)
            if application is None:
                raise UsageError("There is nothing to redo.")
            patch = carry(application.patch, self._first_bases(application), self._content(application.patch))
            return self._write("redo", patch, application=application.id)

    def recover(self) -> tuple[str, ...]:
        """Finish or roll back what a crash left half done, and look after kept files; returns a sentence for each thing done.

        Only for the process that holds the project: another one's write may be under way.
        """
        with self._lock:
            unexplained = list_temporary(self.root) if self._log.lost_history else ()
            sentences = (*self._applier.recover(), *self._applier.adopt(unexplained), *self.late_writes())
            self._store.prune()
            return sentences

    def late_writes(self) -> tuple[str, ...]:
        """Return a sentence for each file an editor wrote to after a patch had replaced it; call it a while after each write.

        Where the file system cannot exchange names, that is said too, once.

        Raises:
            StorageError: what was written late has no room on the disk; the next call tries again.
        """
        try:
            late_writes = self._store.late_writes()
        except OSError as error:
            raise StorageError(f"What an editor wrote late cannot be kept now: {error.strerror}. Free some disk space.") from error
        return (*self._exchange_sentence(), *(self._late_sentence(late) for late in late_writes))

    def close(self) -> None:
        """Let go of what is held open."""
        self._store.close()

    def _write(self, direction: Direction, patch: Patch, *, task: str = "", goal: str = "", application: int = 0) -> Application:
        if self._log.unsettled():
            self._applier.recover()
        self._refuse(patch)
        bases = self._content(patch)
        patch.apply(bases)
        return self._applier.write(direction, patch, bases, task=task, goal=goal, application=application)

    def _refuse(self, patch: Patch) -> None:
        for file in patch.files:
            path, reason = file.path, self.refuses(file.path)
            if file.creates and not reason:
                raise StaleBaseError(f"{path} is there already. Run the task again.")
            if reason == MISSING:
                if not file.creates:
                    raise StaleBaseError(f"{path} is gone. Run the task again.")
                reason = self.refuses(path, new=True)
            if reason:
                raise SafetyError(f"{path} is not written: {reason}.")

    def _content(self, patch: Patch) -> dict[str, bytes]:
        """Return the files of a patch as they are now; missing ones are left out."""
        found = {}
        with opened_root(self.root) as root:
            for path in patch.paths:
                try:
                    found[path] = read_beneath(root, path)[0]
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise ProjectError(f"{path} cannot be read: {error.strerror}.") from error
        return found

    def _application(self, id: int | None, *, undone: bool) -> Application:
        """Return the application that is named, or the latest that stands; one that is named must be undone already, or not."""
        known = list(self._log.intents())
        if id is None:
            found = next((application for application in known if not application.undone), None)
            if found is None:
                raise UsageError("There is nothing to undo.")
            return found
        found = next((application for application in known if application.id == id), None)
        if found is None:
            raise UsageError(f"There is no change number {id}. `refine-tui history` lists them.")
        if found.undone != undone:
            raise UsageError(f"Change number {id} {'is undone already' if found.undone else 'stands: it need not be written again'}.")
        return found

    def _first_bases(self, application: Application) -> dict[str, bytes]:
        write = self._log.first_write(application.id)
        return self._log.bases(write) if write else {}

    def _exchange_sentence(self) -> tuple[str, ...]:
        if self._disk.exchanges or self._told_exchange:
            return ()
        self._told_exchange = True
        return ("This file system cannot exchange two names at once. Save nothing in the moment in which a patch is written.",)

    def _late_sentence(self, late: LateWrite) -> str:
        path = _path_of(self._log.write(late.write), late.index)
        return f"An editor wrote to the old {path} after it had been replaced. Its text is kept in {late.kept}."

    def _tell(self, path: str, expected: str) -> None:
        self.on_write(path, expected)


def _path_of(write: Write | None, index: int) -> str:
    return write.patch.paths[index] if write and index < len(write.patch.paths) else "file"


def _ignore(path: str, expected: str) -> None:
    del path, expected
