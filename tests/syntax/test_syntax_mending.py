from __future__ import annotations

import pytest

from refine_tui.core.patch import splice
from refine_tui.core.text import SourceFile
from refine_tui.syntax import TreeSitter
from refine_tui.syntax.mends import MENDS, Mend

SHOP = '''"""Prices."""


def total(prices, discount):
    """Return the sum less the discount."""
    result = 0
    for price in prices:
        if price > 0:
            result += price
    return result - discount


def label(name, price):
    return f"{name}: {price:.2f}"
'''


def mended(text: str) -> list[str]:
    source = SourceFile("shop.py", text.encode())
    return [splice(source.data, edit.edits).decode() for edit in TreeSitter().mends(source)]


@pytest.mark.parametrize("mend", [pytest.param(mend, id=mend.name) for mend in MENDS])
def test_a_mend_makes_its_example(mend: Mend) -> None:
    compile(mend.after, "after", "exec")
    assert mend.after in mended(mend.before)


SLIPS = [
    pytest.param("discount):", "discount)", id="no colon"),
    pytest.param("(prices, discount)", "(prices, discount", id="no bracket"),
    pytest.param("(prices, discount)", "(prices, discount]", id="wrong bracket"),
    pytest.param("- discount", "- discount)", id="a bracket too many"),
    pytest.param('.2f}"', ".2f}", id="no quote"),
    pytest.param("            result +=", "        result +=", id="not indented"),
    pytest.param("    result = 0", "      result = 0", id="indented too far"),
    pytest.param("    return result", "  return result", id="indented halfway"),
    pytest.param('    """Return', '"""Return', id="docstring not indented"),
    pytest.param("            result +=", "\t    result +=", id="a tab"),
    pytest.param("def total", "dfe total", id="def misspelt"),
    pytest.param("for price in", "fro price in", id="for misspelt"),
    pytest.param("price in prices", "price im prices", id="in misspelt"),
    pytest.param("return result", "retrun result", id="return misspelt"),
    pytest.param("def total", "total", id="no def"),
    pytest.param("price > 0", "price => 0", id="signs swapped"),
]


@pytest.mark.parametrize(("right", "slip"), SLIPS)
def test_what_one_slip_broke_is_among_the_first_mends(right: str, slip: str) -> None:
    wanted = SHOP.replace(right, slip).replace("=>", ">=") if slip == "price => 0" else SHOP
    made = mended(SHOP.replace(right, slip))
    assert [text.expandtabs() for text in made].index(wanted) < 3


def test_several_errors_of_a_file_are_mended_together() -> None:
    broken = SHOP.replace("discount):", "discount)").replace("prices:", "prices").replace("price):", "price:")
    assert mended(broken)[0] == SHOP


def test_every_mend_parses_and_the_likeliest_come_first() -> None:
    source = SourceFile("shop.py", SHOP.replace("retrun", "return").replace("return result", "retrun result").encode())
    found = TreeSitter().mends(source)
    assert len(found) > 10
    assert [edit.prior for edit in found] == sorted((edit.prior for edit in found), reverse=True)
    assert all(TreeSitter().is_valid(SourceFile("shop.py", splice(source.data, edit.edits))) for edit in found)


def test_bytes_that_are_no_ascii_and_line_ends_stay_as_they_are() -> None:
    text = SHOP.replace("Prices.", "Preise für Äpfel.").replace("\n", "\r\n")
    assert text in mended(text.replace("discount):", "discount)"))


@pytest.mark.parametrize("text", ["", "x = 1\n", SHOP], ids=["empty", "a line", "a file"])
def test_what_parses_has_no_mends(text: str) -> None:
    assert not mended(text)


@pytest.mark.parametrize("text", ["\0", "# coding: nonsense\n", "(" * 300, "def f(:\n" * 40], ids=["null", "coding", "deep", "many"])
def test_what_cannot_be_mended_ends_without_an_error(text: str) -> None:
    assert all(text != made for made in mended(text))


def test_other_languages_have_no_mends() -> None:
    assert not TreeSitter().mends(SourceFile("a.js", b"function f( {}"))


def test_imports_are_looked_for_where_tests_and_packages_may_lie() -> None:
    text = b"import shop.prices as p, os\nfrom ..rates import TAX\nfrom shop import (\n    cart,\n)\n"
    found = TreeSitter().imports(SourceFile("tests/unit/test_a.py", text))
    assert {"shop/prices.py", "src/shop/prices.py", "tests/shop/prices.py", "shop/__init__.py", "shop/cart.py"} <= set(found)
    assert {"tests/rates.py", "tests/rates/TAX.py"} <= set(found)
    assert "rates.py" not in found
