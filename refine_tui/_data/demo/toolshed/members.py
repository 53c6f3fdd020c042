"""Members and what their tier allows them to borrow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tier:
    """What a kind of membership allows."""

    name: str
    max_loans: int
    max_days: int


NEIGHBOUR = Tier("neighbour", max_loans=2, max_days=7)
FRIEND = Tier("friend", max_loans=4, max_days=14)


@dataclass(frozen=True)
class Member:
    """Somebody who may borrow tools."""

    name: str
    tier: Tier = NEIGHBOUR
    suspended: bool = False

    def may_borrow(self, tools_out):
        """Whether the member, who has `tools_out` tools at home, may take one more."""
        if self.suspended:
            return False
        return tools_out < self.tier.max_days

    def card(self):
        """The line on the membership card."""
        return f"{self.name}: {self.tier.max_loans} tools at a time, {self.tier.max_days} days each"

    def loan_days(self, wanted):
        """How many days the member gets when asking for `wanted` days."""
        return min(wanted, self.tier.max_days)
