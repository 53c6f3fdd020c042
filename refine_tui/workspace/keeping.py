"""Files that were displaced are kept, never deleted at once: an editor may still hold one open and write to it."""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from refine_tui.core.errors import ProjectError
from refine_tui.core.text import digest
from refine_tui.workspace.beneath import read_at, read_open
from refine_tui.workspace.disk import Disk

_ELSEWHERE = (errno.EXDEV, errno.ENOSPC, errno.EDQUOT, errno.EMLINK)
_HELD_OPEN = 64
_LATE_PREFIX = "late-"
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class LateWrite:
    """An editor wrote to a file after it was displaced; its text is kept."""

    write: int
    index: int
    """Position of the file in the write's patch."""
    kept: Path


class Store:
    """A folder of displaced files, `WRITE-INDEX-DIGEST[-N]`, and the open ones that could not be moved there."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.folder = folder
        self._disk = disk
        self._held: deque[tuple[int, int, int, str]] = deque()

    def keep(self, folder: int, name: str, write: int, index: int, expected: str) -> None:
        """Put away the file `name`, whose content should have the digest `expected`.

        `write` 0 stands for one that no journal knows. Where it cannot be moved (another file system, a full disk) it stays open until
        the program ends, and only its name goes; its content at this moment is in the log of writes.
        """
        try:
            with self._opened() as store:
                self._disk.move(folder, name, store, self._free_name(f"{write}-{index}-{expected}"))
        except OSError as error:
            if error.errno not in _ELSEWHERE:
                raise
            self._hold(folder, name, write, index, expected)

    def _hold(self, folder: int, name: str, write: int, index: int, expected: str) -> None:
        content, _ = read_at(folder, name)
        if digest(content) != expected:
            self._save(f"{_LATE_PREFIX}{write}-{index}-{digest(content)}", content)
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        self._held.append((file, write, index, digest(content)))
        if len(self._held) > _HELD_OPEN:
            self._let_go()
        self._disk.unlink(folder, name)

    def late_writes(self) -> tuple[LateWrite, ...]:
        """Return what was written to displaced files since the last look; each is told once."""
        return (*self._late_files(), *self._late_held())

    def _late_files(self) -> Iterator[LateWrite]:
        for kept in self._kept_files():
            if _long_untouched(kept):
                continue
            write, index, expected = kept.name.split("-")[:3]
            try:
                found = digest(kept.read_bytes())
                if found == expected:
                    continue
                late = kept.rename(kept.with_name(self._free_name(f"{_LATE_PREFIX}{write}-{index}-{found}")))
            except OSError:
                continue  # it is looked at again the next time
            yield LateWrite(int(write), int(index), late)

    def _late_held(self) -> Iterator[LateWrite]:
        for at, (file, write, index, expected) in enumerate(list(self._held)):
            content, _ = read_open(file, "")
            if digest(content) != expected:
                kept = self._save(f"{_LATE_PREFIX}{write}-{index}-{digest(content)}", content)
                self._held[at] = (file, write, index, digest(content))
                yield LateWrite(write, index, kept)

    def prune(self, days: float = 30.0) -> None:
        """Delete kept files older than `days` that nobody wrote to and whose text the journal has; all others stay for good."""
        for kept in self._kept_files():
            write, _, expected = kept.name.split("-")[:3]
            with suppress(OSError):
                if int(write) and time.time() - kept.stat().st_ctime > days * _DAY and digest(kept.read_bytes()) == expected:
                    kept.unlink()

    def close(self) -> None:
        """Let go of the open files."""
        while self._held:
            self._let_go()

    def _let_go(self) -> None:
        """Close the file that is open longest; what was written to it since the last look is found, and told, at the next start."""
        file, write, index, expected = self._held.popleft()
        with suppress(OSError, ProjectError):
            content, _ = read_open(file, "")
            if digest(content) != expected:
                self._save(f"{write}-{index}-{expected}", content)
        os.close(file)

    def _kept_files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if path.name[:1].isdigit() and path.name.count("-") >= 2)

    def _save(self, name: str, content: bytes) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / self._free_name(name)
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return path

    def _free_name(self, name: str) -> str:
        candidates = (name if number == 0 else f"{name}-{number}" for number in range(1_000_000))
        return next(candidate for candidate in candidates if not os.path.lexists(self.folder / candidate))

    @contextmanager
    def _opened(self) -> Iterator[int]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            os.close(folder)


def _long_untouched(kept: Path) -> bool:
    """Say whether a file was displaced more than a day ago and not written to since: moving changes one time stamp, writing both."""
    found = kept.stat()
    return time.time() - found.st_ctime > _DAY and found.st_mtime_ns + 1_000_000_000 < found.st_ctime_ns
