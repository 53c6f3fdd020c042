"""What a tree looked like, cheaply: whether it stood still while something ran on a copy of it.

An overlay shows at once what changes below it, and a copy takes a moment to make: evidence from a tree that moved meanwhile is about no
tree at all. Every file counts, since a program may be written in any language and its tests may read anything, but for logs, databases,
caches and what editors leave beside a file: a server at work in the tree would make every run stale.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from refine_tui.sandbox.masks import SKIPPED

_NOISE = re.compile(
    r"""
    .+\.(log(\.\d+)?|(sqlite|db)\d?(-(wal|shm|journal))?|py[co]|sw[nopx]|tmp|bak|pid|sock|gcda)
    | .*~ | \.\#.* | \#.*\# | 4913 | \.refine-tui-.* | \.DS_Store | \.coverage(\..*)?
    """,
    re.VERBOSE | re.DOTALL,
)
"""Names of files that are written while nobody changes a program."""
_CACHES = SKIPPED.union(".cache .direnv .gradle .hg .hypothesis .idea .ipynb_checkpoints .jj .svn .terraform htmlcov".split())  # noqa: SIM905  # short


def fingerprint(project: Path) -> str:
    """Return what changes when a source file of a project is written, replaced, added or removed; reads no content."""
    found = hashlib.blake2b(digest_size=16)
    for line in sorted(_lines(str(project))):
        found.update(line.encode(errors="surrogateescape"))
    return found.hexdigest()


def _lines(project: str) -> Iterator[str]:
    waiting = [project]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                listed = list(entries)
        except OSError:
            continue  # it cannot be read, and so it is not in the copy
        if any(entry.name == "pyvenv.cfg" for entry in listed):
            continue  # an environment: large, and no part of the project
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _CACHES:
                    waiting.append(entry.path)
            elif not _NOISE.fullmatch(entry.name):
                yield _facts(entry)


def _facts(entry: os.DirEntry[str]) -> str:
    try:
        facts = entry.stat()
    except OSError:
        return f"{entry.path} gone\n"
    return f"{entry.path} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}\n"
