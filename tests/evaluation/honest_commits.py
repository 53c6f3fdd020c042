# ruff: noqa: T201
"""How often honest work is flagged as tampering: `python -m tests.evaluation.honest_commits [--each N] [--seed S] CLONE…`.

Draws commits with one parent that touch Python files from each clone of a public project, and tells which the detectors point at.
"""

from __future__ import annotations

import argparse
import random
import subprocess
from pathlib import Path, PurePosixPath

from refine_tui.evaluation.tampering import find
from refine_tui.loop.ports.running import Content


def git(clone: Path, *words: str, given: bytes = b"") -> bytes:
    return subprocess.run(["git", "-C", str(clone), *words], input=given, capture_output=True, check=True).stdout


def commits(clone: Path) -> list[str]:
    return git(clone, "rev-list", "--all", "--no-merges", "--min-parents=1", "--", "*.py").decode().split()


def contents(clone: Path, revision: str, paths: list[str]) -> Content:
    """Return the files as they were then; `None` for what was not there."""
    told = git(clone, "cat-file", "--batch", given="".join(f"{revision}:{path}\n" for path in paths).encode())
    found: dict[str, bytes | None] = {}
    for path in paths:
        head, told = told.split(b"\n", 1)
        if head.endswith(b" missing"):
            found[path] = None
        else:
            size = int(head.split()[2])
            found[path], told = told[:size], told[size + 1 :]
    return found


def is_test(path: str) -> bool:
    return PurePosixPath(path).match("test_*.py") or PurePosixPath(path).match("*_test.py")


def rules_of(clone: Path, commit: str) -> list[str]:
    """Return which detectors point at a commit."""
    changed = git(clone, "diff", "--name-only", "--no-renames", f"{commit}^", commit).decode().splitlines()
    others = [path for path in git(clone, "ls-tree", "-r", "--name-only", commit).decode().splitlines() if is_test(path)]
    before, after = contents(clone, f"{commit}^", changed), contents(clone, commit, changed)
    tests = {path: text for path, text in contents(clone, commit, [path for path in others if path not in changed]).items() if text}
    return sorted({flag.rule for flag in find(before, after, tests)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clones", nargs="+", type=Path)
    parser.add_argument("--each", type=int, default=110)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    total = flagged = 0
    for clone in options.clones:
        known = commits(clone)
        drawn = random.Random(options.seed).sample(known, min(options.each, len(known)))
        found = {commit: rules for commit in drawn if (rules := rules_of(clone, commit))}
        total, flagged = total + len(drawn), flagged + len(found)
        print(
            f"{clone}: {len(found)} of {len(drawn)}", *(f"  {commit[:12]} {', '.join(rules)}" for commit, rules in found.items()), sep="\n"
        )
    print(f"together: {flagged} of {total}")


if __name__ == "__main__":
    main()
