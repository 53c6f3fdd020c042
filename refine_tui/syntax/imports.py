"""Where the modules that a Python file imports may lie in its project. Read from the text, so that a file with errors tells too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from refine_tui.core.text import SourceFile

_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)", re.MULTILINE)
_PLAIN = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)


@lru_cache(maxsize=256)
def imported_paths(source: SourceFile) -> tuple[str, ...]:
    """Return paths below the project's root, those that a name leads to most directly first."""
    return tuple(dict.fromkeys(path for where, name in _modules(source.text) for path in _paths(source.path, where, name)))


def _modules(text: str) -> Iterator[tuple[int, str]]:
    """Yield dotted names with the number of dots before them."""
    for found in _FROM.finditer(text):
        dots, module, names = len(found[1]), found[2], re.findall(r"(\w+)(?:\s+as\s+\w+)?", found[3])
        if module:
            yield dots, module
        yield from ((dots, f"{module}.{name}".strip(".")) for name in names)
    for found in _PLAIN.finditer(text):
        yield from ((0, part.split()[0]) for part in found[1].split(",") if part.split())


def _paths(importer: str, dots: int, name: str) -> Iterator[str]:
    folders = [str(folder) for folder in PurePosixPath(importer).parents]
    # What is meant from the top may begin at the root, at `src`, or at a folder that the tests lie in.
    tops = folders[dots - 1 : dots] if dots else dict.fromkeys([".", "src", *folders])
    for top in tops:
        base = PurePosixPath(top) / name.replace(".", "/")
        yield f"{base}.py"
        yield f"{base}/__init__.py"
