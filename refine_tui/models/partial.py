"""A file that is not all here yet: `NAME.part` with its bytes from the first on, and `NAME.part.json` with what it will be.

One process writes to it at a time; the system lets go when that one dies. The state is written before the first byte of what it
describes, and bytes are only ever added at the end, so wherever a process dies the next one can go on.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from refine_tui.core.errors import StorageError, UsageError
from refine_tui.models.storing import write_atomically


@dataclass(frozen=True, slots=True)
class Origin:
    """What the server said of the file whose bytes are kept."""

    url: str
    validator: str = ""
    """A strong ETag, else the date of the last change, for `If-Range`; empty when the server told neither."""
    total_bytes: int | None = None
    sha256: str = ""
    """What its hub says it must have; empty when unknown."""


class Partial:
    """The kept bytes of one file, held by this process."""

    def __init__(self, target: Path, handle: int) -> None:
        self.target = target
        self.path, self._state = part_paths(target)
        self._handle = handle
        self.origin = self._recall()
        self.size = os.fstat(handle).st_size if self.origin else 0

    def begin(self, origin: Origin) -> None:
        """Throw away what there is, and note what the bytes to come belong to.

        Raises:
            StorageError: the disk refuses.
        """
        with _translated(self.path):
            # Emptied before the new state is written: no state ever stands beside another file's bytes.
            os.ftruncate(self._handle, 0)
        write_atomically(self._state, json.dumps(asdict(origin)).encode())
        self.origin, self.size = origin, 0

    def correct(self, origin: Origin) -> None:
        """Note that the server knows better by now; the bytes stay."""
        write_atomically(self._state, json.dumps(asdict(origin)).encode())
        self.origin = origin

    def append(self, data: bytes) -> None:
        """Add bytes at the end.

        Raises:
            StorageError: the disk is full or fails; what fits is kept.
        """
        with _translated(self.path):
            while data:
                written = os.pwrite(self._handle, data, self.size)
                self.size += written
                data = data[written:]

    def finish(self) -> None:
        """Give the file its own name.

        Raises:
            StorageError: the disk refuses.
        """
        with _translated(self.target):
            os.fsync(self._handle)
            self.path.replace(self.target)
            _sync_folder(self.target.parent)
            self._state.unlink(missing_ok=True)

    def drop(self) -> None:
        """Remove what there is: it turned out not to be the file."""
        with _translated(self.path):
            os.ftruncate(self._handle, 0)
            self._state.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
        self.origin, self.size = None, 0

    def _recall(self) -> Origin | None:
        try:
            origin = Origin(**json.loads(self._state.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        fine = isinstance(origin.url, str) and isinstance(origin.validator, str) and isinstance(origin.sha256, str)
        return origin if fine and isinstance(origin.total_bytes, int | None) else None


def part_paths(target: Path) -> tuple[Path, Path]:
    """Return where a file's bytes and their state are kept until it is whole."""
    return target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")


@contextmanager
def hold_partial(target: Path) -> Iterator[Partial]:
    """Hold the part of a file for the time of a block, begun by whatever process.

    Raises:
        UsageError: another process fetches it now.
        StorageError: the folder cannot be used.
    """
    with _translated(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part, state = part_paths(target)
        handle = _locked(part)
        for name in (state.name, target.with_suffix(".toml").name):
            for left in target.parent.glob(f".{glob.escape(name)}.*"):
                left.unlink(missing_ok=True)  # by a process that died while it wrote
    partial = Partial(target, handle)
    try:
        yield partial
    finally:
        if partial.origin is None and not target.exists():
            partial.path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int:
    """Open and lock a file; what was renamed or removed between the two is opened again."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BlockingIOError as error:
            os.close(handle)
            raise UsageError(f"{path.stem} is being fetched by another refine-tui. Wait for it, or end it and run this again.") from error
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}. What has arrived is kept.") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
