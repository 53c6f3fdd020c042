"""What is told of a failure and of a run, whichever library runs the tests.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable

DETAILS_BYTES = 8192
FRAMES = 40


def frames_of(tb: Any, guard: Any) -> list[Any]:
    """Return `[path, 0-based line, function]` for the traceback's project frames, outermost first, the middle cut out."""
    frames = []
    while tb is not None:
        code = tb.tb_frame.f_code
        if guard.owns(code.co_filename):
            frames.append([guard.relative(code.co_filename), (tb.tb_lineno or 1) - 1, code.co_name])
        tb = tb.tb_next
    return frames if len(frames) <= FRAMES else frames[: FRAMES // 4] + frames[-FRAMES * 3 // 4 :]


def frames_to(error: Any, tb: Any, guard: Any) -> list[Any]:
    """Return the project frames of an error; of a syntax error in the project, the place that cannot be parsed is the last."""
    frames = frames_of(tb, guard)
    if isinstance(error, SyntaxError) and error.filename and guard.owns(error.filename):
        frames.append([guard.relative(error.filename), (error.lineno or 1) - 1, "<module>"])
    return frames


def unittest_values(tb: Any, shown: Callable[[Any], str]) -> Any:
    """Return the two sides of `assertEqual` and its relatives from their frames, or `None`."""
    while tb is not None:
        names = tb.tb_frame.f_locals if tb.tb_frame.f_globals.get("__name__") == "unittest.case" else {}
        if "first" in names and "second" in names:
            return [shown(names["first"]), shown(names["second"])]
        tb = tb.tb_next
    return None


def first_line(text: str) -> str:
    """Return the first line that says something, bounded."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:500]


def cut(text: str) -> str:
    """Bound a failure's text; its end says most."""
    return text if len(text) <= DETAILS_BYTES else text[: DETAILS_BYTES // 4] + "\n…\n" + text[-DETAILS_BYTES * 3 // 4 + 4 :]


def loaded_modules(guard: Any) -> list[str]:
    """Return the modules that were imported from outside the project, in order."""
    files = [(name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items())]
    return [name for name, file in files if file and "__main__" not in name and "refine_tui_inside" not in name and not guard.owns(file)]


def foreign_modules(project: str) -> dict[str, str]:
    """Return top-level packages that lie in the project but were imported from an environment: name → file."""
    found = {}
    for folder in (project, os.path.join(project, "src")):
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if os.path.isfile(os.path.join(folder, name, "__init__.py")):
                file = getattr(sys.modules.get(name), "__file__", None) or ""
                if "site-packages" in file or "dist-packages" in file:
                    found[name] = file
    return found
