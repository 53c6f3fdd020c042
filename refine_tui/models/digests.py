"""The sha256 of a file: computed when someone asks, and remembered as long as the file stays as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from refine_tui.core.errors import ModelError, StorageError
from refine_tui.models.storing import write_atomically

CHUNK = 1 << 20
MEMORY_FILE = "digests.json"


def digest(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    """Return a file's sha256 in lower case; `on_bytes` is told how many bytes were read so far.

    Raises:
        ModelError: it cannot be read.
    """
    found, done = hashlib.sha256(), 0
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                found.update(chunk)
                done += len(chunk)
                on_bytes(done)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    return found.hexdigest()


def remembered_digest(path: Path, folder: Path) -> str:
    """Return a file's sha256, from the memory in `folder` when size, time and inode are those of last time.

    Raises:
        ModelError: it cannot be read.
    """
    memory, about = _recall(folder / MEMORY_FILE), _state(path)
    known = memory.get(str(path))
    if isinstance(known, list) and known[:-1] == about and isinstance(known[-1], str):
        return known[-1]
    found = digest(path)
    if _state(path) == about:
        _remember(folder / MEMORY_FILE, memory | {str(path): [*about, found]})
    return found


def _state(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _recall(path: Path) -> dict[str, object]:
    try:
        memory = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}


def _remember(path: Path, memory: dict[str, object]) -> None:
    present = {name: row for name, row in memory.items() if Path(name).exists()}
    try:
        write_atomically(path, json.dumps(present).encode())
    except StorageError:
        # It is only a memory: without it the next one takes as long as this one.
        return
