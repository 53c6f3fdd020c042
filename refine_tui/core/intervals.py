"""Whether paired measurements show a difference: a bootstrap interval of their ratio, and a verdict that needs the interval to say so.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13, percentile intervals; Kalibera and Jones,
"Rigorous Benchmarking in Reasonable Time" (2013), on intervals of ratios over repetitions at the level that varies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Literal

Verdict = Literal["faster", "slower", "no difference seen"]
Draw = Callable[[Sequence[float], int], Sequence[float]]
"""Returns so many values drawn with replacement; where its randomness comes from is its caller's business."""

LOOKS = (12, 24, 48, 96)
"""Numbers of rounds after which a verdict may be given. Each look could err, so that each has its share of the error allowed."""
ERROR = 0.02
"""How often all looks together may see a difference where there is none, in either direction: little, since several finalists may ask."""
RESAMPLES = 2000
LEAST = 0.01
"""A ratio closer to 1 than this is no difference: where code lies in memory alone makes as much."""
NARROW = 0.02
"""An interval that reaches no further than this from 1 says that there is nothing more to see."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a value lies, with the given certainty."""

    low: float
    high: float
    level: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What paired rounds say of a candidate's cost against its base's."""

    ratio: float
    """Cost of the candidate, the base's being 1: 0.5 is twice as fast."""
    interval: Interval
    """Of the ratio."""
    rounds: int

    @property
    def verdict(self) -> Verdict:
        """What the interval says: all of it on one side of 1, or no difference seen."""
        if self.interval.high < 1 - LEAST:
            return "faster"
        return "slower" if self.interval.low > 1 + LEAST else "no difference seen"

    @property
    def is_settled(self) -> bool:
        """Whether more rounds would not change what is said."""
        return self.verdict != "no difference seen" or (self.interval.low > 1 - NARROW and self.interval.high < 1 + NARROW)

    @property
    def words(self) -> str:
        """The comparison for people: `3.1 times as fast (2.9 to 3.3)`."""
        ends = (f"{rounded(1 / end):g}" if end else "any" for end in (self.interval.high, self.interval.low))
        return f"{rounded(1 / self.ratio):g} times as fast ({' to '.join(ends)})"


def compare(rounds: Sequence[tuple[float, float]], draw: Draw, *, level: float = 1 - ERROR) -> Comparison:
    """Compare paired costs, `(base, candidate)` of each round, all above 0; there must be one at least.

    The ratio is the geometric mean of the rounds' ratios without the outer quarters: a round that was disturbed says nothing.
    """
    ratios = [log(candidate / base) for base, candidate in rounds]
    found = interval_of(ratios, middle_mean, draw, level=level)
    return Comparison(exp(middle_mean(ratios)), Interval(exp(found.low), exp(found.high), level), len(ratios))


def level_at_look() -> float:
    """Return the level of the interval at each look, so that all looks together err no more often than allowed."""
    return 1 - ERROR / len(LOOKS)


def interval_of(
    values: Sequence[float],
    statistic: Callable[[Sequence[float]], float],
    draw: Draw,
    *,
    level: float = 1 - ERROR,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the percentile bootstrap interval of a statistic, made wider by what few values are known to lack.

    Drawing n values from n has (n - 1)/n of their variance, and percentiles know nothing of Student's tails.
    """
    middle, count = statistic(values), len(values)
    if count < 2:
        return Interval(float("-inf"), float("inf"), level)
    found = sorted(statistic(draw(values, count)) for _ in range(resamples))
    tail = (1 - level) / 2
    wider = sqrt(count / (count - 1)) * (1 + 2 / count)
    low, high = found[int(tail * resamples)], found[min(resamples - 1, int((1 - tail) * resamples))]
    return Interval(middle - wider * (middle - low), middle + wider * (high - middle), level)


def middle_mean(values: Sequence[float]) -> float:
    """Return the mean of the middle half."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    kept = ordered[cut : len(ordered) - cut]
    return sum(kept) / len(kept)


def rounded(value: float) -> float:
    """Return a value with three significant digits."""
    return float(f"{value:.3g}")
