"""What is shown of the file around a scope."""

from __future__ import annotations

from refine_tui.core.text import SourceFile
from refine_tui.loop.surroundings import surroundings
from refine_tui.syntax import TreeSitter

CART = '''import money


def tax(
    price,  # net
):
    secret = 1
    return price


class Cart:
    """Holds items."""

    rate = 2

    @property
    def total(self):
        def inner():
            hidden = 1
            return hidden

        return inner()

    def one(self): return 1
'''


def around(text: str, name: str) -> str:
    syntax, source = TreeSitter(), SourceFile("a.py", text.encode())
    scopes = syntax.scopes(source)
    return surroundings(source, next(scope for scope in scopes if scope.name == name), scopes)


def test_other_functions_keep_their_signature_and_lose_their_body() -> None:
    assert around(CART, "Cart.total") == (
        "import money\n\ndef tax(\n    price,  # net\n):\n    ...\n\nclass Cart:\n"
        '    """Holds items."""\n\n    rate = 2\n\n    @property\n    def total(self):\n        ...\n\n    def one(self): return 1'
    )


def test_what_the_scope_stands_in_is_shown() -> None:
    assert "return inner()" in around(CART, "Cart.total.inner")
    assert "hidden" not in around(CART, "Cart.total.inner")


def test_a_file_that_is_the_scope_alone_has_nothing_around_it() -> None:
    assert around("def f(x):\n    return x\n", "f") == ""
