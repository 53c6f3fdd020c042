"""When the loop ends, and the word for it."""

from __future__ import annotations

from enum import Enum


class StopReason(Enum):
    """Why a task ended. The value is what the user reads."""

    SOLVED = "criteria met"
    TEST_FIRST = "a failing test comes first"
    NOTHING_FAILING = "nothing was failing"
    PLATEAU = "no better for two rounds"
    EXHAUSTED = "nothing left to try"
    REPEATED = "only repeats what was tried"
    SECONDS = "time budget spent"
    ROUNDS = "all rounds used"
    CHANGED = "the project changed meanwhile"
    CANCELLED = "cancelled"
    REFUSED = "refused for safety"


def has_plateaued(fixed_by_round: list[int], patience: int = 2) -> bool:
    """Say whether the last `patience` rounds fixed no more tests than the rounds before them.

    `fixed_by_round` holds the best number of fixed tests after each finished round.
    """
    return len(fixed_by_round) > patience and max(fixed_by_round[-patience:]) <= fixed_by_round[-patience - 1]
