"""The journal's rows: appended, never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from refine_tui.journal.database import Database, now, storable
from refine_tui.journal.flushing import Flusher
from refine_tui.journal.redaction import Redactor
from refine_tui.journal.writes import SqliteWriteLog
from refine_tui.loop.ports.keeping import Application

_PAGE = 500
_LASTING = frozenset({"decision", "stopped", "task"})
"""Kinds that survive a power cut once they are stored."""
_SOON = frozenset({"mark", "proposal"})
"""Kinds that do a moment later: what the user decided and wrote is in them, and no key waits for the disk. Losing the newest of the
others costs only a repeated computation."""


class SqliteJournal:
    """The journal of one project, in its state folder."""

    def __init__(self, folder: Path, redactor: Redactor | None = None) -> None:
        """Open or create the journal.

        Raises:
            StorageError: it cannot be used. A damaged file is no error: it is set aside, and `notices` says so.
        """
        self._database = Database(folder)
        self._redactor = redactor or Redactor()
        self._flusher = Flusher(self._database.log)
        self.writes = SqliteWriteLog(self._database)
        """The log of writes that the workspace needs."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for the user about what happened while opening."""
        return self._database.notices

    def append(self, kind: str, value: Mapping[str, Any], *, task: str = "") -> int:
        """Store one row, without the secrets that can be told, and return its id.

        Raises:
            StorageError: it could not be stored.
        """
        text = json.dumps(self._redactor.value(value), separators=(",", ":"))
        with self._database.change("FULL" if kind in _LASTING else "NORMAL") as connection:
            row = (now(), kind, storable(task), text)
            id = int(connection.execute("INSERT INTO rows (at, kind, task, value) VALUES (?, ?, ?, ?)", row).lastrowid or 0)
        if kind in _SOON:
            self._flusher.soon()
        return id

    def rows(
        self, kind: str | None = None, *, task: str | None = None, since: int = 0
    ) -> Iterator[tuple[int, str, str, str, dict[str, Any]]]:
        """Yield (id, ISO time, kind, task, value) of the rows after id `since`, oldest first."""
        wanted, values = "id > ?", [value for value in (kind, task) if value is not None]
        wanted += " AND kind = ?" if kind is not None else ""
        wanted += " AND task = ?" if task is not None else ""
        while page := self._database.select(
            f"SELECT id, at, kind, task, value FROM rows WHERE {wanted} ORDER BY id LIMIT {_PAGE}", since, *values
        ):
            for id, at, row_kind, row_task, value in page:
                yield int(str(id)), str(at), str(row_kind), str(row_task), json.loads(str(value))
            since = int(str(page[-1][0]))

    def intents(self) -> Iterable[Application]:
        """Return every application, newest first."""
        return self.writes.intents()

    def close(self) -> None:
        """Flush and close."""
        self._flusher.close()
        self._database.close()
