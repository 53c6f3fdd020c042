"""The days on which the shed is open."""

from __future__ import annotations

from datetime import timedelta

OPEN_WEEKDAYS = (2, 4, 5)  # Wednesday, Friday, Saturday


def is_open(day, closed=()):
    """Whether the shed is open on this day; `closed` holds days such as holidays."""
    return day.weekday() in OPEN_WEEKDAYS and day not in closed


def next_open_day(day, closed=()):
    """The first open day that is not before `day`."""
    while not is_open(day, closed):
        day += timedelta(days=1)
    return day
