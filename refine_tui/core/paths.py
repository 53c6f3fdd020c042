"""Which paths a pattern names, the way `.gitignore` readers expect."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Say whether a project-relative path is named by one of the patterns.

    A pattern without a slash names files of that name in any folder; `tests/**` names everything below a folder `tests`
    wherever it stands; any other pattern must fit the whole path.
    """
    name = path.rsplit("/", 1)[-1]
    for pattern in patterns:
        if "/" not in pattern:
            if fnmatchcase(name, pattern):
                return True
        elif fnmatchcase(path, pattern) or (pattern.endswith("/**") and fnmatchcase(path, "*/" + pattern)):
            return True
    return False
