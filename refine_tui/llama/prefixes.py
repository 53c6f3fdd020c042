"""What was computed and is kept: prompts and the candidates grown from them, in the context's cells or in this process's memory.

Sequences in the context share the cells of what they have in common. One that must make room is saved from where the
others end that share its beginning, so a hundred candidates of one prompt keep that prompt once. Keys and values belong to the
adapters they were computed with; sequences of other adapters are never mixed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Protocol

from refine_tui.llama.counting import Counters
from refine_tui.llama.trie import Trie

Adapters = tuple[str, ...]
NOWHERE = -1


class Cells(Protocol):
    """The context's memory."""

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` share the cells of `source` for some places."""

    def drop(self, sequence: int, start: int = 0) -> None:
        """Forget a sequence's places from `start` on."""

    def save(self, sequence: int, start: int) -> Sized:
        """Return the bytes that make up a sequence from place `start` on."""

    def restore(self, sequence: int, saved: Sized) -> bool:
        """Put saved places into free cells of an empty sequence; `False`: there are too few."""


@dataclass(eq=False)
class Entry:
    """One kept sequence."""

    adapters: Adapters
    sequence: int = NOWHERE
    """Its id in the context, if its cells are there."""
    tokens: list[int] = field(default_factory=list)
    """All of them, from the start."""
    saved: Sized | None = None
    """Its cells from `start` on, if they are here."""
    start: int = 0
    """The first place that is kept here and not with others; 0 in the context."""
    used_at: int = 0
    last_row: Any = None
    """Logits after its last token, shape (vocabulary,); `None` when they were not kept."""
    indexed: int = 0
    """Tokens that the trie knows of."""

    @property
    def resident(self) -> bool:
        """Whether it is in the context."""
        return self.sequence != NOWHERE

    @property
    def saved_bytes(self) -> int:
        """Memory it takes outside the context."""
        if self.resident:
            return 0
        return (len(self.saved) if self.saved is not None else 0) + (self.last_row.nbytes if self.last_row is not None else 0)


Step = tuple[Entry, int]
"""Who has the next tokens, and up to which."""


class Prefixes:
    """The kept sequences. The least recently used are saved, then forgotten."""

    def __init__(self, cells: Cells, sequences: Sequence[int], *, budget_bytes: int, compact: bool, counters: Counters) -> None:
        """Begin with nothing kept.

        Args:
            cells: the context's memory.
            sequences: ids that may be used; the last one is for what is brought back.
            budget_bytes: most memory outside the context.
            compact: whether each prompt saves what it does not share, since every used cell makes every row dearer.
            counters: where to count what is saved and brought back.
        """
        self._cells, self._compact, self._budget_bytes, self._counters = cells, compact, budget_bytes, counters
        *self._free, self._scratch = sequences
        self._tries: dict[Adapters, Trie[Entry]] = defaultdict(Trie)
        self._entries: list[Entry] = []
        self._pinned: set[Entry] = set()
        self._clock = 0

    def begin(self, tokens: list[int], adapters: Adapters) -> Entry:
        """Return the sequence to extend, with the longest beginning of a prompt that is kept; pinned until `release`."""
        self._clock += 1
        steps = self._steps(tokens, adapters)
        self._pinned.update(entry for entry, _ in steps)
        for entry in self._pinned:
            entry.used_at = self._clock
        # Before anything is brought back, so that it gets the cells in the order in which it had them.
        self._save_others(tokens, adapters)
        trunk = steps[-1][0] if steps and self._extends(*steps[-1], len(tokens)) else self._assembled(tokens, steps, adapters)
        self._pinned = {trunk}
        self._save_others(tokens, adapters)
        return trunk

    @staticmethod
    def _extends(entry: Entry, upto: int, length: int) -> bool:
        """Say whether a prompt may go on in a sequence itself. One whose last logits are known is kept as it is: it was a prompt."""
        return entry.resident and len(entry.tokens) == upto and (entry.last_row is None or upto == length)

    def release(self) -> None:
        """Let the prompt in use be saved or forgotten like any other."""
        self._pinned.clear()

    def grow(self, entry: Entry, tokens: Sequence[int], last_row: Any = None) -> None:
        """Note that a sequence in the context was extended."""
        entry.tokens.extend(tokens)
        entry.last_row = last_row

    def cut(self, entry: Entry, length: int) -> None:
        """Forget a sequence's tokens from `length` on."""
        if length < len(entry.tokens):
            entry.last_row = None
        self._unindex(entry)
        del entry.tokens[length:]
        self._cells.drop(entry.sequence, length)
        self.index(entry)

    def index(self, entry: Entry) -> None:
        """Let later prompts find a sequence as it is now."""
        if entry.indexed != len(entry.tokens):
            self._unindex(entry)
            self._tries[entry.adapters].add(entry.tokens, entry)
            entry.indexed = len(entry.tokens)

    def keep(self, sequence: int, tokens: list[int], adapters: Adapters) -> None:
        """Keep a sequence under an id of its own; the one it has may be used for something else afterwards."""
        entry = Entry(adapters, self._take_id(), used_at=self._clock)
        if not entry.resident:
            return
        # What another one has as well is shared with it, though it was computed twice.
        shared = 0
        for other, upto in self._steps(tokens, adapters)[:1]:
            if other.resident:
                self._cells.copy(other.sequence, entry.sequence, 0, shared := upto)
        self._cells.copy(sequence, entry.sequence, shared, -1)
        entry.tokens = tokens
        self._entries.append(entry)
        self.index(entry)

    def make_room(self) -> bool:
        """Save the least recently used sequence, or forget it; `False`: there is none that may."""
        victims = [entry for entry in self._entries if entry.resident and entry not in self._pinned]
        if not victims:
            return False
        self._save(min(victims, key=lambda entry: (entry.used_at, -len(entry.tokens))))
        return True

    def cells_used(self) -> int:
        """Return how many cells the kept sequences take in the context."""
        nodes = (node for trie in self._tries.values() for node in trie.nodes())
        return sum(len(node.edge) for node in nodes if any(entry.resident for entry in node.holders))

    def saved_bytes(self) -> int:
        """Return how much memory is used outside the context."""
        return sum(entry.saved_bytes for entry in self._entries)

    def _steps(self, tokens: Sequence[int], adapters: Adapters, without: Entry | None = None) -> list[Step]:
        """Return who together has the longest beginning of a sequence: one in the context first, then saved ones."""
        reach: dict[Entry, int] = {}
        for shared, holders in self._tries[adapters].along(tokens):
            reach.update(dict.fromkeys(holders, shared))
        if without is not None:
            reach.pop(without, None)
        steps: list[Step] = []
        at = 0
        while step := max(self._next(reach, at), key=lambda step: (step[0].resident, step[1]), default=None):
            steps.append(step)
            at = step[1]
        return steps

    @staticmethod
    def _next(reach: dict[Entry, int], at: int) -> Iterator[Step]:
        return ((entry, upto) for entry, upto in reach.items() if entry.start <= at < upto)

    def _assembled(self, tokens: Sequence[int], steps: Sequence[Step], adapters: Adapters) -> Entry:
        """Return a new sequence put together from what others have."""
        trunk = Entry(adapters, self._take_id(), used_at=self._clock)
        self._entries.append(trunk)
        self._pinned.add(trunk)
        for entry, upto in steps:
            if not self._bring(entry, trunk, upto):
                break
            trunk.tokens = list(tokens[:upto])
            if not entry.resident and upto == len(entry.tokens):
                self._consume(entry)
        self.index(trunk)
        equal = (
            entry for entry in self._entries if entry.last_row is not None and entry.tokens == trunk.tokens and entry.adapters == adapters
        )
        trunk.last_row = next((entry.last_row for entry in equal), None)
        return trunk

    def _bring(self, entry: Entry, trunk: Entry, upto: int) -> bool:
        at = len(trunk.tokens)
        if entry.resident:
            self._cells.copy(entry.sequence, trunk.sequence, at, upto)
            return True
        while entry.saved is not None and not self._cells.restore(self._scratch, entry.saved):
            if not self.make_room():
                return False
        self._cells.copy(self._scratch, trunk.sequence, at, upto)
        self._cells.drop(self._scratch)
        self._counters.restored += upto - at
        return True

    def _consume(self, entry: Entry) -> None:
        """Give up saved cells that are in the context again."""
        entry.saved, entry.start = None, len(entry.tokens)
        if not entry.saved_bytes:
            self._forget(entry)

    def _save_others(self, tokens: Sequence[int], adapters: Adapters) -> None:
        """In a compact context save what a prompt cannot use, the longest first, so that what they share stays with the shortest."""
        others = [entry for entry in self._entries if self._compact and entry.resident and entry not in self._pinned]
        for entry in sorted(others, key=lambda entry: -len(entry.tokens)):
            if not entry.tokens or entry.adapters != adapters or entry.tokens != tokens[: len(entry.tokens)]:
                self._save(entry)

    def _save(self, entry: Entry) -> None:
        steps = self._steps(entry.tokens, entry.adapters, without=entry)
        start = steps[-1][1] if steps else 0
        if start < len(entry.tokens):
            entry.saved = self._cells.save(entry.sequence, start)
            self._counters.saved += len(entry.tokens) - start
        self._leave(entry)
        entry.start = start
        if not entry.saved_bytes:
            self._forget(entry)
        self._keep_to_budget()

    def _keep_to_budget(self) -> None:
        kept = [entry for entry in self._entries if not entry.resident and entry not in self._pinned]
        for entry in sorted(kept, key=lambda entry: entry.used_at):
            if self.saved_bytes() <= self._budget_bytes:
                return
            self._forget(entry)

    def _leave(self, entry: Entry) -> None:
        self._cells.drop(entry.sequence)
        self._free.append(entry.sequence)
        entry.sequence = NOWHERE

    def _forget(self, entry: Entry) -> None:
        self._unindex(entry)
        self._entries.remove(entry)

    def _unindex(self, entry: Entry) -> None:
        if entry.indexed:
            self._tries[entry.adapters].remove(entry.tokens[: entry.indexed], entry)
            entry.indexed = 0

    def _take_id(self) -> int:
        """Return a free id, the least recently used sequence saved if need be; `NOWHERE` when all are in use."""
        while not self._free:
            if not self.make_room():
                return NOWHERE
        return self._free.pop()
