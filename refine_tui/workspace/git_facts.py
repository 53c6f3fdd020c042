"""What git knows about the project, for the status line and the journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refine_tui.workspace.git import run_git, without_filters


@dataclass(frozen=True, slots=True)
class GitFacts:
    """A look at the repository; all empty without one."""

    present: bool = False
    """Whether the project lies in a repository that git can read."""
    branch: str = ""
    """Empty when the head is detached."""
    head: str = ""
    """The commit, 40 hexadecimal digits; empty before the first one."""
    changed: int = 0
    """Tracked files that differ from the commit."""

    @property
    def dirty(self) -> bool:
        """Whether tracked files differ from the commit."""
        return self.changed > 0


def git_facts(root: Path) -> GitFacts:
    """Return what git says about `root`; never fails."""
    listing = run_git(
        root,
        *without_filters(root),
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=no",
        "--ignore-submodules=all",
        "--",
        ".",
    )
    if listing is None:
        return GitFacts()
    branch = head = ""
    changed = 0
    for field in listing.decode("utf-8", "replace").split("\0"):
        if field.startswith("# branch.head "):
            branch = field.removeprefix("# branch.head ").replace("(detached)", "")
        elif field.startswith("# branch.oid "):
            head = field.removeprefix("# branch.oid ").replace("(initial)", "")
        elif field[:2] in ("1 ", "2 ", "u "):
            changed += 1
    return GitFacts(True, branch, head, changed)
