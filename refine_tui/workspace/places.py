"""Where the program keeps what belongs to one project: in the user's state folder, never in the project."""

from __future__ import annotations

import re
from pathlib import Path

import platformdirs

from refine_tui.core.text import digest

TEMPORARY_PREFIX = ".refine-tui-"
"""Begins the name of every temporary file in the user's tree. They live for milliseconds, or until the recovery after a crash."""
TEMPORARY_NAME = re.compile(rf"{re.escape(TEMPORARY_PREFIX)}[0-9a-f]{{8}}-\d+\.(?:part|new|old)")
"""A whole one: nothing else is ever taken for ours and moved."""


def project_state_dir(root: Path) -> Path:
    """Return the state folder of the project at `root`; it need not exist yet."""
    real = root.resolve()
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", real.name).strip("-.") or "project"
    return (
        platformdirs.user_state_path("refine-tui")
        / "projects"
        / f"{readable[:40]}-{digest(str(real).encode('utf-8', 'surrogateescape'))[:12]}"
    )
