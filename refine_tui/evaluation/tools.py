"""The files of `inside/`, as they are laid beside a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path


@cache
def stand_alone() -> Mapping[str, bytes]:
    """Return every stand-alone file by name; read once, so that all runs of a session use the same."""
    return {path.name: path.read_bytes() for path in sorted((Path(__file__).parent / "inside").glob("_*.py")) if path.name != "__init__.py"}
