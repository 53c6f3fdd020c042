from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from refine_tui.core.patch import Patch, patch_between
from refine_tui.journal import SqliteJournal
from refine_tui.workspace import ProjectTree
from refine_tui.workspace.disk import Disk

BASE = {"a.py": b"one\ntwo\nthree\n", "pkg/b.py": b"\xef\xbb\xbfx = 1\r\ny = 2", "pkg/sub/c.py": b""}
NEW = {"a.py": b"one\n2\nthree\nfour\n", "pkg/b.py": b"\xef\xbb\xbfx = 1\r\ny = 3\r\n", "pkg/sub/c.py": b"z" * 100_000 + b"\n"}


@dataclass
class Project:
    """A real project on disk with its journal's folder beside it."""

    root: Path
    state: Path
    protected: tuple[str, ...] = ()
    base: dict[str, bytes] = field(default_factory=lambda: dict(BASE))
    new: dict[str, bytes] = field(default_factory=lambda: dict(NEW))

    def create(self) -> Project:
        for path, content in self.base.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o755 if path == "a.py" else 0o640)
        return self

    @property
    def patch(self) -> Patch:
        return patch_between(self.base, self.new)

    @contextmanager
    def opened(self, disk: Disk | None = None) -> Iterator[ProjectTree]:
        journal = SqliteJournal(self.state)
        tree = ProjectTree(self.root, self.state, journal.writes, protected=self.protected, disk=disk)
        try:
            yield tree
        finally:
            tree.close()
            journal.close()

    def content(self) -> dict[str, bytes]:
        return {path: (self.root / path).read_bytes() for path in self.base}

    def modes(self) -> list[int]:
        return [(self.root / path).stat().st_mode & 0o7777 for path in self.base]

    def litter(self) -> list[str]:
        return [
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.is_file() and str(path.relative_to(self.root)) not in self.base
        ]

    def kept(self) -> list[bytes]:
        folder = self.state / "kept"
        return [path.read_bytes() for path in folder.iterdir()] if folder.exists() else []


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: killing a process needs no real disk, and hundreds of fsyncs take their time."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared, prefix="refine-tui-test-") as folder:
        yield Path(folder)


@pytest.fixture
def make_project(memory: Path) -> Callable[..., Project]:
    numbers = iter(range(1_000_000))

    def make(where: Path | None = None, **values: object) -> Project:
        place = (where or memory) / f"case{next(numbers)}"
        (place / "root").mkdir(parents=True)
        return Project(place / "root", place / "state", **values).create()  # type: ignore[arg-type]

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


@pytest.fixture
def killed_at() -> Callable[[int, Callable[[Callable[[str], None]], None]], bool]:
    """Run work in a child process that is killed, as by `kill -9`, just before its n-th step; says whether it was."""

    def run(step: int, work: Callable[[Callable[[str], None]], None]) -> bool:
        child = os.fork()
        if child == 0:
            try:
                count = [0]

                def announce(_: str) -> None:
                    count[0] += 1
                    if count[0] > step:
                        os.kill(os.getpid(), signal.SIGKILL)

                work(announce)
                os._exit(0)
            finally:
                os._exit(99)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
        return os.WIFSIGNALED(status)

    return run
