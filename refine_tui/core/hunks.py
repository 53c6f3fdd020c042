"""A patch cut into hunks that a person can accept or reject, and any choice of them put together again.

A line ends at a line feed and nowhere else, as in `SourceFile`. A hunk always covers whole lines of the base, so that every
subset of a patch's hunks is a patch on the same base.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from refine_tui.core.differing import changed_runs
from refine_tui.core.errors import StaleBaseError
from refine_tui.core.patch import ABSENT, Edit, FilePatch, Patch, splice
from refine_tui.core.text import SourceFile, digest


@dataclass(frozen=True, slots=True)
class Hunk:
    """One run of changed lines in one file."""

    id: str
    """`h1`, `h2`, … in reading order through the patch; the pieces of a split `h2` are `h2.1`, `h2.2`, …"""
    path: str
    edit: Edit
    """Whole lines of the base and what replaces them."""
    first_line: int
    """0-based line of the base at which the edit begins; for an insertion, the line it goes before."""
    removed: tuple[str, ...]
    """The replaced lines for display, without line ends; bytes that are not UTF-8 are U+FFFD."""
    added: tuple[str, ...]
    """The new lines for display, likewise."""
    part: int = 0
    """Position among the pieces of a split hunk; orders insertions that go to the same place."""
    creates: bool = False
    """Whether the file is not there before."""

    @property
    def key(self) -> str:
        """An identity of place and content that does not depend on the other hunks of the patch: 16 hexadecimal digits."""
        old, new = self.edit.old, self.edit.new
        return digest(f"{self.path}\0{self.edit.start}\0{len(old)}\0{self.part}\0".encode("utf-8", "surrogateescape") + old + new)[:16]

    @property
    def is_change(self) -> bool:
        """Whether it changes anything; a hunk that was edited may not."""
        return self.edit.old != self.edit.new

    @property
    def only_line_ends(self) -> bool:
        """Whether nothing but line ends differs, which the displayed lines do not show."""
        return self.removed == self.added


def split_hunks(patch: Patch, tree: Mapping[str, bytes]) -> tuple[Hunk, ...]:
    """Cut a patch into hunks, in order of path and line.

    Changed lines that touch form one hunk. `tree` holds the bases; equal patches give equal hunks.

    Raises:
        StaleBaseError: a file is missing from `tree` or is not the patch's base.
    """
    hunks: list[Hunk] = []
    for file in patch.files:
        if file.path in tree if file.creates else digest(tree.get(file.path, b"")) != file.base_digest:
            raise StaleBaseError(f"{file.path} is no longer the file this patch was made for. Run the task again.")
        source = SourceFile(file.path, tree.get(file.path, b""))
        for edit in whole_line_edits(source, file.edits):
            hunks.append(_hunk(f"h{len(hunks) + 1}", source, edit, creates=file.creates))
    return tuple(hunks)


def combine(hunks: Iterable[Hunk], tree: Mapping[str, bytes]) -> Patch:
    """Put hunks of one patch, any of them and in any order, together to a patch on the same bases.

    What changes nothing is left out, and so is a file of which nothing else is left.

    Raises:
        StaleBaseError: `tree` is not the tree the hunks were cut from.
    """
    by_path: dict[str, list[Hunk]] = {}
    for hunk in hunks:
        by_path.setdefault(hunk.path, []).append(hunk)
    return Patch(tuple(file for path in sorted(by_path) if (file := _join(path, by_path[path], tree)).edits))


def split_further(hunk: Hunk) -> tuple[Hunk, ...]:
    """Cut a hunk into single-line pieces: the n-th removed line goes with the n-th added line.

    A line without a final line feed keeps company with all that follows it, or a choice of pieces could glue two lines together.
    A hunk that cannot be cut comes back alone and unchanged.
    """
    old, new = lines_of(hunk.edit.old), lines_of(hunk.edit.new)
    count = min([max(len(old), len(new)), *(len(lines) for lines in (old, new) if lines and not lines[-1].endswith(b"\n"))])
    if count < 2:
        return (hunk,)
    pieces, start = [], hunk.edit.start
    for at in range(count):
        end = at + 1 if at + 1 < count else max(len(old), len(new))
        edit = Edit(start, b"".join(old[at:end]), b"".join(new[at:end]))
        line = hunk.first_line + min(at, len(old))
        pieces.append(Hunk(f"{hunk.id}.{at + 1}", hunk.path, edit, line, shown(edit.old), shown(edit.new), at, hunk.creates))
        start += len(edit.old)
    return tuple(pieces)


def context(hunk: Hunk, source: SourceFile, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return up to `count` unchanged lines of the base before and after a hunk, without line ends."""
    lines, end = lines_of(source.data), hunk.first_line + len(hunk.removed)
    return shown(b"".join(lines[max(0, hunk.first_line - count) : hunk.first_line])), shown(b"".join(lines[end : end + count]))


