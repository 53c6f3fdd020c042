"""Which observed calls are worth a test: few that together reach everything that was reached, and some at the boundaries."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from refine_tui.loop.ports.observing import CallInput, Observed, Outcome

EXTRA = 3
"""Calls beyond those that cover, for results that differ from all others."""
MOST = 16
SHORT = 40
"""Characters that make no difference to a reader."""
LONGEST = 400
"""Characters of a call with its result; a longer one is no example for a reader."""
NOT_MADE_FOR = "a value of a type that it is not made for"
_NOT_MEANT = ("TypeError", "AttributeError", "NameError", "UnboundLocalError", "RecursionError")


@dataclass(frozen=True)
class Specimen:
    """One call with what it did."""

    call: CallInput
    outcome: Outcome
    lines: frozenset[int]
    """0-based lines that it executes."""
    features: frozenset[object]
    """What is reached by it: jumps between lines, and the kind of its result."""

    @property
    def result(self) -> tuple[str, str, str]:
        """What it gave and what it left behind, arguments that stayed as they were left out."""
        return self.outcome.kind, self.outcome.text, self.outcome.after.removeprefix(self.call.text[:-1])

    @property
    def length(self) -> int:
        """Characters that a reader has to take in."""
        return len(self.call.text) + len(self.call.receiver) + len(self.outcome.text) + len(self.outcome.after)


@dataclass(frozen=True)
class Choice:
    """What is kept of an observation."""

    specimens: tuple[Specimen, ...]
    left_out: Mapping[str, int]
    """Why calls say nothing, in words → how many."""
    held: int = 0
    """Calls that tests hold already."""

    @property
    def reached(self) -> frozenset[int]:
        """0-based lines that the kept ones execute."""
        return frozenset().union(*(one.lines for one in self.specimens))


def choose(
    inputs: Sequence[CallInput],
    observed: Observed,
    lines: Sequence[str],
    is_held: Callable[[Specimen], bool] = lambda _: False,
) -> Choice:
    """Choose the calls that are worth a test.

    Args:
        inputs: what was called, recorded calls first.
        observed: what that did.
        lines: the file, to tell an error that the function raises itself from one that happens to it.
        is_held: whether a test holds a call already; once one does, only what reaches more than all of those is worth a test.
    """
    left_out: Counter[str] = Counter()
    usable: list[Specimen] = []
    for call, outcome, executed, jumps in zip(inputs, observed.outcomes, observed.lines, observed.jumps, strict=False):
        reason = _useless(outcome, executed, lines)
        specimen = Specimen(call, outcome, executed, frozenset([*jumps, *_features(outcome)]))
        if not reason and specimen.length > LONGEST:
            reason = "longer than a reader can follow"
        if reason:
            left_out[reason] += 1
        else:
            usable.append(specimen)
    held = [one for one in usable if is_held(one)]
    kept = _covering(usable)
    if not held:
        return Choice(tuple(_with_boundaries(kept, usable)), dict(left_out))
    known: frozenset[object] = frozenset().union(*(one.features for one in held))
    return Choice(tuple(one for one in kept if not one.features <= known), dict(left_out), len(held))


def _useless(outcome: Outcome, executed: frozenset[int], lines: Sequence[str]) -> str:
    if outcome.kind == "unstable":
        return outcome.text.partition(":")[0]
    raises = any(lines[line].strip().startswith("raise") for line in executed if line < len(lines))
    if outcome.kind == "raised" and not raises and outcome.text.startswith(_NOT_MEANT):
        return NOT_MADE_FOR
    return ""


def _features(outcome: Outcome) -> Iterator[object]:
    """Yield what tells kinds of results apart where the lines are the same."""
    if outcome.kind == "raised":
        yield "raises", outcome.text.partition(":")[0]
        return
    try:
        value = ast.literal_eval(outcome.text)
    except (ValueError, SyntaxError):
        value = outcome.text.partition("(")[0]
    yield "returns", type(value).__name__, value if isinstance(value, bool) else bool(value)
    if outcome.after:
        yield "changes"


def _covering(usable: Sequence[Specimen]) -> list[Specimen]:
    """Return a small set that reaches everything: greedily the one that adds most, of equals a short one; then without the superfluous.

    Of those that are about as short, the first comes: what tests call a function with tells more than what was drawn.
    """
    missing = frozenset().union(*(one.features for one in usable))
    kept: list[Specimen] = []
    while missing and len(kept) < MOST:
        best = min(usable, key=lambda one: (-len(one.features & missing), one.length // SHORT))
        kept.append(best)
        missing -= best.features
    for one in sorted(kept, key=lambda one: -one.length):
        others = [other for other in kept if other is not one]
        if one.features <= frozenset().union(*(other.features for other in others)):
            kept = others
    return kept


def _with_boundaries(kept: Sequence[Specimen], usable: Sequence[Specimen]) -> list[Specimen]:
    """Add calls with values that none of the kept ones gives, in the order of the inputs: recorded ones and boundaries come first."""
    seen = {one.result for one in kept}
    more: list[Specimen] = []
    for one in usable:
        if one.outcome.kind == "returned" and one.result not in seen and len(more) < EXTRA and len(kept) + len(more) < MOST:
            seen.add(one.result)
            more.append(one)
    order = {id(one): at for at, one in enumerate(usable)}
    return sorted([*kept, *more], key=lambda one: order[id(one)])
