"""Which lines differ between two texts, in a time that stays in proportion to their length.

`difflib` compares small texts as a person would, but takes minutes for thousands of changed lines with blank ones between them. So
large texts are cut first, at the lines that both have exactly once and in one order ("patience").
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

_SMALL = 1 << 16
"""Lines of one text times lines of the other up to which difflib takes milliseconds."""

Run = tuple[int, int, int, int]
"""Old lines from the first to before the second, replaced by new lines from the third to before the fourth."""


def changed_runs(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[Run]:
    """Yield the runs of lines that differ, in order; between any two lies an equal line."""
    yield from _within(old, new, (0, len(old), 0, len(new)))


def _within(old: Sequence[bytes], new: Sequence[bytes], run: Run) -> Iterator[Run]:
    i, i_end, j, j_end = run
    if (i_end - i) * (j_end - j) <= _SMALL:
        matcher = SequenceMatcher(None, old[i:i_end], new[j:j_end], autojunk=False)
        yield from ((i + i1, i + i2, j + j1, j + j2) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal")
        return
    while i < i_end and j < j_end and old[i] == new[j]:
        i, j = i + 1, j + 1
    while i < i_end and j < j_end and old[i_end - 1] == new[j_end - 1]:
        i_end, j_end = i_end - 1, j_end - 1
    anchors = _anchors(old, new, (i, i_end, j, j_end))
    if not anchors:
        if i < i_end or j < j_end:
            yield i, i_end, j, j_end
        return
    for a, b in (*anchors, (i_end, j_end)):
        yield from _within(old, new, (i, a, j, b))
        i, j = a + 1, b + 1


def _anchors(old: Sequence[bytes], new: Sequence[bytes], run: Run) -> list[tuple[int, int]]:
    """Return the longest rising series of lines that occur once in either part."""
    i, i_end, j, j_end = run
    in_old, in_new = Counter(old[i:i_end]), Counter(new[j:j_end])
    places = {line: at for at, line in enumerate(new[j:j_end], j)}
    pairs = [(at, places[line]) for at, line in enumerate(old[i:i_end], i) if in_old[line] == 1 == in_new[line]]
    ends: list[int] = []
    """For each length the smallest new line a series of that length can end with."""
    last: list[int] = []
    """For each length the pair that series ends with."""
    before: list[int] = []
    """For each pair the one before it in its series, or -1."""
    for index, (_, b) in enumerate(pairs):
        length = bisect_left(ends, b)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1], last[length : length + 1] = [b], [index]
    series, at = [], last[-1] if last else -1
    while at != -1:
        series.append(pairs[at])
        at = before[at]
    return series[::-1]