def lines_of(data: bytes) -> list[bytes]:
    """Return the lines with their line feeds; empty content has no line."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def shown(data: bytes) -> tuple[str, ...]:
    """Return lines for display: decoded, without line ends."""
    return tuple(line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace") for line in lines_of(data))


def whole_line_edits(source: SourceFile, edits: Iterable[Edit]) -> Iterator[Edit]:
    """Turn any ordered edits of a file into edits of whole lines with an unchanged line between any two."""
    pending: Edit | None = None
    for region in _regions(source, list(edits)):
        for edit in _changed_lines(region):
            if pending is not None and pending.span.end == edit.start:
                pending = Edit(pending.start, pending.old + edit.old, pending.new + edit.new)
                continue
            if pending is not None and pending.old != pending.new:
                yield pending
            pending = edit
    # Edits of two regions may take a line away and put it back.
    if pending is not None and pending.old != pending.new:
        yield pending


def _regions(source: SourceFile, edits: list[Edit]) -> Iterator[Edit]:
    """Widen edits to whole lines and merge those that meet on a line."""
    at = 0
    while at < len(edits):
        start = source.data.rfind(b"\n", 0, edits[at].start) + 1
        last = at
        end = _region_end(source.data, start, edits[at : last + 1])
        while last + 1 < len(edits) and source.data.rfind(b"\n", 0, edits[last + 1].start) + 1 < end:
            last += 1
            end = _region_end(source.data, start, edits[at : last + 1])
        yield Edit(start, source.data[start:end], _spliced(source.data, start, end, edits[at : last + 1]))
        at = last + 1


def _region_end(data: bytes, start: int, edits: list[Edit]) -> int:
    """Return where the region must end so that both its old and its new text are whole lines."""
    end = edits[-1].span.end
    if end > start and data[end - 1 : end] != b"\n":
        return _line_end(data, end)
    new = _spliced(data, start, end, edits)
    return end if not new or new.endswith(b"\n") else _line_end(data, end)


def _line_end(data: bytes, at: int) -> int:
    found = data.find(b"\n", at)
    return len(data) if found == -1 else found + 1


def _spliced(data: bytes, start: int, end: int, edits: list[Edit]) -> bytes:
    return splice(data[start:end], (Edit(edit.start - start, edit.old, edit.new) for edit in edits))


def _changed_lines(region: Edit) -> Iterator[Edit]:
    """Leave out the lines of a region that stay as they are."""
    old, new = lines_of(region.old), lines_of(region.new)
    starts = [region.start]
    for line in old:
        starts.append(starts[-1] + len(line))
    for i, i_end, j, j_end in changed_runs(old, new):
        yield Edit(starts[i], b"".join(old[i:i_end]), b"".join(new[j:j_end]))


def _hunk(id: str, source: SourceFile, edit: Edit, *, creates: bool) -> Hunk:
    line = source.data.count(b"\n", 0, edit.start)
    return Hunk(id, source.path, edit, line, shown(edit.old), shown(edit.new), creates=creates)


def _join(path: str, hunks: list[Hunk], tree: Mapping[str, bytes]) -> FilePatch:
    """Order the hunks of one file and let insertions at one place become one edit."""
    edits: list[Edit] = []
    for hunk in sorted(filter(lambda hunk: hunk.is_change, hunks), key=lambda hunk: (hunk.edit.start, hunk.part)):
        if edits and edits[-1].start == hunk.edit.start and not edits[-1].old:
            edits[-1] = Edit(hunk.edit.start, hunk.edit.old, edits[-1].new + hunk.edit.new)
        else:
            edits.append(hunk.edit)
    if hunks[0].creates:
        return FilePatch(path, ABSENT, tuple(edits))
    base = tree.get(path)
    if base is None:
        raise StaleBaseError(f"{path} is gone. Run the task again.")
    file = FilePatch(path, digest(base), tuple(edits))
    file.apply(base)
    return file
