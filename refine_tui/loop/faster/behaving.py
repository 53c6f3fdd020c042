"""What a function does and costs, before anything changes: the inputs that candidates are compared on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.loop.faster.growing import grown
from refine_tui.loop.ports.observing import CallInput, Observer, Outcome
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.ports.timing import Cost, Timer

GIVEN = 24
"""Inputs that behaviour is compared on while candidates are tried."""
GROWN = 8
"""Larger ones beside them."""
FRESH = 48
"""Others, for whoever is to win."""
TIMED = 4
CHEAP_S = 0.005
"""A call that costs more is too long to be watched closely."""
LONGEST_S = 0.01
"""A call that costs more is no good for timing: rounds become few."""
OBSERVED_S = 30.0
COSTED_S = 15.0


@dataclass(frozen=True)
class Behaviour:
    """What calls do on the tree as it is."""

    inputs: tuple[CallInput, ...]
    outcomes: tuple[Outcome, ...]
    """One for each input; none is unstable."""
    costs: tuple[Cost, ...] = ()
    """The inputs that versions are timed on, the most expensive first."""
    misuse: frozenset[str] = frozenset()
    """Exceptions that leave an input out."""

    def joined(self, other: Behaviour) -> Behaviour:
        """Return both as one."""
        return Behaviour(self.inputs + other.inputs, self.outcomes + other.outcomes)

    def differs(self, outcomes: Sequence[Outcome]) -> CallInput | None:
        """Return the first input on which outcomes are others, or are missing."""
        for at, (one, before) in enumerate(zip(self.inputs, self.outcomes, strict=True)):
            if at >= len(outcomes) or outcomes[at] != before:
                return one
        return None


def misuse_in(text: bytes) -> frozenset[str]:
    """Return the exceptions by which the interpreter says that an input is not of the kind a function is for.

    What a file speaks of itself belongs to its behaviour.
    """
    return frozenset(name for name in ("TypeError", "AttributeError") if name.encode() not in text)


def behaviour_of(
    scope: Scope, observer: Observer, timer: Timer, seed: int, cancelled: Cancelled, misuse: frozenset[str] = frozenset()
) -> Behaviour:
    """Return what the function does now, and choose the inputs it is timed on; inputs that raise one of `misuse` are left out.

    Raises:
        ProjectError: it cannot be called by value.
    """
    given = observer.inputs(scope, count=GIVEN, seed=seed, cancelled=cancelled)
    more = grown(given)
    known = timer.costs(scope, (*given, *more), cancelled, limit_s=COSTED_S)
    cost = dict(zip((*given, *more), known, strict=True))
    larger = [one for one in more if _below(CHEAP_S)(cost[one])]
    inputs, outcomes = _observed(scope, observer, (*given, *larger[:: max(1, len(larger) // GROWN)]), cancelled, misuse)
    returned = {one for one, outcome in zip(inputs, outcomes, strict=True) if outcome.kind == "returned"}
    # What is too long to be watched is timed all the same: it is the same input, only larger.
    fit = [found for one, found in cost.items() if found is not None and _below(LONGEST_S)(found) and (one in returned or one in more)]
    return Behaviour(inputs, outcomes, _timed(fit), misuse)


def again(scope: Scope, observer: Observer, seed: int, cancelled: Cancelled, before: Behaviour) -> Behaviour:
    """Return what the function does on other inputs, which no candidate was chosen by."""
    inputs = tuple(one for one in observer.inputs(scope, count=FRESH, seed=seed, cancelled=cancelled) if one not in before.inputs)
    return Behaviour(*_observed(scope, observer, inputs, cancelled, before.misuse))


def _observed(
    scope: Scope, observer: Observer, inputs: tuple[CallInput, ...], cancelled: Cancelled, misuse: frozenset[str]
) -> tuple[tuple[CallInput, ...], tuple[Outcome, ...]]:
    outcomes = observer.outcomes(Patch(), scope, inputs, cancelled, limit_s=OBSERVED_S).outcomes
    told = [(one, outcome) for one, outcome in zip(inputs, outcomes, strict=False) if _tells(outcome, misuse)]
    return tuple(one for one, _ in told), tuple(outcome for _, outcome in told)


def _tells(outcome: Outcome, misuse: frozenset[str]) -> bool:
    return outcome.kind == "returned" or (outcome.kind == "raised" and outcome.text.partition(":")[0] not in misuse)


def _below(limit_s: float) -> Callable[[Cost | None], bool]:
    return lambda cost: cost is not None and cost.seconds <= limit_s


def _timed(costs: Sequence[Cost]) -> tuple[Cost, ...]:
    """Return the most expensive inputs, and the middle one for what is usual."""
    ordered = sorted(costs, key=lambda cost: -cost.seconds)
    usual = ordered[len(ordered) // 2 : len(ordered) // 2 + 1]
    return tuple(dict.fromkeys([*ordered[: TIMED - 1], *usual]))
