from datetime import date

from toolshed.opening import next_open_day


def test_closed_days_are_skipped():
    assert next_open_day(date(2026, 6, 3)) == date(2026, 6, 3)
    assert next_open_day(date(2026, 6, 4), closed={date(2026, 6, 5)}) == date(2026, 6, 6)
