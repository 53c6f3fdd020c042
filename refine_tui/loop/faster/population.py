"""What generations build on: the fastest so far, and beside them the best of each other kind.

Source of the idea: the program database of Novikov et al., "AlphaEvolve: A coding agent for scientific and algorithmic discovery" (2025),
which joins MAP-Elites (Mouret and Clune, "Illuminating search spaces by mapping elites", 2015) with populations; here at the scale of
one function.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from math import log

from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal

NEAR = 0.05
"""Ratios that are about this close, on a scale of logarithms, count as equal: then the smaller change is the better one."""


@dataclass(frozen=True)
class Member:
    """A version that was run and timed."""

    id: str
    proposal: Proposal | None
    """`None` for the user's own version."""
    ratio: float
    """Its cost, the user's being 1: a first look, not yet a verdict."""
    kind: frozenset[str]
    """What it is made of: the operators of its edits, the model's being one of them."""
    generation: int = 0
    changed: int = 0
    """Lines."""
    observed: bool = False
    """Whether it was seen to do the same on every input; one that would not win was not looked at."""

    @property
    def patch(self) -> Patch:
        """What leads to it from the user's tree."""
        return self.proposal.patch if self.proposal else Patch()


@dataclass
class Population:
    """The best member of each kind, and which of them were built on."""

    size: int = 24
    members: dict[frozenset[str], Member] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def add(self, member: Member) -> bool:
        """Take a member in when it is the best of its kind; the slowest kind makes room. Say whether it stayed."""
        known = self.members.get(member.kind)
        if known is not None and _order(known) <= _order(member):
            return False
        self.members[member.kind] = member
        if len(self.members) > self.size:
            del self.members[max(self.members.values(), key=_order).kind]
        return member.kind in self.members

    def ranked(self) -> list[Member]:
        """Return all members, the best first."""
        return sorted(self.members.values(), key=_order)

    def parents(self, elites: int, others: int, chance: random.Random) -> list[Member]:
        """Return members that nothing was built on yet: the best ones, and some of the rest by lot."""
        waiting = [member for member in self.ranked() if member.id not in self._used]
        rest = waiting[elites:]
        chosen = waiting[:elites] + chance.sample(rest, min(others, len(rest)))
        self._used |= {member.id for member in chosen}
        return chosen


def _order(member: Member) -> tuple[int, int]:
    return round(log(member.ratio) / NEAR), member.changed
