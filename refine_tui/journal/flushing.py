"""Puts what was stored onto the disk a moment later, so that nobody who stores it waits for the disk."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path


class Flusher:
    """Flushes one file, in a thread of its own that begins with the first request. Safe from any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._wanted, self._closed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def soon(self) -> None:
        """Have everything on the disk that is in the file by now; what is asked for meanwhile is done together."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="journal-flush", daemon=True)
                self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """Do what is asked for, and end."""
        with self._lock:
            self._closed.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wanted.wait()
            self._wanted.clear()
            is_last = self._closed.is_set()
            # Gone or failing: what was in it is in the database by now, or the next lasting row says what is wrong with the disk.
            with suppress(OSError):
                self._flush()

    def _flush(self) -> None:
        descriptor = os.open(self._file, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
