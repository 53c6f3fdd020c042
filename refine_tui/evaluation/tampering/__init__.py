"""Changes that make tests say less instead of making code right: each detector names one kind of them, with its place.

A detector speaks of what it can point at. Moving, renaming and rewriting tests is ordinary work; so is deleting what tests code that
is deleted too. In a change that is to make tests pass, made by a machine, nothing of that is ordinary: then `strict`
flags every edit of a test and every suppression.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from refine_tui.core.evidence import Flag
from refine_tui.evaluation.tampering import marks, of_code, of_tests
from refine_tui.evaluation.tampering.reading import Change
from refine_tui.loop.ports.running import Content

MOST = 50
"""Flags told of one change."""


def find(before: Content, after: Content, tests: Mapping[str, bytes] | None = None, *, strict: bool = False) -> tuple[Flag, ...]:
    """Return what is suspicious about a change, by path and line.

    Args:
        before: the files that change, as they were.
        after: the same files as they are.
        tests: test files that do not change: what they ask for is looked for in new code.
        strict: whether the change was made to make tests pass.
    """
    change = Change.of(before, after, tests or {})
    found = dict.fromkeys(_all(change, strict))
    return tuple(sorted(found, key=lambda flag: (flag.path, flag.line, flag.rule))[:MOST])


def _all(change: Change, strict: bool) -> Iterator[Flag]:
    yield from of_tests.deleted(change)
    yield from of_tests.skipped(change)
    yield from of_tests.weakened(change)
    yield from of_code.special_cases(change)
    yield from of_code.runner(change)
    yield from of_code.swallowed(change)
    yield from marks.suppressions(change, strict=strict)
    yield from marks.deselected(change)
    if strict:
        yield from of_tests.edited(change)
