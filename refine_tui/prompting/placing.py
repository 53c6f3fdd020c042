"""Where a block of lines from a foreign patch stands in a file: exactly, else but for white space, else nowhere.

Nothing is ever guessed: lines that differ in more than white space are a refusal that names the nearest place. Lines are bytes with
their line feeds, as `lines_of` cuts them.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refine_tui.core.sanitize import shorten

COMPARED_LINES = 5_000
"""Lines of a file that are looked at for one that resembles a line found nowhere."""
QUOTED_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands."""

    start: int
    """0-based line of the file."""
    by_space: bool
    """Whether its lines differ from the file's in white space."""


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Why a block has no place."""

    reason: str
    """A clause that follows the block's name, with the nearest place."""


def place(old: Sequence[bytes], lines: Sequence[bytes], *, hint: int | None = None, first: int = 0) -> Place | Nowhere:
    """Find the one place of a block.

    Args:
        old: the block as the patch has it; not empty.
        lines: the file.
        hint: the 0-based line the patch names; decides between several places when one of them is exactly there.
        first: the block begins at or after this line.
    """
    for by_space in (False, True):
        found = [start for start in _starts(old, lines, by_space) if start >= first]
        if hint in found:
            found = [start for start in found if start == hint]
        if len(found) == 1:
            return Place(found[0], by_space)
        if found:
            places = ", ".join(str(start + 1) for start in found[:5])
            return Nowhere(f"stands in {len(found)} places (lines {places}): give it more lines, so that one is meant")
    return Nowhere(nearest(old, lines))


def _starts(old: Sequence[bytes], lines: Sequence[bytes], by_space: bool) -> Iterator[int]:
    wanted, there = ([squeezed(line) for line in old], [squeezed(line) for line in lines]) if by_space else (list(old), list(lines))
    for start in range(len(there) - len(wanted) + 1):
        if there[start] == wanted[0] and there[start : start + len(wanted)] == wanted:
            yield start


def squeezed(line: bytes) -> bytes:
    """Return a line with its white space at the ends taken off and every run inside made one space."""
    return b" ".join(line.split())


def nearest(old: Sequence[bytes], lines: Sequence[bytes]) -> str:
    """Return a clause that says where a block would come closest to standing, and what differs there."""
    votes: dict[int, int] = defaultdict(int)
    where: dict[bytes, list[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        where[squeezed(line)].append(number)
    for offset, line in enumerate(old):
        text = squeezed(line)
        for number in where.get(text, ()):
            votes[number - offset] += len(text)
    best = max(votes, key=lambda start: (votes[start], -start), default=None)
    if best is None or not votes[best]:
        return _resembling(old, lines)
    for offset, line in enumerate(old):
        there = lines[best + offset] if 0 <= best + offset < len(lines) else b""
        if squeezed(there) != squeezed(line):
            return f"does not stand there. The nearest place is line {best + 1}: line {best + offset + 1} {_differs(there, line)}"
    return f"does not stand there. The nearest place is line {best + 1}"


def _resembling(old: Sequence[bytes], lines: Sequence[bytes]) -> str:
    longest = max((squeezed(line).decode("utf-8", "replace") for line in old), key=len, default="")
    texts = [squeezed(line).decode("utf-8", "replace") for line in lines[:COMPARED_LINES]]
    close = difflib.get_close_matches(longest, texts, n=1) if longest else []
    if not close:
        return "does not stand there, and no line of the file resembles it"
    return f"does not stand there. The nearest place is line {texts.index(close[0]) + 1}, which has `{shorten(close[0], QUOTED_WIDTH)}`"


def _differs(there: bytes, wanted: bytes) -> str:
    has, expects = (shorten(line.decode("utf-8", "replace").strip(), QUOTED_WIDTH) for line in (there, wanted))
    return f"has `{has}`, the patch expects `{expects}`"


def replaced(old: Sequence[bytes], new: Sequence[bytes], there: Sequence[bytes]) -> list[bytes] | None:
    """Return what takes the place of the file's lines `there`, where `old` stands but for white space.

    Lines the patch keeps stay as the file has them. Changed lines get the file's indentation and line ends. `None` when the file's
    indentation does not tell how the new lines are to be indented.
    """
    indents = _indents(old, there)
    if indents is None:
        return None
    end = next((line[len(line.rstrip(b"\r\n")) :] for line in there if line.endswith(b"\n")), b"\n")
    result: list[bytes] = []
    before, after = ([line.rstrip(b"\r\n") for line in block] for block in (old, new))
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        moved = list(there[i1:i2]) if tag == "equal" else [_indented(line, indents, end) for line in after[j1:j2]]
        kept = [line for line in moved if line is not None]
        if len(kept) < len(moved):
            return None
        result += kept
    return _ended_like(result, there, end)


def _ended_like(result: list[bytes], there: Sequence[bytes], end: bytes) -> list[bytes]:
    """Let only the last line go without a line feed, and only when the file's own does."""
    full = [line if line.endswith(b"\n") else line + end for line in result]
    if full and not there[-1].endswith(b"\n"):
        full[-1] = full[-1].rstrip(b"\r\n")
    return full


def _indent(line: bytes) -> bytes:
    return line[: len(line) - len(line.lstrip())] if line.strip() else b""


def _indents(old: Sequence[bytes], there: Sequence[bytes]) -> dict[bytes, bytes] | None:
    """Return the patch's indentations with the file's for each; `None` when one of them means two things."""
    known: dict[bytes, bytes] = {}
    for wanted, line in zip(old, there, strict=True):
        if wanted.strip() and known.setdefault(_indent(wanted), _indent(line)) != _indent(line):
            return None
    return known


def _indented(line: bytes, indents: dict[bytes, bytes], end: bytes) -> bytes | None:
    if not line.strip():
        return end
    indent = _indent(line)
    moved = indents[indent] if indent in indents else _shifted(indent, indents)
    return None if moved is None else moved + line[len(indent) :] + end


def _shifted(indent: bytes, indents: dict[bytes, bytes]) -> bytes | None:
    """Move an indentation that the file's lines do not show, when all those they do show begin differently and go on alike."""
    wanted = min(indents, key=len, default=b"")
    has = indents.get(wanted, b"")
    alike = all(a.startswith(wanted) and b == has + a[len(wanted) :] for a, b in indents.items())
    rest = indent[len(wanted) :]
    if not alike or not indent.startswith(wanted) or (rest and has and set(rest) != set(has)):
        return None
    return has + rest
