"""How the trials of a task are shared among what proposals build on: the user's tree, candidates that helped, pairs of edits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from refine_tui.core.candidate import Candidate
from refine_tui.core.proposal import Proposal
from refine_tui.loop.events import Event


@dataclass(frozen=True)
class Trial:
    """A proposal that waits to be run."""

    proposal: Proposal
    parent: Candidate | None = None
    """The candidate it builds on; `None`: the user's tree."""
    following: Proposal | None = None
    """What its stream offers next, on the same candidate, when that is known."""
    full_time: bool = False
    """Whether each test gets all the time it may take: it was run before and ran out of time."""


@dataclass
class Stream:
    """Trials of one kind, likeliest first, made when they are asked for; events are told between them."""

    items: Iterator[Trial | Event]
    share: float
    """Of the trials, in relation to the other streams'."""
    drawn: float = 0.0
    """How many it has had; what the others had before it came counts as its own."""


@dataclass
class Streams:
    """Draws from several streams so that each gets its share, however much the others hold."""

    _streams: list[Stream] = field(default_factory=list)
    _urgent: deque[Trial] = field(default_factory=deque)

    def add(self, items: Iterable[Trial | Event], share: float = 1.0, lead: float = 0.0) -> None:
        """Add a stream. It has its share from now on, after so many trials that are its own alone, and does not catch up."""
        now = min((stream.drawn / stream.share for stream in self._streams), default=0.0)
        self._streams.append(Stream(iter(items), share, now * share - lead))

    def urge(self, trials: Iterable[Trial]) -> None:
        """Put trials before everything else."""
        self._urgent.extend(trials)

    def draw(self) -> Trial | Event | None:
        """Return the next item; `None` when nothing is left."""
        if self._urgent:
            return self._urgent.popleft()
        while self._streams:
            stream = min(self._streams, key=lambda stream: stream.drawn / stream.share)
            for item in stream.items:
                stream.drawn += isinstance(item, Trial)
                return item
            self._streams.remove(stream)
        return None
