import pytest

from toolshed.fees import euros, refund


@pytest.mark.parametrize(
    ("days_late", "expected"),
    [(2, 4000), (3, 3550), (60, 0)],
    ids=["last grace day", "first day that costs", "never below zero"],
)
def test_late_days_are_kept_from_the_deposit(drill, days_late, expected):
    assert refund(drill, days_late) == expected


def test_damage_is_kept_from_the_deposit(drill):
    assert refund(drill, days_late=0, damage=700) == 3300


def test_damage_on_the_last_grace_day_is_all_that_is_kept(ladder):
    assert refund(ladder, days_late=2, damage=300) == 2200


def test_damage_and_late_days_add_up(ladder):
    assert refund(ladder, days_late=4, damage=300) == 1800


def test_cents_stand_on_the_receipt():
    assert euros(3305) == "33.05 EUR"
