"""Editing a hunk's new lines in the user's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from refine_tui.core.errors import StorageError, UsageError

_FALLBACKS = ("nano", "vim", "vi")


def editor_command(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the editor to start: `$VISUAL`, `$EDITOR`, or one that is there.

    Raises:
        UsageError: there is none, or a variable is no command.
    """
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(environment.get(name, ""))
        except ValueError as error:
            raise UsageError(f"{name} is no command: {error}. Correct it, as in {name}=nano, and start again.") from error
        if words:
            return words
    found = next((name for name in _FALLBACKS if shutil.which(name)), None)
    if found is None:
        raise UsageError("No editor found. Set EDITOR to one, as in EDITOR=nano, and start again.")
    return [found]


def edit_lines(lines: Sequence[str], suffix: str, environment: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """Open the editor on some lines and return them as they were saved; `None` when nothing changed.

    The terminal must belong to the editor while this runs. `suffix` (`.py`) tells the editor the language.

    Raises:
        UsageError: no editor, or it failed; nothing is changed then.
        StorageError: the temporary file cannot be written or read.
    """
    command = editor_command(environment)
    with tempfile.TemporaryDirectory(prefix="refine_tui-") as folder:
        file = Path(folder, f"hunk{suffix}")
        try:
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            with _interrupts_are_its():
                status = subprocess.run([*command, str(file)], check=False).returncode
            saved = file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError as error:
            raise UsageError(f"The editor {command[0]} cannot be started. Set EDITOR to one that is installed.") from error
        except OSError as error:
            raise StorageError(f"The hunk could not be edited: {error}. Nothing was changed.") from error
    if status != 0:
        ended = f"ended with status {status}" if status > 0 else "was interrupted"
        raise UsageError(f"{command[0]} {ended}; the hunk is as it was.")
    edited = tuple(saved.removesuffix("\n").split("\n")) if saved else ()
    return None if edited == tuple(lines) else edited


@contextmanager
def _interrupts_are_its() -> Iterator[None]:
    """Let ctrl+c end the editor and not us. A handler, unlike ignoring, is not inherited by it."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
