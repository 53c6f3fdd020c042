"""How many guessed tokens a candidate may compute: what they cost is bounded by what they won, so that guessing never loses much.

Decisions rest on counts and not on a clock: equal requests are computed in equal batches.
"""

from __future__ import annotations

from dataclasses import dataclass

START = 1.2
"""Decodes of one row that may be lost before anything was won."""
SHARE = 0.015
"""Of what a candidate's tokens cost, what may be lost in addition."""
STAKE = 0.6
"""Of what was won, what may be lost again."""
AGREEING, AGREEING_EXPECTED = 3, 2
"""Tokens that must agree before the first guess; fewer where a copy was announced."""


FIRST = 7
"""Tokens of the first guess, if as many can be paid for."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a decode of several rows costs, in decodes of one row."""

    base: float
    each: float
    grain: int
    """Rows are computed in groups of so many; a group that is not full costs as much or more."""
    shortest: int
    """Fewer guessed tokens than these cost more than they can win."""
    longest: int
    most: int
    """Guessed tokens of all candidates in one decode."""

    def of(self, rows: int) -> float:
        """Return the cost of a decode."""
        return 1.0 if rows <= 1 else self.base + self.each * self.grain * -(-rows // self.grain)


ON_CPU = Costs(base=1.0, each=0.275, grain=4, shortest=3, longest=31, most=31)
"""Fitted to a model of 0.5B parameters in Q4_0; see docs/decisions/0013."""
ON_GPU = Costs(base=1.0, each=0.01, grain=1, shortest=1, longest=63, most=255)


class Pace:
    """The lengths of one candidate's guesses."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._length = FIRST
        self._won = self._lost = 0.0

    def length(self, run: int, tokens: int, live: int, *, expected: bool) -> int:
        """Return how many tokens to guess next; 0: none.

        Args:
            run: how many of the last tokens agree with what is copied.
            tokens: how many there are.
            live: candidates in the decode, this one included.
            expected: whether what is copied is what was announced.
        """
        needed = 1 if self._won else AGREEING_EXPECTED if expected else AGREEING
        if run < needed:
            return 0
        allowance = START + SHARE * tokens * self._token(live) + STAKE * self._won - self._lost
        length = min(self._length, self._costs.most // live)
        while length >= self._costs.shortest and self._extra(length, live) > allowance:
            length = (length - 1) // 2
        return length if length >= self._costs.shortest else 0

    def worthwhile(self, guess: list[int]) -> list[int]:
        """Return as much of a guess as fills its rows' groups together with the token before it; nothing when that is too little."""
        whole = (len(guess) + 1) // self._costs.grain * self._costs.grain - 1
        return guess[:whole] if whole >= self._costs.shortest else []

    def settle(self, guessed: int, right: int, live: int) -> None:
        """Note what became of a guess."""
        gain = right * self._token(live) - self._extra(guessed, live)
        if gain > 0:
            self._won += gain
        else:
            self._lost -= gain
        if right == guessed:
            self._length = min(self._costs.longest, 2 * guessed + 1)
        elif right < guessed // 2:
            self._length = max(self._costs.shortest, (guessed - 1) // 2)

    def _token(self, live: int) -> float:
        """Return what a token costs that is not guessed."""
        return self._costs.of(live) / live

    def _extra(self, guessed: int, live: int) -> float:
        return self._costs.of(live + guessed) - self._costs.of(live)
