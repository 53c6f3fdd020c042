"""`refine-tui bench runner`: which rows are measured, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from refine_tui.bench import runner_ends, runner_speed, runner_suites
from refine_tui.bench.machine import machine_facts
from refine_tui.bench.measuring import Row, refuse_unknown
from refine_tui.bench.runner_lab import RunnerLab
from refine_tui.core.errors import RefineError

Say = Callable[[str], None]


@dataclass(frozen=True)
class RunnerWish:
    """What the user asked for."""

    rows: tuple[str, ...] = ()
    """Names from `ROWS`; empty: all."""
    runs: int = 500
    """Evaluations after which is looked for processes."""
    repeats: int = 25
    """Runs of which a row of times is the median."""
    files: int = 20_000
    """Files of the large project."""
    candidates: int = 5
    """Edits of each project of the zoo."""


def measure_runner(lab: RunnerLab, wish: RunnerWish, say: Say) -> Iterator[Row]:
    """Yield each row as soon as it is measured. What cannot be measured is a row that says why.

    Raises:
        UsageError: a row is not known.
    """
    known = rows_of(lab, wish, say)
    refuse_unknown(wish.rows, known, "row")
    names = [name for name in known if not wish.rows or name in wish.rows]
    for place, name in enumerate(names, start=1):
        say(f"{place}/{len(names)} {name}")
        for found in attempted(name, known[name]):
            yield replace(found, device=lab.sandbox.level.value, basis=found.basis or "wall")


def rows_of(lab: RunnerLab, wish: RunnerWish, say: Say) -> dict[str, Callable[[], Iterator[Row]]]:
    """Return every measurement by its name."""
    return {
        "warm": lambda: runner_speed.warm_and_cold(lab, wish.repeats),
        "rate": lambda: runner_speed.candidates_a_second(lab, wish.repeats),
        "sandbox": lambda: runner_speed.sandbox_cost(lab, wish.repeats, wish.files),
        "attacks": lambda: runner_suites.attacks(lab),
        "leftovers": lambda: runner_ends.leftovers(lab, wish.runs, say),
        "bombs": lambda: runner_ends.bombs(lab),
        "zoo": lambda: runner_suites.zoo(lab, wish.candidates, say),
    }


def attempted(name: str, measure: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """Yield a measurement's rows; one that fails says so and does not end the others."""
    try:
        yield from measure()
    except RefineError as error:
        yield Row(name, unavailable=str(error))


def runner_machine(lab: RunnerLab) -> dict[str, object]:
    """Return what the figures were measured on."""
    return {**machine_facts(), "sandbox": lab.sandbox.level.value, "interpreter": str(lab.python)}
