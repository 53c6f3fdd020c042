from __future__ import annotations

import random
from collections.abc import Callable
from math import exp

import pytest

from refine_tui.core.intervals import ERROR, LOOKS, Comparison, Interval, compare, level_at_look, middle_mean

Noise = Callable[[random.Random], float]
NOISES: dict[str, Noise] = {
    "even": lambda chance: chance.gauss(0, 0.05),
    "wide": lambda chance: chance.gauss(0, 0.3),
    "disturbed": lambda chance: abs(chance.gauss(0, 0.03)) + (chance.random() < 0.1) * chance.expovariate(1),
}


def gate(noise: Noise, seed: int, factor: float = 1.0) -> Comparison:
    """The gate on simulated rounds: it looks when a look is due, and stops when it is settled."""
    chance, draw = random.Random(seed), random.Random(-seed)
    rounds: list[tuple[float, float]] = []
    for look in LOOKS:
        rounds += [(exp(noise(chance)), factor * exp(noise(chance))) for _ in range(look - len(rounds))]
        found = compare(rounds, lambda values, count: draw.choices(values, k=count), level=level_at_look())
        if found.is_settled:
            break
    return found


@pytest.mark.parametrize("noise", NOISES)
def test_equal_code_is_hardly_ever_called_faster(noise: str) -> None:
    verdicts = [gate(NOISES[noise], seed).verdict for seed in range(12)]
    assert "faster" not in verdicts


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
def test_all_looks_together_err_no_more_often_than_allowed(noise: str) -> None:
    verdicts = [gate(NOISES[noise], seed).verdict for seed in range(300)]
    assert len(verdicts) - verdicts.count("no difference seen") <= ERROR * len(verdicts)


@pytest.mark.parametrize("noise", NOISES)
def test_half_the_cost_is_seen_and_so_is_twice(noise: str) -> None:
    for seed in range(2):
        half, twice = gate(NOISES[noise], seed, 0.5), gate(NOISES[noise], seed, 2.0)
        assert (half.verdict, twice.verdict) == ("faster", "slower")
        assert half.interval.low < 0.5 < half.interval.high


def test_a_clear_case_needs_the_first_look_only() -> None:
    assert gate(NOISES["even"], 1, 0.5).rounds == LOOKS[0]


def test_the_interval_is_the_same_for_the_same_seed() -> None:
    assert gate(NOISES["wide"], 7) == gate(NOISES["wide"], 7)


def test_one_round_says_nothing() -> None:
    found = compare([(1.0, 0.1)], lambda values, _: values)
    assert (found.verdict, found.is_settled) == ("no difference seen", False)
    assert found.words == "10 times as fast (0 to any)"


@pytest.mark.parametrize(
    ("low", "high", "verdict", "settled"),
    [
        (0.4, 0.6, "faster", True),
        (0.9, 0.995, "no difference seen", False),
        (0.99, 1.015, "no difference seen", True),
        (0.8, 1.3, "no difference seen", False),
        (1.02, 1.3, "slower", True),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(low: float, high: float, verdict: str, settled: bool) -> None:
    found = Comparison((low * high) ** 0.5, Interval(low, high, 0.95), 12)
    assert (found.verdict, found.is_settled) == (verdict, settled)


def test_the_outer_quarters_do_not_count() -> None:
    assert middle_mean([1.0, 2.0, 3.0, 1000.0]) == 2.5
