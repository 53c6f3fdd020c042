"""The children of the warm parent: a spare one that waits for its request, and what any of them prints.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Any

_OUTPUT = 8192


class Spare:
    """A child that has been set up and waits for its request."""

    def __init__(self, pid: int, writing: int, output: int, begun: Any) -> None:
        self.pid = pid
        self.output = output
        self._writing = writing
        self._begun = begun

    @property
    def has_begun(self) -> bool:
        """Whether it took its request."""
        return bool(self._begun[0])

    def hand(self, request: Any) -> bool:
        """Give it its request; false when it is gone."""
        body = json.dumps(request).encode()
        message = b"%12d" % len(body) + body
        try:
            while message:
                message = message[os.write(self._writing, message) :]
        except OSError:
            return False
        os.close(self._writing)
        return True

    def close(self) -> None:
        """Let go of its files."""
        os.close(self._writing)
        os.close(self.output)


class Begun(BaseException):
    """Raised in a child, to get back to where pytest waits for its plan."""

    def __init__(self, output: int, take: Any) -> None:
        super().__init__()
        self.output = output
        self.take = take


class Waiting:
    """In a spare child: waits for the request, lays its files over the project and returns its plan."""

    def __init__(self, reading: int, project: str, begun: Any) -> None:
        self._reading = reading
        self._begun = begun
        self._project = project

    def __call__(self) -> Any:
        """Wait."""
        request = json.loads(self._read(int(self._read(12))))
        self._begun[0] = 1
        for path, text in request["files"].items():
            with open(os.path.join(self._project, path), "wb") as file:
                file.write(base64.b64decode(text))
        return request["plan"]

    def _read(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            chunk = os.read(self._reading, size - len(parts))
            if not chunk:
                os._exit(1)
            parts += chunk
        return parts


def open_files() -> list[str]:
    """Return the numbers of what this process has open; nothing where the system does not tell."""
    try:
        return sorted(os.listdir("/proc/self/fd"))
    except OSError:
        return []


def memory_file() -> int:
    """Return a file that lies in memory, for what a child prints."""
    return os.memfd_create("output") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR)


def tail(output: int) -> str:
    """Return the end of what was printed."""
    size = os.lseek(output, 0, os.SEEK_END)
    return os.pread(output, _OUTPUT, max(0, size - _OUTPUT)).decode("utf-8", "replace")
