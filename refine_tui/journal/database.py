"""Opening the journal's database: migrations, durability, and what happens when the file is damaged."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Literal

from refine_tui.core.errors import StorageError

Durability = Literal["FULL", "NORMAL"]
"""`FULL` survives a power cut once the call returns; `NORMAL` survives the death of the process."""

FILE_NAME = "journal.sqlite3"
_SET_ASIDE = "journal-damaged-"
_CHECKED_BYTES = 64 * 1024 * 1024
"""Up to this size the whole file is checked whenever it is opened; a larger one, which takes long, only after it was found damaged."""
_BUSY_SECONDS = 5.0


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def storable(text: str) -> str:
    """Return text that SQLite takes: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Database:
    """One connection, used from any thread under a lock."""

    def __init__(self, folder: Path) -> None:
        """Open or create the database in `folder`.

        Raises:
            StorageError: the folder or the file cannot be used, or a newer version of the program made it.
        """
        self.path = folder / FILE_NAME
        self.notices: tuple[str, ...] = ()
        """Sentences for the user about what happened while opening."""
        self._lock = threading.RLock()
        with self._translated():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error) or not self.path.exists():
                    raise
                self._set_aside(error)
                self._connection = self._open()

    @property
    def log(self) -> Path:
        """SQLite's write-ahead log: what was stored lately is in it. No lock of SQLite's hangs on this file, so others may open it."""
        return self.path.with_name(f"{FILE_NAME}-wal")

    @property
    def has_predecessor(self) -> bool:
        """Whether a damaged file was set aside here, now or earlier."""
        return any(self.path.parent.glob(f"{_SET_ASIDE}*"))

    @property
    def _suspect(self) -> Path:
        """A file that is there from when damage was met in use until the journal was checked whole."""
        return self.path.with_name(f"{FILE_NAME}-suspect")

    def _open(self) -> sqlite3.Connection:
        new = not self.path.exists()
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if new:
                self.path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            if self.path.stat().st_size <= _CHECKED_BYTES or self._suspect.exists():
                _check(connection)
                self._suspect.unlink(missing_ok=True)
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Move a damaged file out of the way, whole, with its companions."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        kept = self.path.with_name(f"{_SET_ASIDE}{stamp}.sqlite3")
        for suffix in ("", "-wal", "-shm"):
            old = self.path.with_name(self.path.name + suffix)
            if old.exists():
                old.rename(kept.with_name(kept.name + suffix))
        self._suspect.unlink(missing_ok=True)
        self.notices = (
            f"The journal was damaged ({error}). It is kept as {kept}; a new one was begun, and older changes cannot be undone.",
        )

    @contextmanager
    def change(self, durability: Durability = "FULL") -> Iterator[sqlite3.Connection]:
        """Run a block as one transaction: all of it is stored when the block ends, or nothing is.

        Raises:
            StorageError: it could not be stored.
        """
        with self._lock, self._translated():
            self._connection.execute(f"PRAGMA synchronous = {durability}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def select(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Return the rows of a query.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._lock, self._translated():
            return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        """Flush and close; safe to call twice."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error):
                with suppress(OSError):
                    self._suspect.touch(mode=0o600)
            raise StorageError(f"The journal {self.path} cannot be used: {error}. {_advice(error)}") from error


def _advice(error: Exception) -> str:
    text = str(error)
    if "full" in text or "No space" in text:
        return "Free some disk space and try again."
    if "locked" in text:
        return "Another process holds it; close that one and try again."
    if _is_damage(error):
        return "Start again: a damaged journal is then set aside and a new one begun."
    return "Check that its folder exists and is yours to write."


def _is_damage(error: Exception) -> bool:
    """Say whether it is the file that is wrong, not the disk, a lock or a statement."""
    return type(error) is sqlite3.DatabaseError


def _check(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _migrate(connection: sqlite3.Connection) -> None:
    """Run the migrations the database has not seen, each in a transaction of its own."""
    scripts = _migrations()
    newest = max(scripts)
    if _version(connection) > newest:
        raise StorageError("The journal of this project was made by a newer refine-tui. Update refine-tui to use it.")
    while (version := _version(connection)) < newest:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have come first while this one waited for the lock.
            if _version(connection) == version:
                for statement in _statements(scripts[version + 1]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _migrations() -> dict[int, str]:
    files = resources.files("refine_tui.journal.migrations").iterdir()
    return {int(file.name[:3]): file.read_text("utf-8") for file in files if file.name.endswith(".sql")}


def _statements(script: str) -> Iterator[str]:
    """Cut a script into complete statements."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
