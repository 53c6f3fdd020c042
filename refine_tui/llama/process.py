"""The worker as its client sees it: started, spoken to, told to stop, ended. Nothing here knows what is said."""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from refine_tui.core.errors import ModelError
from refine_tui.llama.framing import FrameBuffer, FramingError, Message, encode
from refine_tui.llama.shared import BEAT_AT, BLOCK_BYTES, CANCEL_AT, DROP_AT

POLL_S = 0.01
SILENT_POLLS = 3000
"""Polls in a row without a sign of life after which the worker counts as dead: 30 s. Counted in polls and not by the clock, so
that a program suspended for an hour does not kill a healthy worker."""
END_S = 2.0
GONE_S = 10.0
LOG_BYTES = 4 * 1024 * 1024
"""A log longer than this is started anew."""
READ_BYTES = 1 << 16
# Run with -P, so that no file in the user's project can stand in for a module.
BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from refine_tui.llama.worker import main; main()"


class WorkerDiedError(Exception):
    """Raised when the worker is gone, or counts as gone."""


class WorkerProcess:
    """One running worker. `request_stop` and `close` may be called from any thread, the rest from one at a time."""

    def __init__(self, log_file: Path) -> None:
        """Start the worker.

        Raises:
            ModelError: its log cannot be written or the process cannot be started.
        """
        self._lock = threading.Lock()
        self._frames = FrameBuffer()
        self._silent_polls, self._last_beat = 0, b""
        self._closed = False
        with tempfile.TemporaryFile() as shared:
            shared.truncate(BLOCK_BYTES)
            self._block = mmap.mmap(shared.fileno(), BLOCK_BYTES)
            try:
                self._process = start(log_file, shared.fileno())
            except OSError as error:
                raise ModelError(f"The model's worker process cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def send(self, message: Message) -> None:
        """Send a request.

        Raises:
            WorkerDiedError: nobody reads it.
            ModelError: it is too long to be sent.
        """
        try:
            data = encode(message)
        except FramingError as error:
            raise ModelError(f"The request to the model is too long: {error}") from error
        with self._lock:
            if self._closed or self._process.stdin is None:
                raise WorkerDiedError
            self._block[CANCEL_AT] = 0
            self._block[DROP_AT:] = bytes(BLOCK_BYTES - DROP_AT)
            try:
                self._process.stdin.write(data)
                self._process.stdin.flush()
            except OSError as error:
                raise WorkerDiedError from error

    def receive(self) -> Message | None:
        """Return the next answer, or `None` when there was none for a moment.

        Raises:
            WorkerDiedError: the worker ended, showed no sign of life for long, or wrote garbage.
        """
        with self._lock:
            if self._closed or self._process.stdout is None:
                raise WorkerDiedError
            try:
                message = self._frames.next()
                pipe = self._process.stdout.fileno()
                if message is None and self._readable(pipe):
                    self._read(pipe)
                    message = self._frames.next()
            except FramingError as error:
                raise WorkerDiedError from error
        return message

    def request_stop(self) -> None:
        """Ask for what is being computed to be given up."""
        if not self._closed:
            self._block[CANCEL_AT] = 1

    def request_drop(self, index: int) -> None:
        """Ask for one continuation to be given up."""
        if not self._closed and DROP_AT + index < BLOCK_BYTES:
            self._block[DROP_AT + index] = 1

    def close(self) -> None:
        """End the worker and leave nothing of it behind; safe to call twice."""
        self._closed = True
        self._process.kill()
        with self._lock:
            # Killed means gone, but a machine without a free moment may take its time to say so.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GONE_S)
            for pipe in (self._process.stdin, self._process.stdout):
                # A request that nobody read is still in the pipe's buffer, and closing tries to send it.
                with contextlib.suppress(OSError):
                    if pipe is not None and not pipe.closed:
                        pipe.close()

    def _readable(self, pipe: int) -> bool:
        ready, _, _ = select.select([pipe], [], [], POLL_S)
        if ready:
            return True
        beat = self._block[BEAT_AT : BEAT_AT + 8]
        self._silent_polls = 0 if beat != self._last_beat else self._silent_polls + 1
        self._last_beat = beat
        if self._silent_polls > SILENT_POLLS:
            raise WorkerDiedError
        return False

    def _read(self, pipe: int) -> None:
        piece = os.read(pipe, READ_BYTES)
        if not piece:
            raise WorkerDiedError
        self._frames.feed(piece)


def start(log_file: Path, block: int) -> subprocess.Popen[bytes]:
    """Start the process; its standard error goes to the log.

    Raises:
        OSError: the log cannot be opened or the process not started.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    too_long = log_file.exists() and log_file.stat().st_size > LOG_BYTES
    package = Path(__file__).resolve().parents[2]
    # Spinning OpenMP threads beside a test run have been seen to slow decoding a hundredfold. When llama.cpp gives up it starts gdb,
    # where there is one, and has been seen to wait for it forever.
    environment = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1", "GGML_NO_BACKTRACE": "1"} | os.environ
    with log_file.open("wb" if too_long else "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT, str(package), str(block), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=[block],
            env=environment,
        )
