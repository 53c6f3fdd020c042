"""Places in the project that a failure's text names, in the ways in which compilers, assertions and stack traces write them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from refine_tui.core.evidence import Frame

MOST_FRAMES = 40
_MOST_FILES = 20_000
_SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", "target", "__pycache__", ".venv", "venv", "vendor", "site-packages"})
_PLACE = re.compile(
    r"(?:file://)?(?P<path>(?:[A-Za-z]:)?[\w@.+/\\-]*[\w+-]\.[A-Za-z]\w{0,9})(?::|\(|\", line |, line |:line )(?P<line>\d{1,7})"
)
_FUNCTION = re.compile(r"(?:\bat |^\s*|\bin )([\w.$<>:~]*[\w$>]) ?\($")
_PYTHON = "Traceback (most recent call last)"


class Places:
    """The files of one project, for finding them in text. They are listed when the first bare name asks for them."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._names: dict[str, str | None] | None = None

    def frames(self, text: str) -> tuple[Frame, ...]:
        """Return the lines of project files that a text names, the innermost last; each line of a file once."""
        found: dict[tuple[str, int], Frame] = {}
        for line in text.splitlines():
            for match in _PLACE.finditer(line):
                path, number = self.relative(match["path"]), int(match["line"])
                if path and number and (path, number) not in found:
                    found[path, number] = Frame(path, number - 1, _function(line[: match.start()]))
        frames = list(found.values())[:MOST_FRAMES]
        return tuple(frames if _PYTHON in text else reversed(frames))

    def relative(self, path: str) -> str:
        """Return a path as the project spells it; empty when it is none of the project's files.

        The copy that ran may lie elsewhere, and some languages print a file's name alone: then it counts when no other file has it.
        """
        path = os.path.normpath(path.replace("\\", "/"))
        if not path or path.startswith(".."):
            return ""
        own = str(self._project) + "/"
        tails = [path.removeprefix(own)] if not path.startswith("/") or path.startswith(own) else _tails(path)
        for tail in tails:
            if (self._project / tail).is_file():
                return tail
        return self._by_name(path) if "/" not in path else ""

    def _by_name(self, name: str) -> str:
        if self._names is None:
            self._names = {}
            for path in self._listed():
                base = path.rpartition("/")[2]
                self._names[base] = None if base in self._names else path
        return self._names.get(name) or ""

    def _listed(self) -> Iterator[str]:
        count = 0
        for folder, folders, files in os.walk(self._project):
            folders[:] = [one for one in folders if one not in _SKIPPED]
            for name in files:
                count += 1
                if count > _MOST_FILES:
                    return
                yield (Path(folder) / name).relative_to(self._project).as_posix()


def _tails(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts))]


def _function(before: str) -> str:
    """Return the function that a line of a stack trace names before the place."""
    match = _FUNCTION.search(before)
    return match[1] if match and not match[1].isdigit() else ""
