import pytest
from site_prices import gross


def test_gross():
    assert gross(100) == 120


def test_nothing():
    assert gross(0) == 0


@pytest.mark.database
def test_rows(connection):
    connection["rows"].append(gross(10))
    assert connection["rows"] == [12]
