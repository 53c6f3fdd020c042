"""A copy of the project in a temporary folder, for the levels that cannot put one at the project's own path."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from refine_tui.core.errors import IsolationError
from refine_tui.sandbox.masks import MaskFinder

_MEMORY = Path("/dev/shm")
_PREFIX = "refine-tui-copy-"
_SPARE = 2
"""The file system must have this many times the copy's size free."""


@dataclass(frozen=True)
class WorkCopy:
    """Folders of one launch; `remove` deletes them all."""

    root: Path
    project: Path
    tools: Path
    temporary: Path
    home: Path

    def used_bytes(self) -> int:
        """Return the size on disk of everything below; what vanishes while we look counts as nothing."""
        return sum(_size(Path(folder) / name) for folder, _folders, names in os.walk(self.root) for name in names)

    def free_bytes(self) -> int:
        """Return the room that the file system of the copy has left; 0 when the copy is gone."""
        try:
            return shutil.disk_usage(self.root).free
        except OSError:
            return 0

    def remove(self) -> None:
        """Delete everything, also what the run made unreadable."""
        for folder, folders, _names in os.walk(self.root):
            for below in (Path(folder) / name for name in folders):
                if not below.is_symlink():
                    below.chmod(0o700)
        shutil.rmtree(self.root, ignore_errors=True)


def make(project: Path, files: Mapping[str, bytes], skipped: Sequence[Path], state_dir: Path) -> WorkCopy:
    """Copy a project without the files and folders in `skipped`, and lay files over.

    Raises:
        IsolationError: the disk is full, or a path in `files` leads out of the copy.
    """
    copy = _empty(project, state_dir)
    try:
        shutil.copytree(project, copy.project, symlinks=True, ignore=_ignoring(skipped), copy_function=_copy)
        for name, content in files.items():
            _lay_over(copy.project, name, content)
    except (OSError, shutil.Error) as error:
        copy.remove()
        raise IsolationError(f"the project could not be copied to run it apart from your files: {error}") from error
    except IsolationError:
        copy.remove()
        raise
    return copy


def _empty(project: Path, state_dir: Path) -> WorkCopy:
    try:
        root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_place(project, state_dir)))
        copy = WorkCopy(root, root / "copy" / project.name, root / "tools", root / "tmp", root / "home")
        for folder in (copy.tools, copy.temporary, copy.home, copy.project.parent):
            folder.mkdir()
    except OSError as error:
        raise IsolationError(f"there is no room for a copy of the project: {error}") from error
    return copy


def sweep(state_dir: Path) -> None:
    """Delete the copies of programs that were killed before they could."""
    for place in (_MEMORY, state_dir / "copies"):
        for folder in place.glob(f"{_PREFIX}*"):
            owner = folder.name[len(_PREFIX) :].split("-")[0]
            if owner.isdigit() and not _lives(int(owner)):
                shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _place(project: Path, state_dir: Path) -> Path:
    """Memory when it has ample room: on a disk, copying many small files takes ten times as long."""
    if os.access(_MEMORY, os.W_OK | os.X_OK):
        needed = sum(_size(Path(folder) / name) for folder, _folders, names in os.walk(project) for name in names)
        if shutil.disk_usage(_MEMORY).free > _SPARE * needed + (1 << 30):
            return _MEMORY
    place = state_dir / "copies"
    place.mkdir(parents=True, exist_ok=True)
    return place


def private(project: Path, allow: Sequence[str]) -> tuple[Path, ...]:
    """Return what a copy of a project is made without: `.git`, and credentials unless a pattern of `allow` names them."""
    masks = MaskFinder(project, allow).masks()
    return tuple(project / name for name in (".git", *masks.files, *masks.folders))


def _ignoring(skipped: Sequence[Path]) -> Callable[[str, list[str]], list[str]]:
    hidden = set(skipped)

    def ignore(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder) / name in hidden or not _copies(Path(folder) / name)]

    return ignore


def _copies(path: Path) -> bool:
    """Sockets, pipes and devices stay outside, and so does what cannot be read."""
    return path.is_symlink() or ((path.is_dir() or path.is_file()) and os.access(path, os.R_OK))


def _copy(source: str, target: str) -> None:
    shutil.copy2(source, target, follow_symlinks=False)


def _lay_over(copy: Path, name: str, content: bytes) -> None:
    path = (copy / name).resolve()
    if not path.is_relative_to(copy.resolve()) or ".." in Path(name).parts:
        raise IsolationError(f"{name!r} leads out of the project, so nothing was run")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0
