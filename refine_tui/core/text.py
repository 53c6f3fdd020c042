"""Source text as bytes, with its digest and its lines.

Every position in the program is a byte offset or a 0-based line; nothing else converts between the two.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal: the identity of a file's content everywhere."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of bytes."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"span {self.start}..{self.end} is not a range")

    def contains(self, other: Span) -> bool:
        """Say whether `other` lies wholly inside this span."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True)
class SourceFile:
    """One file of the project as it was read: nothing is decoded, normalised or stripped."""

    path: str
    """Relative to the project's root, with forward slashes."""
    data: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes."""
        return digest(self.data)

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """Byte offset at which each line begins; an empty file has one line."""
        starts = [0]
        at = self.data.find(b"\n")
        while at != -1 and at + 1 < len(self.data):
            starts.append(at + 1)
            at = self.data.find(b"\n", at + 1)
        return tuple(starts)

    @cached_property
    def text(self) -> str:
        """The content for reading and prompting; bytes that are not UTF-8 become U+FFFD."""
        return self.data.decode("utf-8", "replace")

    def line_of(self, byte: int) -> int:
        """Return the 0-based line that holds the byte offset."""
        return bisect_right(self.line_starts, byte) - 1

    def line_span(self, line: int) -> Span:
        """Return the span of a 0-based line, its line end included.

        Raises:
            IndexError: there is no such line.
        """
        start = self.line_starts[line]
        end = self.line_starts[line + 1] if line + 1 < len(self.line_starts) else len(self.data)
        return Span(start, end)

    def line(self, line: int) -> bytes:
        """Return a 0-based line without its line end."""
        span = self.line_span(line)
        return self.data[span.start : span.end].rstrip(b"\r\n")

    def slice(self, span: Span) -> bytes:
        """Return the bytes of a span."""
        return self.data[span.start : span.end]
