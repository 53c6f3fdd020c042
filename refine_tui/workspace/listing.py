"""Which files are the project's own."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from refine_tui.workspace.git import run_git
from refine_tui.workspace.places import TEMPORARY_NAME, TEMPORARY_PREFIX

IGNORED_FOLDERS = frozenset(
    [
        *(".git", ".hg", ".svn", ".jj"),
        *("__pycache__", "__pypackages__", ".venv", "venv", ".virtualenv"),
        *(".tox", ".nox", ".eggs", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".cache", ".pyre", ".pytype"),
        *(".ipynb_checkpoints", "node_modules", "bower_components", "htmlcov", ".direnv", ".gradle", ".terraform"),
    ]
)
"""Folders nobody edits by hand, wherever they lie."""
_BUILD_FOLDERS = frozenset({"build", "dist", "target", "_build"})
"""Results, unless they hold source: a package may be called `build`."""
_IGNORED_SUFFIXES = (".pyc", ".pyo", "~", ".swp", ".swo", ".swx", ".egg-info")


def list_files(root: Path) -> tuple[str, ...]:
    """Return the project's regular files as sorted paths with forward slashes: git's view, or a walk where git has none."""
    return tuple(name for name in _listed(root) if not _is_temporary(name))


def list_temporary(root: Path) -> tuple[str, ...]:
    """Return this program's own temporary files among the project's files."""
    return tuple(name for name in _listed(root) if TEMPORARY_NAME.fullmatch(name.rsplit("/", 1)[-1]))


def _listed(root: Path) -> Iterator[str]:
    listing = run_git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    names = sorted({os.fsdecode(name) for name in listing.split(b"\0") if name}) if listing else walk(root)
    return (name for name in names if _is_file(root, name))


def walk(root: Path, below: str = "") -> Iterator[str]:
    """Yield the files beneath `below` in order, leaving out what is clearly no source; links are not followed."""
    for folder, folders, names in os.walk(root / below):
        here = PurePosixPath(os.path.relpath(folder, root))
        folders[:] = sorted(name for name in folders if not _is_foreign(Path(folder, name)))
        yield from (str(here / name) for name in sorted(names) if _is_temporary(name) or not is_noise(name))


def is_noise(name: str) -> bool:
    """Say whether a path lies in an ignored folder, is a cache or backup file, or is a temporary file of this program."""
    parts = name.split("/")
    return name.endswith(_IGNORED_SUFFIXES) or parts[-1].startswith(".#") or _is_temporary(name) or not IGNORED_FOLDERS.isdisjoint(parts)


def without_ignored(root: Path, names: Iterable[str]) -> frozenset[str]:
    """Leave out what git ignores; without git nothing is ignored."""
    wanted = frozenset(names)
    stdin = b"".join(os.fsencode(name) + b"\0" for name in sorted(wanted))
    listing = run_git(root, "check-ignore", "-z", "--stdin", stdin=stdin, accepted=(0, 1)) if wanted else None
    return wanted - {os.fsdecode(name) for name in (listing or b"").split(b"\0")}


def _is_foreign(folder: Path) -> bool:
    if folder.name in IGNORED_FOLDERS or folder.name.endswith(".egg-info") or (folder / "pyvenv.cfg").exists():
        return True
    return folder.name in _BUILD_FOLDERS and not (folder / "__init__.py").exists()


def _is_temporary(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith(TEMPORARY_PREFIX)


def _is_file(root: Path, name: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(root / name).st_mode)
    except (OSError, ValueError):
        return False
