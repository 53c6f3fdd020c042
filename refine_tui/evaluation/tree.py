"""The user's tree as an evaluator sees it: read when it is needed, never written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from refine_tui.core.errors import StaleBaseError
from refine_tui.core.patch import Patch


def read(project: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Return what some files hold; those that cannot be read are left out."""
    found = {}
    for path in paths:
        try:
            found[path] = (project / path).read_bytes()
        except OSError:
            continue
    return found


def patched(project: Path, patch: Patch) -> dict[str, bytes] | None:
    """Return the new content of a patch's files, or `None` when the tree is not its base any more."""
    try:
        return patch.apply(read(project, patch.paths))
    except StaleBaseError:
        return None
