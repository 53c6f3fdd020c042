"""A started process tree under supervision: time, processor time, memory, processes and output are bounded from outside."""

from __future__ import annotations

import contextlib
import io
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from typing import IO, Self, cast

from refine_tui.core.isolation import Limits
from refine_tui.sandbox import trees

_LOOK_EVERY_S = 0.05
_TAIL_BYTES = 8192


class Supervised:
    """A `Running` over a child process. Threads of its own watch the limits and drain standard error."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: Limits,
        end_tree: Callable[[], None],
        *,
        over_limit: Callable[[], str] = str,
        clean_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Take charge of a process.

        Args:
            process: started with three unbuffered pipes.
            limits: `wall_s` counts from now; infinity means no limit.
            end_tree: ends every process of the tree; may be called more than once and from any thread.
            over_limit: asked at every look; returns the name of a limit the kernel says was exceeded, or nothing.
            clean_up: called once when the tree has ended.
        """
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._limits = process, limits
        self._end_tree, self._over_limit, self._clean_up = end_tree, over_limit, clean_up
        self._ended, self._stopped, self._lock = threading.Event(), "", threading.Lock()
        self._output_bytes, self._tail = 0, bytearray()
        self._deadline = time.monotonic() + limits.wall_s
        self.stdin: IO[bytes] = cast(IO[bytes], io.BufferedWriter(cast(io.RawIOBase, process.stdin)))
        self.stdout: IO[bytes] = cast(IO[bytes], io.BufferedReader(_Counted(process.stdout.fileno(), self._count)))
        self._raw_stdout = process.stdout
        self._threads = [
            threading.Thread(target=self._watch, name="sandbox-watch", daemon=True),
            threading.Thread(target=self._drain, args=(process.stderr,), name="sandbox-stderr", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The outermost process of the tree."""
        return self._process.pid

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return the exit status (128 + number for a signal), or `None` when it still runs after `timeout_s`."""
        if not self._ended.wait(timeout_s):
            return None
        status = self._process.returncode
        return 128 - status if status < 0 else status

    def kill(self) -> None:
        """End the whole process tree; safe to call from any thread and more than once."""
        if not self._ended.is_set():
            self._end_tree()

    @property
    def stopped(self) -> str:
        """The limit that ended it: `time`, `cpu`, `memory`, `processes`, `disk`, `output`, or empty."""
        return self._stopped

    @property
    def stderr_tail(self) -> str:
        """The last 8 kB of its standard error; complete once `wait` has returned a status."""
        if self._ended.is_set():
            self._threads[1].join(1.0)
        with self._lock:
            return self._tail.decode(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        self._threads[0].join()
        for stream in (self.stdin, self.stdout, self._raw_stdout):
            with contextlib.suppress(OSError):
                stream.close()
        self._threads[1].join(1.0)

    def _stop(self, limit: str) -> None:
        with self._lock:
            self._stopped = self._stopped or limit
        self._end_tree()

    def _count(self, size: int) -> bool:
        """Add to the output seen; say whether more may be read."""
        with self._lock:
            self._output_bytes += size
            over = self._output_bytes > self._limits.output_bytes
        if over:
            self._stop("output")
        return not over

    def _drain(self, stderr: IO[bytes]) -> None:
        with stderr:
            while chunk := stderr.read(65536):
                with self._lock:
                    self._tail += chunk
                    del self._tail[:-_TAIL_BYTES]
                if not self._count(len(chunk)):
                    return

    def _watch(self) -> None:
        with _Exit(self._process) as exit_:
            while not exit_.happens_within(min(_LOOK_EVERY_S, max(0.0, self._deadline - time.monotonic()))):
                limit = self._exceeded()
                if limit:
                    self._stop(limit)
                    exit_.happens_within(None)
        if not self._stopped:
            self._stopped = self._over_limit()
        self._ended.set()
        self._clean_up()

    def _exceeded(self) -> str:
        if time.monotonic() >= self._deadline:
            return "time"
        limit = self._over_limit()
        if limit:
            return limit
        pids = trees.descendants(self._process.pid)
        if trees.resident_bytes(pids) > self._limits.memory_bytes and trees.proportional_bytes(pids) > self._limits.memory_bytes:
            return "memory"
        if len(pids) > self._limits.processes:
            return "processes"
        return "cpu" if trees.processor_s(pids) > self._limits.cpu_s else ""


class _Exit:
    """Waits for a process without polling where the kernel can tell (Linux), else by asking."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pidfd = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.wait()
        if self._pidfd >= 0:
            os.close(self._pidfd)

    def happens_within(self, timeout_s: float | None) -> bool:
        """Wait up to `timeout_s` (for ever: `None`); say whether the process has ended."""
        if self._pidfd < 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
            return self._process.poll() is not None
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))


class _Counted(io.RawIOBase):
    """A pipe's reading end that stops at the output limit."""

    def __init__(self, fd: int, count: Callable[[int], bool]) -> None:
        self._fd, self._count, self._open = fd, count, True

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if not self._open:
            return 0
        size = os.readv(self._fd, [buffer])
        self._open = self._count(size)
        return size if self._open else 0
