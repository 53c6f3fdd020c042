"""Repairs of two and three edits: along candidates that help, by joining what helps different tests, by pairs that only help together."""

from __future__ import annotations

from refine_tui.core.candidate import Candidate
from refine_tui.core.task import Budget
from refine_tui.loop import events
from tests.loop.test_loop_refine import PRICE, PRICE_TESTS, Made

FARE = """def fare(zone, age, bags):
    price = 10
    if zone >= 2:
        price = price + 4
    if age > 18:
        price = price - 5
    if bags > 2:
        price = price - 3
    return price
"""
FARE_TESTS = """from fare import fare

def test_near():
    assert fare(1, 30, 0) == 10

def test_second_zone():
    assert fare(2, 30, 0) == 10

def test_third_zone():
    assert fare(3, 30, 0) == 14

def test_child():
    assert fare(1, 10, 0) == 5

def test_luggage():
    assert fare(1, 30, 4) == 13

def test_few_bags():
    assert fare(1, 30, 2) == 10

def test_young_with_luggage():
    assert fare(3, 17, 5) == 12
"""
AREA = "def area(width, height):\n    return width + width\n"
AREA_TESTS = """from area import area

def test_wide():
    assert area(3, 4) == 12

def test_tall():
    assert area(2, 5) == 10
"""


def solved(files: dict[str, str], budget: Budget | None = None) -> tuple[Candidate, int]:
    """Return the confirmed candidate and how many were run."""
    told, end = Made(files, budget).fix()
    assert end.outcome == "solved", end.stop_reason
    best = [event.candidate for event in told if isinstance(event, events.Improved)][-1]
    assert best.confirmed
    return best, end.candidates


def test_what_builds_on_a_candidate_looks_where_the_failing_tests_lead() -> None:
    best, tried = solved({"price.py": PRICE, "test_price.py": PRICE_TESTS})
    assert len(best.proposal.operators) == 2
    assert tried < 90


def test_three_edits_are_put_together() -> None:
    best, _ = solved({"fare.py": FARE, "test_fare.py": FARE_TESTS}, Budget(rounds=4, seconds=20_000))
    assert len(best.proposal.operators) == 3
    assert best.round > 1


def test_two_edits_of_which_neither_helps_by_itself_are_found_together() -> None:
    best, _ = solved({"area.py": AREA, "test_area.py": AREA_TESTS})
    assert (best.proposal.proposer, len(best.proposal.operators)) == ("combination", 2)


def test_one_shot_builds_on_nothing() -> None:
    made = Made({"price.py": PRICE, "test_price.py": PRICE_TESTS}, Budget(rounds=1, candidates=60, seconds=None))
    told, end = made.fix()
    judged = [event.candidate for event in told if isinstance(event, events.CandidateJudged)]
    assert (end.outcome, len(judged)) == ("improved", 60)
    assert all(not candidate.parent and candidate.proposal.proposer == "search" for candidate in judged)
