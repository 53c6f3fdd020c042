"""Starting processes from one thread that never ends.

A process that asks the kernel to be killed with its parent is killed when the *thread* that started it ends, not the process. Every
launch therefore happens on this one thread, which lives as long as the program.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """A process to start with pipes, in a session of its own."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path = Path("/")
    inherited: Sequence[int] = field(default=())
    """Files the process gets under the same numbers; the caller closes its own."""


class Lifeline:
    """A pipe of which a started process holds one end; the kernel closes ours when this program ends in whatever way."""

    def __init__(self) -> None:
        self.held, self._ours = os.pipe()
        self._open = {self.held, self._ours}
        self._lock = threading.Lock()

    def passed_on(self) -> None:
        """Close the end that the started process now holds."""
        self._close(self.held)

    def cut(self) -> None:
        """Close everything here, which tells the process to end; safe from any thread and more than once."""
        self._close(self.held)
        self._close(self._ours)

    def _close(self, fd: int) -> None:
        with self._lock:
            if fd in self._open:
                self._open.remove(fd)
                os.close(fd)


_requests: queue.SimpleQueue[tuple[Command, Future[subprocess.Popen[bytes]]]] = queue.SimpleQueue()
_starting = threading.Lock()
_thread: threading.Thread | None = None


def spawn(command: Command) -> subprocess.Popen[bytes]:
    """Start a process; safe from any thread, also from one that ends soon.

    Raises:
        OSError: the program does not exist, or the machine has no room for a process.
    """
    _ensure_thread()
    answer: Future[subprocess.Popen[bytes]] = Future()
    _requests.put((command, answer))
    return answer.result()


def _ensure_thread() -> None:
    global _thread
    with _starting:
        # A thread object survives a fork of this program, the thread does not.
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_serve, name="sandbox-spawner", daemon=True)
            _thread.start()


def _serve() -> None:
    while True:
        command, answer = _requests.get()
        try:
            answer.set_result(_start(command))
        except OSError as error:
            answer.set_exception(error)


def _start(command: Command) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command.argv,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=command.cwd,
        env=dict(command.environment),
        pass_fds=tuple(command.inherited),
        start_new_session=True,
    )
