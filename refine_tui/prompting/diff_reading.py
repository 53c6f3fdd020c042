"""Reads unified diffs as git and diff write them: which lines of which file become which. Where they stand is for `placing`.

Counts are taken at their word: a hunk that holds more or fewer lines than its head says is refused, never mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refine_tui.core.errors import UsageError

_HEAD = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_REFUSED = {
    b"deleted file mode": "deletes a file",
    b"rename from": "renames a file",
    b"copy from": "copies a file",
    b"old mode": "changes a file's mode",
    b"GIT binary patch": "changes a binary file",
    b"Binary files": "changes a binary file",
}
_NO_FILE = b"/dev/null"
_NEW, _PLAIN = b"new file mode", b"new file mode 100644"
_ONLY = "Only changes to files and new files with text in them can be brought in: take that part out, and do it by hand."
_QUOTED_BYTE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_LETTERS = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}


@dataclass(frozen=True, slots=True)
class Block:
    """Lines to be replaced in one file, with their line feeds."""

    path: str
    name: str
    """For people: `hunk 2, line 14 of the patch`."""
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]
    hint: int | None = None
    """0-based line of the file that the patch names."""
    creates: bool = False
    """Whether the file must not be there: `new` is all of it."""


def looks_like_diff(text: bytes) -> bool:
    """Say whether a text holds a unified diff."""
    return re.search(rb"^--- .+\r?\n\+\+\+ ", text, re.MULTILINE) is not None or text.startswith(b"diff --git ")


def read_diff(text: bytes) -> list[Block]:
    """Return the hunks of a diff in order. Text around it, such as a mail's, is passed over.

    Raises:
        UsageError: it deletes, renames or copies a file, creates one that is empty or no plain file, changes a mode or a binary
            file, or is malformed.
    """
    return list(_Diff(text.split(b"\n")).blocks())


class _Diff:
    def __init__(self, rows: Sequence[bytes]) -> None:
        self._rows = rows[:-1] if rows and not rows[-1] else rows
        self._at = 0
        self._announced: int | None = None
        """Row that says that a file is new, until its text has come."""

    def blocks(self) -> Iterator[Block]:
        path, count, in_header, creates = "", 0, False, False
        while self._at < len(self._rows):
            row = self._row(self._at)
            in_header = row.startswith(b"diff ") or (in_header and not row.startswith(b"@@"))
            if in_header or row.startswith(b"Binary files"):
                self._look_at_header(row)
            if row.startswith(b"--- ") and self._row(self._at + 1).startswith(b"+++ "):
                path, creates = self._path(row, self._row(self._at + 1))
                count, self._announced = 0, None if creates else self._announced
                self._at += 2
            elif path and row.startswith(b"@@"):
                count += 1
                yield self._block(path, count, creates=creates)
            else:
                self._at += 1
        self._refuse_empty()

    def _look_at_header(self, row: bytes) -> None:
        """Refuse what git's own lines say of a file, beyond that it is changed or new."""
        if row.startswith(b"diff "):
            self._refuse_empty()
        if row.startswith(_NEW):
            self._announced = self._at
            if row.rstrip() != _PLAIN:
                raise UsageError(f"The patch creates something else than a plain file (line {self._at + 1}). {_ONLY}")
        for mark, what in _REFUSED.items():
            if row.startswith(mark):
                raise UsageError(f"The patch {what} (line {self._at + 1}). {_ONLY}")

    def _refuse_empty(self) -> None:
        if self._announced is not None:
            raise UsageError(f"The patch creates an empty file (line {self._announced + 1}). {_ONLY}")

    def _row(self, at: int) -> bytes:
        return self._rows[at].rstrip(b"\r") if at < len(self._rows) else b""

    def _path(self, old_row: bytes, new_row: bytes) -> tuple[str, bool]:
        """Return which file it is, and whether it is new."""
        old, new = _name(old_row[4:]), _name(new_row[4:])
        if new == _NO_FILE:
            raise UsageError(f"The patch deletes a file (line {self._at + 1}). {_ONLY}")
        if old == _NO_FILE:
            return re.sub(rb"\A[bciow]/", b"", new).decode("utf-8", "surrogateescape"), True
        if re.match(rb"[aciow]/", old) and re.match(rb"[bciow]/", new) and old[:1] != new[:1]:
            old, new = old[2:], new[2:]
        if old != new:
            raise UsageError(f"The patch renames a file (line {self._at + 1}). {_ONLY}")
        return new.decode("utf-8", "surrogateescape"), False

    def _block(self, path: str, number: int, *, creates: bool) -> Block:
        name = f"hunk {number} (line {self._at + 1} of the patch)"
        head = _HEAD.match(self._rows[self._at])
        if head is None:
            raise UsageError(f"{path}: {name} has no line numbers: `@@ -first,count +first,count @@` is needed. Make the diff again.")
        left = [int(group) if group is not None else 1 for group in (head[2], head[4])]
        self._at += 1
        sides: tuple[list[bytes], list[bytes]] = ([], [])
        while any(left):
            row = self._rows[self._at] if self._at < len(self._rows) else None
            taken = _sides(row)
            if row is None or not taken or any(left[side] == 0 for side in taken):
                raise UsageError(f"{path}: {name} does not hold as many lines as its head says. The patch is damaged: make it again.")
            for side in taken:
                sides[side].append(row[1:] + b"\n")
                left[side] -= 1
            self._at += 1
            self._end_of_file(sides, taken)
        first = int(head[1]) - (1 if sides[0] else 0)
        return Block(path, name, tuple(sides[0]), tuple(sides[1]), first, creates)

    def _end_of_file(self, sides: tuple[list[bytes], list[bytes]], taken: tuple[int, ...]) -> None:
        if self._row(self._at).startswith(b"\\ "):
            for side in taken:
                sides[side][-1] = sides[side][-1].removesuffix(b"\n")
            self._at += 1


def _sides(row: bytes | None) -> tuple[int, ...]:
    """Return on which sides a line of a hunk stands: 0 the old, 1 the new. An empty line is one that lost its leading space."""
    if row is None:
        return ()
    return {b" ": (0, 1), b"-": (0,), b"+": (1,)}.get(row[:1], (0, 1) if row in (b"", b"\r") else ())


def _name(text: bytes) -> bytes:
    """Return a file's name from the rest of its row: what follows a tab is a date, and git quotes what is not plain."""
    text = text.split(b"\t", 1)[0].rstrip()
    if not (len(text) > 1 and text.startswith(b'"') and text.endswith(b'"')):
        return text
    return _QUOTED_BYTE.sub(lambda match: bytes([_LETTERS.get(match[1]) or int(match[1], 8) & 255]), text[1:-1])
