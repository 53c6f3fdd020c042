"""The log of writes to the user's tree: the intent before, the content to go back to, and how it ended."""

from __future__ import annotations

import json
import secrets
import sqlite3
import zlib
from collections.abc import Mapping
from typing import cast

from refine_tui.core.errors import StorageError
from refine_tui.core.patch import Patch
from refine_tui.core.text import digest
from refine_tui.journal.database import Database, now, storable
from refine_tui.journal.packing import pack, unpack
from refine_tui.loop.ports.keeping import Application, Direction, Write, WriteState

_APPLICATION = "SELECT id, patch, task, goal, at, undone FROM applications"
_WRITE = "SELECT id, application, patch, token, state FROM writes"
_COUNTING = "FROM writes WHERE application = :application AND state IN ('done', 'clean')"
_FOLLOW = f"""UPDATE applications SET made = EXISTS (SELECT 1 {_COUNTING}),
    undone = coalesce((SELECT direction = 'undo' {_COUNTING} ORDER BY id DESC LIMIT 1), 0) WHERE id = :application"""


class SqliteWriteLog:
    """Implements the port; every change is durable when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def lost_history(self) -> bool:
        """Whether a damaged journal lies beside this one."""
        return self._database.has_predecessor

    def begin(
        self, direction: Direction, patch: Patch, bases: Mapping[str, bytes], *, task: str = "", goal: str = "", application: int = 0
    ) -> Write:
        """Store the intent and the content of every file before it."""
        token = secrets.token_hex(4)
        with self._database.change() as connection:
            of = application or _insert_application(connection, patch, task, goal)
            id = _insert_write(connection, of, direction, patch, token)
            for file in patch.files:
                if not file.creates:
                    _insert_base(connection, id, file.path, bases[file.path])
        return Write(id, of, patch, token, "pending")

    def settle(self, write: Write, state: WriteState) -> Application:
        """Move a write on; whether its application stands follows from the writes that count, also when one of them is taken back."""
        with self._database.change() as connection:
            connection.execute("UPDATE writes SET state = ? WHERE id = ?", (state, write.id))
            connection.execute(_FOLLOW, {"application": write.application})
        return _application(self._database.select(f"{_APPLICATION} WHERE id = ?", write.application)[0])

    def unsettled(self) -> tuple[Write, ...]:
        """Return the writes that are `pending` or `done`, oldest first."""
        return tuple(_write(row) for row in self._database.select(f"{_WRITE} WHERE state IN ('pending', 'done') ORDER BY id"))

    def write(self, id: int) -> Write | None:
        """Return one write."""
        return next((_write(row) for row in self._database.select(f"{_WRITE} WHERE id = ?", id)), None)

    def first_write(self, application: int) -> Write | None:
        """Return the write that made an application."""
        rows = self._database.select(f"{_WRITE} WHERE application = ? AND direction = 'apply' ORDER BY id LIMIT 1", application)
        return next((_write(row) for row in rows), None)

    def bases(self, write: Write) -> dict[str, bytes]:
        """Return the content of the files before a write.

        Raises:
            StorageError: what is stored is not what was stored.
        """
        sql = "SELECT path, digest, content FROM bases JOIN contents USING (digest) WHERE write = ?"
        return {
            json.loads(str(path)): _unpacked(str(name), cast(bytes, content))
            for path, name, content in self._database.select(sql, write.id)
        }

    def last_undone(self) -> Application | None:
        """Return the application that was undone last and still is."""
        sql = f"""{_APPLICATION} AS a WHERE made = 1 AND undone = 1 ORDER BY
            (SELECT max(id) FROM writes WHERE application = a.id AND direction = 'undo' AND state IN ('done', 'clean')) DESC LIMIT 1"""
        return next((_application(row) for row in self._database.select(sql)), None)

    def intents(self) -> tuple[Application, ...]:
        """Return every application, newest first."""
        return tuple(_application(row) for row in self._database.select(f"{_APPLICATION} WHERE made = 1 ORDER BY id DESC"))


def _insert_application(connection: sqlite3.Connection, patch: Patch, task: str, goal: str) -> int:
    row = (now(), storable(task), storable(goal), pack(patch))
    return int(connection.execute("INSERT INTO applications (at, task, goal, patch) VALUES (?, ?, ?, ?)", row).lastrowid or 0)


def _insert_write(connection: sqlite3.Connection, application: int, direction: Direction, patch: Patch, token: str) -> int:
    sql = "INSERT INTO writes (at, application, direction, patch, token, state) VALUES (?, ?, ?, ?, ?, 'pending')"
    return int(connection.execute(sql, (now(), application, direction, pack(patch), token)).lastrowid or 0)


def _insert_base(connection: sqlite3.Connection, write: int, path: str, content: bytes) -> None:
    name = digest(content)
    connection.execute("INSERT OR IGNORE INTO contents (digest, content) VALUES (?, ?)", (name, zlib.compress(content, 1)))
    # As JSON, because a path may hold bytes that are no text.
    connection.execute("INSERT INTO bases (write, path, digest) VALUES (?, ?, ?)", (write, json.dumps(path), name))


def _unpacked(name: str, content: bytes) -> bytes:
    try:
        plain = zlib.decompress(content)
    except zlib.error as error:
        raise StorageError("The journal's copy of a file is damaged. Restore the file from your own history.") from error
    if digest(plain) != name:
        raise StorageError("The journal's copy of a file is damaged. Restore the file from your own history.")
    return plain


def _application(row: tuple[object, ...]) -> Application:
    id, patch, task, goal, at, undone = row
    return Application(int(str(id)), unpack(str(patch)), str(task), str(goal), str(at), bool(undone))


def _write(row: tuple[object, ...]) -> Write:
    id, application, patch, token, state = row
    return Write(int(str(id)), int(str(application)), unpack(str(patch)), str(token), cast(WriteState, state))
