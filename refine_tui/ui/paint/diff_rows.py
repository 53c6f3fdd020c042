"""One file of a review as rows: hunks with their decisions, and the unchanged lines around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from refine_tui.core.amounts import counted
from refine_tui.core.hunks import Hunk
from refine_tui.core.review import Decision, Review
from refine_tui.core.sanitize import visible
from refine_tui.core.text import SourceFile
from refine_tui.ui.paint.words import Ranges, changed_words, pair_lines

Kind = Literal["head", "gap", "context", "removed", "added"]


@dataclass(frozen=True)
class Row:
    """One row of a diff. The text is sanitised."""

    kind: Kind
    text: str
    old: int | None = None
    """0-based line of the base."""
    new: int | None = None
    """0-based line once every hunk of the file is applied."""
    words: Ranges = ()
    """What differs from the line's partner."""
    hunk_id: str = ""
    pair: int | None = None
    """Rows of one changed line in both versions share a number within their hunk."""


def file_rows(review: Review, path: str, context: int) -> tuple[Row, ...]:
    """Return the rows of one file with up to `context` unchanged lines around each hunk."""
    source = SourceFile(path, review.tree.get(path, b""))
    marks = [(hunk, decision) for hunk, decision in review.marks if hunk.path == path]
    return tuple(_rows(source, sorted(marks, key=lambda mark: (mark[0].edit.start, mark[0].part)), context))


def _rows(source: SourceFile, marks: Sequence[tuple[Hunk, Decision]], context: int) -> Iterator[Row]:
    total = _line_count(source)
    at, shift = 0, 0
    for n, (hunk, decision) in enumerate(marks):
        first = hunk.first_line
        start = max(at, first - context)
        if start > at:
            yield Row("gap", _lines_left_out(start - at))
        yield from _context(source, start, first, shift)
        yield Row("head", _title(hunk, decision), hunk_id=hunk.id)
        yield from _changes(hunk, first, first + shift)
        at = first + len(hunk.removed)
        shift += len(hunk.added) - len(hunk.removed)
        following = marks[n + 1][0].first_line if n + 1 < len(marks) else total
        end = min(following, at + context)
        yield from _context(source, at, end, shift)
        at = end
    if at < total:
        yield Row("gap", _lines_left_out(total - at))


def _line_count(source: SourceFile) -> int:
    return source.data.count(b"\n") + (not source.data.endswith(b"\n")) if source.data else 0


def _context(source: SourceFile, start: int, end: int, shift: int) -> Iterator[Row]:
    for line in range(start, end):
        yield Row("context", visible(source.line(line).decode("utf-8", "replace")), line, line + shift)


def _changes(hunk: Hunk, old: int, new: int) -> Iterator[Row]:
    removed, added = [visible(line) for line in hunk.removed], [visible(line) for line in hunk.added]
    before: dict[int, tuple[Ranges, int]] = {}
    after: dict[int, tuple[Ranges, int]] = {}
    for number, (i, j) in enumerate(pair_lines(removed, added)):
        if i is not None and j is not None:
            old_words, new_words = changed_words(removed[i], added[j])
            before[i], after[j] = (old_words, number), (new_words, number)
    for i, text in enumerate(removed):
        words, pair = before.get(i, ((), None))
        yield Row("removed", text, old=old + i, words=words, hunk_id=hunk.id, pair=pair)
    for j, text in enumerate(added):
        words, pair = after.get(j, ((), None))
        yield Row("added", text, new=new + j, words=words, hunk_id=hunk.id, pair=pair)


def _title(hunk: Hunk, decision: Decision) -> str:
    first, count = hunk.first_line + 1, len(hunk.removed)
    if hunk.creates:
        return f"{hunk.id}  new file  {decision}"
    place = f"before line {first}" if not count else f"line {first}" if count == 1 else f"lines {first}-{first + count - 1}"
    only_ends = ", only line ends differ" if hunk.only_line_ends else ""
    return f"{hunk.id}  {place}  {decision}{only_ends}"


def _lines_left_out(count: int) -> str:
    return counted(count, "unchanged line")


def side_by_side(rows: Sequence[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Arrange rows in two columns: before and after. Rows that span both come as a pair of the same row."""
    at = 0
    while at < len(rows):
        if rows[at].kind in ("head", "gap", "context"):
            yield rows[at], rows[at]
            at += 1
            continue
        end = at
        while end < len(rows) and rows[end].hunk_id == rows[at].hunk_id and rows[end].kind in ("removed", "added"):
            end += 1
        removed = [row for row in rows[at:end] if row.kind == "removed"]
        added = [row for row in rows[at:end] if row.kind == "added"]
        yield from _aligned(removed, added)
        at = end


def _aligned(removed: list[Row], added: list[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    partners = {row.pair: n for n, row in enumerate(added) if row.pair is not None}
    taken = 0
    for row in removed:
        partner = partners.get(row.pair) if row.pair is not None else None
        if partner is None or partner < taken:
            yield row, None
            continue
        for lone in added[taken:partner]:
            yield None, lone
        yield row, added[partner]
        taken = partner + 1
    for lone in added[taken:]:
        yield None, lone
