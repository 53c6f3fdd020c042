"""From a candidate's bytes to its text: whole characters only, up to the first stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


def held_back(text: str, stops: Sequence[str]) -> int:
    """Return how many of the last characters could be the beginning of a stop string."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        tail = text[-size:]
        if any(stop.startswith(tail) for stop in stops):
            return size
    return 0


class TextStream:
    """The text of one candidate. What was given out is never taken back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail = ""
        self._parts: list[str] = []
        self.stopped = False
        """Whether a stop string was met; its text and what follows are left out."""

    def feed(self, piece: bytes) -> str:
        """Add one token's bytes and return the text that is now certain."""
        return self._take(self._decoder.decode(piece))

    def finish(self) -> str:
        """Return what was held back, an unfinished character as U+FFFD."""
        rest = self._take(self._decoder.decode(b"", final=True))
        if self.stopped:
            return rest
        tail, self._tail = self._tail, ""
        self._parts.append(tail)
        return rest + tail

    @property
    def text(self) -> str:
        """Everything given out so far."""
        return "".join(self._parts)

    def _take(self, new: str) -> str:
        if self.stopped:
            return ""
        if not self._stops:
            self._parts.append(new)
            return new
        text = self._tail + new
        ends = [at for stop in self._stops if (at := text.find(stop)) != -1]
        if ends:
            self.stopped = True
            certain, self._tail = text[: min(ends)], ""
        else:
            keep = held_back(text, self._stops)
            certain, self._tail = text[: len(text) - keep], text[len(text) - keep :]
        self._parts.append(certain)
        return certain
