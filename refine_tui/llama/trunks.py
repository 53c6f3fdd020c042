"""Which token sequences the context still holds, and which of them a new prompt can start from.

A trunk is one sequence of the context with the tokens computed in it. This is bookkeeping only; the engine carries out
what is decided here, in the same order, so that both always agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many tokens two sequences share from the start."""
    bound = min(len(left), len(right))
    if left[:bound] == right[:bound]:
        return bound
    return next(place for place in range(bound) if left[place] != right[place])


@dataclass
class Trunk:
    """One kept sequence."""

    sequence: int
    """Its id in the context."""
    tokens: list[int] = field(default_factory=list)
    used_at: int = 0
    """When it was last used, in requests."""
    last_row: Any = None
    """Logits after its last token, shape (vocabulary,); `None` when they were not kept."""

    def cut(self, length: int) -> None:
        """Forget the tokens from `length` on."""
        if length < len(self.tokens):
            del self.tokens[length:]
            self.last_row = None


@dataclass(frozen=True, slots=True)
class Start:
    """How a prompt's sequence comes about."""

    trunk: Trunk
    """The sequence to extend; afterwards it holds exactly the prompt."""
    source: Trunk | None
    """The trunk to copy from, if it is another one."""
    shared: int
    """Tokens that need no computing."""


class Trunks:
    """A few sequences, the least recently used given up first."""

    def __init__(self, sequences: Sequence[int]) -> None:
        self._trunks = [Trunk(sequence) for sequence in sequences]
        self._clock = 0

    def start(self, tokens: Sequence[int]) -> Start:
        """Choose the trunk with the longest common prefix, and where to put the prompt.

        A trunk that the prompt merely extends is extended; one that the prompt departs from stays as it is, and its common
        part is copied over the least recently used trunk.
        """
        self._clock += 1
        lengths = [common_length(trunk.tokens, tokens) for trunk in self._trunks]
        best = max(range(len(lengths)), key=lambda place: (lengths[place], -len(self._trunks[place].tokens)))
        source, shared = self._trunks[best], lengths[best]
        if shared == len(source.tokens):
            source.used_at = self._clock
            return Start(source, None, shared)
        target = min(self._trunks, key=lambda trunk: trunk.used_at)
        source.used_at = self._clock if shared else source.used_at
        target.used_at = self._clock
        return Start(target, source if shared and source is not target else None, shared)

    def oldest_except(self, kept: Trunk | None) -> Trunk | None:
        """Return the least recently used trunk that holds tokens, other than `kept`."""
        held = [trunk for trunk in self._trunks if trunk.tokens and trunk is not kept]
        return min(held, key=lambda trunk: trunk.used_at, default=None)

    def clear(self) -> None:
        """Forget everything."""
        for trunk in self._trunks:
            trunk.cut(0)
