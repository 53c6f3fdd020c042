import pytest
import routes
from routes import distance, farthest, nearest


def test_there_and_back(table):
    assert distance(table, 3, 9) == distance(table, 9, 3) == 6


def test_farthest(table):
    assert farthest(table, 0) == 30


@pytest.mark.parametrize(("a", "expected"), [(0, 5), (50, 55)])
def test_nearest(own_table, a, expected):
    own_table[0][55] = 99
    assert nearest(own_table, a, [5, 55]) == expected


def test_set_up_once(table):
    assert routes.built == 1
