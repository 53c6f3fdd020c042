"""What happened, kept in SQLite: every task, candidate and decision, and the writes to the user's tree that can be undone."""

from refine_tui.journal.holding import hold_project
from refine_tui.journal.redaction import Redactor
from refine_tui.journal.rows import SqliteJournal
from refine_tui.journal.writes import SqliteWriteLog

__all__ = ["Redactor", "SqliteJournal", "SqliteWriteLog", "hold_project"]
