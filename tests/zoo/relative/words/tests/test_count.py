from ..count import count


def test_two():
    assert count("a b") == 2


def test_spaces():
    assert count("a  b") == 2


def test_none():
    assert count("") == 0
