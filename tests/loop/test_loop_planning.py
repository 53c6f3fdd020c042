"""What fails is grouped into tasks: tests that share a most suspicious function belong together."""

from __future__ import annotations

from tests.loop.test_loop_review import Shop, never

CART = """class Cart:
    rate = 1

    def add(self, value):
        return value + 2

    def double(self, value):
        return value * 3


def discount(value):
    return value - 2
"""
CART_TESTS = """from cart import Cart, discount

def test_add():
    assert Cart().add(1) == 2

def test_add_more():
    assert Cart().add(2) == 3

def test_double():
    assert Cart().double(1) == 2

def test_discount():
    assert discount(2) == 1
"""


def test_tests_of_different_functions_are_different_tasks_even_when_every_test_fails() -> None:
    shop = Shop({"cart.py": CART, "test_cart.py": CART_TESTS})
    list(shop.session.survey(never))
    assert [item.task.targets for item in shop.session.state().queue] == [
        ("test_cart.py::test_add", "test_cart.py::test_add_more"),
        ("test_cart.py::test_double",),
        ("test_cart.py::test_discount",),
    ]
