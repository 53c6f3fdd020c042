"""One continuation under way: its tokens, its text, what it may be copying, and what of it is in the cache."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from refine_tui.llama.lookup import Lookup
from refine_tui.llama.pacing import Pace
from refine_tui.llama.sampling import Chooser
from refine_tui.llama.streams import TextStream
from refine_tui.loop.ports.thinking import Completion

Reason = Literal["stop", "length", "cancelled"]


@dataclass
class Candidate:
    """A continuation under way."""

    index: int
    chooser: Chooser
    stream: TextStream
    forced: deque[int]
    """Tokens still to be taken whatever is drawn, because the client was told them."""
    lookup: Lookup | None
    pace: Pace | None
    """With `lookup`: `None` when nothing is to be guessed."""
    sequence: int = -1
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    guess: list[int] = field(default_factory=list)
    """Tokens in the decode under way behind the last one."""
    right: int = 0
    """How many of these were chosen."""
    computed: int = 0
    """How many of its tokens are in its sequence."""
    reason: Reason | None = None
    """Set when it is finished."""

    def plan(self, live: int, room: int) -> None:
        """Choose the tokens that are computed in the next decode behind the last one.

        Args:
            live: candidates in the decode.
            room: most tokens that may be guessed.
        """
        self.guess, self.right = [], 0
        if self.lookup and self.pace:
            length = self.pace.length(self.lookup.run, len(self.tokens), live, expected=self.lookup.expected)
            self.guess = self.pace.worthwhile(self.lookup.guess(min(length, room)))

    def take(self, token: int, logprob: float) -> None:
        """Add a token that was chosen."""
        self.tokens.append(token)
        if self.right < len(self.guess) and self.guess[self.right] == token:
            self.right += 1
            self.computed = len(self.tokens)
        self.logprob += logprob
        if self.lookup:
            self.lookup.feed(token)

    def completion(self) -> Completion:
        """Return the finished value."""
        return Completion(self.index, self.stream.text, self.reason or "cancelled", len(self.tokens), self.logprob)

    def own(self, piece: Callable[[int], bytes]) -> tuple[int, int]:
        """Return how many tokens and letters the text begins with that lie wholly in it: a stop string may begin within a token.

        Args:
            piece: returns a token's bytes.
        """
        data, at, count = self.stream.text.encode("utf-8", "replace"), 0, 0
        ends = [(0, 0)]
        for token in self.tokens:
            if not data.startswith(piece(token), at):
                break
            at, count = at + len(piece(token)), count + 1
            if at == len(data) or data[at] & 0xC0 != 0x80:
                ends.append((count, at))
        tokens, end = ends[-1]
        return tokens, len(data[:end].decode("utf-8"))
