"""The log: nothing is written to it, and no file made, before something goes wrong."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from refine_tui.bootstrap_settings import Places
from refine_tui.loop.defects import LOG

LONGEST_BYTES = 1 << 20
"""A log longer than this is begun anew."""


class LogFile(logging.FileHandler):
    """A log file that is open only while it is written, and never stands in the way: what it cannot write is lost."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "a", "utf-8", delay=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        path = Path(self.baseFilename)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > LONGEST_BYTES:
                path.unlink()
            super().emit(record)
        self.close()

    def handleError(self, record: logging.LogRecord) -> None:
        """Keep quiet: the screen is not the place for it."""


def keep_log(*, errors_too: bool) -> None:
    """Keep tracebacks of defects from now on, and of errors if asked to."""
    for handler in LOG.handlers[:]:
        LOG.removeHandler(handler)
    LOG.addHandler(LogFile(Places().log_file))
    LOG.setLevel(logging.DEBUG if errors_too else logging.ERROR)
