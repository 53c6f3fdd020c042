import os

from shelf import Shelf


def test_is_opened_once(shelf):
    assert Shelf.opened == 1


def test_first(shelf):
    assert shelf.first() == "a"


def test_rows_stay(shelf):
    shelf.add("c")
    assert shelf.rows == ["a", "b", "c"]


def test_place():
    assert os.environ["SHELF_PLACE"] == "hall"


def test_side(side, shelf):
    assert (side, len(shelf.rows)) != ("right", 3)


class TestLabel:
    def test_label(self, label):
        assert label == "testlabel"
