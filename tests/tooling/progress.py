"""Runs a command quietly: one line that moves on the terminal, everything it prints in a log file."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PLAIN_INTERVAL_S = 10.0
"""Seconds between two lines where the output is no terminal."""


class StepFailed(Exception):
    """A command of the set-up ended badly. The message is for the person at the terminal."""


class Line:
    """One line of progress with a label; redrawn in place on a terminal, repeated now and then elsewhere."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._started = time.monotonic()
        self._shown_at = -PLAIN_INTERVAL_S
        self._shown = ""
        self._moves = sys.stdout.isatty()

    def show(self, text: str, *, log: Path | None = None) -> None:
        """Shows what is going on, the time it has taken so far, and where one can read more, if there is room for all of that."""
        now, room = time.monotonic(), shutil.get_terminal_size().columns - 1
        text = f"[{self._label}] {text}, {elapsed(now - self._started)}"
        if log is not None and (not self._moves or len(text) + len(f", log: {short(log)}") <= room):
            text += f", log: {short(log)}"
        if text == self._shown or (not self._moves and now - self._shown_at < PLAIN_INTERVAL_S):
            return
        self._shown, self._shown_at = text, now
        if self._moves:
            sys.stdout.write(f"\r\x1b[K{text[:room]}")
        else:
            sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def end(self, text: str) -> None:
        """Leaves a last line that stays."""
        start = "\r\x1b[K" if self._moves else ""
        sys.stdout.write(f"{start}[{self._label}] {text}, {elapsed(time.monotonic() - self._started)}\n")
        sys.stdout.flush()


def elapsed(seconds: float) -> str:
    """A duration as a person writes it: `8 s`, `2 min 10 s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def short(path: Path) -> str:
    """A path as a person writes it, with `~` for the home directory."""
    home = os.environ.get("HOME", "")
    return f"~{str(path).removeprefix(home)}" if home and path.is_relative_to(home) else str(path)


def run(argv: Sequence[str], log: Path, on_line: Callable[[str], None], *, environment: Mapping[str, str] | None = None) -> None:
    """Runs a command; hands each line it prints to `on_line`, and an empty one each second in which it prints nothing.

    Raises:
        StepFailed: The command can't be started or ends with another status than 0. The message holds the log's last lines.
    """
    with log.open("a", encoding="utf-8", errors="replace") as kept:
        kept.write(f"$ {' '.join(argv)}\n")
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=None if environment is None else dict(environment),
            )
        except OSError as error:
            raise StepFailed(f"{argv[0]} can't be started: {error}") from error
        with process:
            try:
                for line in _LineSource(process):
                    kept.write(line)
                    on_line(line.rstrip("\n"))
            except BaseException:
                process.terminate()
                raise
    if process.returncode:
        raise StepFailed(f"{' '.join(argv[:6])} … ended with status {process.returncode}.\n{_tail(log)}\nThe whole log: {log}")


class _LineSource:
    """The lines a process prints, with an empty string whenever a second passes without one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def __iter__(self) -> _LineSource:
        return self

    def __next__(self) -> str:
        try:
            line = self._lines.get(timeout=1.0)
        except queue.Empty:
            return ""
        if line is None:
            raise StopIteration
        return line


def _tail(log: Path, count: int = 15) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  | {line}" for line in lines[-count:])
