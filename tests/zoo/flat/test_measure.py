import pytest
from measure import RATE, add, label, scaled


def test_add():
    assert add(1, 2) == RATE


def test_add_nothing():
    assert add(1, 0) == 1


@pytest.mark.parametrize(("count", "text"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps")])
def test_label(count, text):
    assert label(count) == text


def test_scaled():
    assert scaled([1, 2], RATE) == [3, 6]


@pytest.mark.parametrize("name", ["ä b", "c::d", "[e]", "f/g.py"])
def test_odd_names(name):
    assert name
