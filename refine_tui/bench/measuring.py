"""What a figure is made of: costs, medians, and rows that say whether a target is met."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from refine_tui.core.errors import UsageError
from refine_tui.core.intervals import interval_of

TIMES = "\N{MULTIPLICATION SIGN}"


class Spent(NamedTuple):
    """What something cost."""

    wall_s: float
    """Seconds on the clock."""
    cpu_s: float
    """Seconds of computing in all threads of the process that did it."""


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    row: str
    value: float | None = None
    """`None` where there is nothing to measure; `note` or `unavailable` says why."""
    unit: str = ""
    baseline: float | None = None
    """The same for what it is compared with, in the same unit where `ratio` is not given."""
    ratio: float | None = None
    target: str | None = None
    ok: bool | None = None
    """`None`: there is no target for this device."""
    runs: int = 0
    interval: tuple[float, float] | None = None
    """Where the median of such runs lies, as far as these tell: a bootstrap interval of 95 %, by the machinery of the performance gate."""
    note: str = ""
    model: str = ""
    device: str = ""
    basis: str = ""
    """What the figure is made of: `cpu`, seconds of computing; `wall`, on the clock; `count`, nothing that depends on the machine."""
    unavailable: str = ""
    """Why this version has no such figure."""

    def as_json(self) -> dict[str, Any]:
        """Return the row's object; `unavailable` only where it says something."""
        found = asdict(self)
        if not self.unavailable:
            del found["unavailable"]
        return found


def row(name: str, values: Sequence[float], unit: str, *, baseline: float | None = None, ratio: float | None = None, note: str = "") -> Row:
    """Return a row whose value is the median of the runs."""
    interval = _interval(values) if len(values) > 1 else None
    middle = None if baseline is None else rounded(baseline)
    return Row(
        name,
        rounded(statistics.median(values)),
        unit,
        middle,
        None if ratio is None else rounded(ratio),
        runs=len(values),
        interval=interval,
        note=note,
    )


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the interval of the median; few runs say no more than that it lies among them."""
    chance = random.Random(len(values))
    found = interval_of(values, statistics.median, lambda all, count: chance.choices(all, k=count), level=0.95)
    return rounded(max(found.low, min(values))), rounded(min(found.high, max(values)))


def at_most(found: Row, bound: float) -> Row:
    """Give a row an upper bound as its target."""
    return replace(found, target=f"≤ {bound:g}", ok=found.value is not None and found.value <= bound)


def at_least(found: Row, bound: float) -> Row:
    """Give a row a lower bound as its target."""
    return replace(found, target=f"≥ {bound:g}", ok=found.value is not None and found.value >= bound)


def rounded(value: float) -> float:
    """Return a value with four significant digits."""
    return float(f"{value:.4g}")


def process_clock(pid: int) -> Callable[[], float]:
    """Return a clock of the seconds another process has computed; on systems without such clocks it stands still."""
    number = (~pid << 3) | 2  # what Linux's clock_getcpuclockid answers
    try:
        time.clock_gettime(number)
    except (OSError, AttributeError):
        return lambda: 0.0
    return lambda: time.clock_gettime(number)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def refuse_unknown(asked: Collection[str], known: Collection[str], what: str) -> None:
    """Raise `UsageError` for a name that does not exist."""
    for name in asked:
        if name not in known:
            raise UsageError(f"{name}: there is no such {what}. Known: {', '.join(known)}.")
