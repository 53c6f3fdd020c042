import pytest

from toolshed.periods import parse_period


def test_a_period_in_days():
    assert (parse_period("5"), parse_period("12d")) == (5, 12)


def test_a_period_in_weeks_and_days():
    assert [parse_period(text) for text in ("2w", "1w 3d", "3w 1d")] == [14, 10, 22]


def test_what_is_no_period_is_refused():
    for text in ("", "soon", "0d", "-1d"):
        with pytest.raises(ValueError, match="not a period"):
            parse_period(text)
