"""Asking git about a tree that may not be trusted: nothing the repository configures is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SECONDS = 20.0
_SAFE = ("--no-pager", "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")


def run_git(root: Path, *arguments: str, stdin: bytes = b"", accepted: tuple[int, ...] = (0,)) -> bytes | None:
    """Return what git prints, or `None` when there is no git, no repository, or git says no."""
    try:
        done = subprocess.run(
            ["git", *_SAFE, *arguments], cwd=root, env=_environment(), input=stdin, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode in accepted else None


def branch_of(root: Path) -> str:
    """Return the branch that is checked out at `root`; empty without one, and without a repository."""
    return (run_git(root, "symbolic-ref", "--quiet", "--short", "HEAD") or b"").decode("utf-8", "replace").strip()


def without_filters(root: Path) -> tuple[str, ...]:
    """Return arguments that switch off every content filter the repository configures: a filter is a command to run."""
    names = run_git(root, "config", "--name-only", "-z", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$", accepted=(0, 1))
    settings: list[str] = []
    for name in (names or b"").split(b"\0"):
        if name:
            settings += ["-c", os.fsdecode(name) + ("=false" if name.endswith(b".required") else "=")]
    return tuple(settings)


def _environment() -> dict[str, str]:
    """Return the environment without what would point git elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
