"""Which words of a changed line are new, by comparing it with the line it came from."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache

Ranges = tuple[tuple[int, int], ...]
"""Half-open ranges of characters."""

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_ALIKE = 0.4
"""Lines less alike than this are shown as wholly different."""


@lru_cache(maxsize=4096)
def changed_words(old: str, new: str) -> tuple[Ranges, Ranges]:
    """Return the ranges that differ in two lines; both empty when the lines have too little in common to be worth it."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return (), ()
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return _ranges(before, [(i1, i2) for _, i1, i2, _, _ in changes]), _ranges(after, [(j1, j2) for _, _, _, j1, j2 in changes])


def pair_lines(removed: Sequence[str], added: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Say which removed line became which added line, in order: indices, `None` where a line has no partner.

    Lines are paired by likeness, never crossing. Long hunks are paired by position: the comparison grows with their product.
    """
    if len(removed) == len(added) or len(removed) * len(added) > 400:
        return _by_position(len(removed), len(added))
    pairs: list[tuple[int | None, int | None]] = []
    start = 0
    for i, line in enumerate(removed):
        scores = [(difflib.SequenceMatcher(None, line.strip(), added[j].strip()).ratio(), -j) for j in range(start, len(added))]
        score, at = max(scores, default=(0.0, 0))
        if score < _ALIKE:
            pairs.append((i, None))
            continue
        pairs += [(None, j) for j in range(start, -at)] + [(i, -at)]
        start = 1 - at
    return pairs + [(None, j) for j in range(start, len(added))]


def _by_position(removed: int, added: int) -> list[tuple[int | None, int | None]]:
    return [(n if n < removed else None, n if n < added else None) for n in range(max(removed, added))]


def _ranges(words: Sequence[str], spans: Sequence[tuple[int, int]]) -> Ranges:
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    return tuple((starts[i], starts[j]) for i, j in spans if i < j)
