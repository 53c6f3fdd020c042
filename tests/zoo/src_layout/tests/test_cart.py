import pytest
from shop import Cart


@pytest.fixture
def cart():
    return Cart()


def test_empty(cart):
    assert cart.total() == 0


def test_one(cart):
    cart.put("pear")
    assert cart.total() == 30


def test_several(cart):
    cart.put("plum", 3)
    assert cart.total() == 36


def test_unknown(cart):
    cart.put("nail")
    with pytest.raises(KeyError):
        cart.total()
