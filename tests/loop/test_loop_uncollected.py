"""Projects of which tests cannot be collected, and code that no test executes: what a failure speaks of is where to look."""

from __future__ import annotations

import pytest

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Frame, SuiteResult
from refine_tui.core.text import SourceFile
from refine_tui.loop.planning import suspects_of
from refine_tui.loop.pointing import NAMED, REACHED, refuse_uncollected
from refine_tui.loop.wanted import Wanted
from refine_tui.syntax import TreeSitter
from tests.loop.test_loop_refine import Made

SHOP = """def total(prices, discount):
    result = 0
    for price in prices:
        result += price
    return result - discount


def label(name, price):
    return name + ": " + str(price)
"""
SHOP_TESTS = """from shop import total, label

def test_total():
    assert total([1, 2, 3], 1) == 5

def test_empty():
    assert total([], 0) == 0

def test_label():
    assert label("tea", 2) == "tea: 2"
"""


def patched(files: dict[str, str], path: str = "shop.py") -> str:
    """Return a file once the session says that it is repaired."""
    _, end = Made(files).fix()
    assert end.outcome == "solved", end.handoff
    return end.patch.apply(end.tree)[path].decode()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("discount):", "discount)"),
        ("for price", "fro price"),
        ("        result +=", "    result +="),
        ("str(price)", "str(price"),
    ],
)
def test_a_syntax_error_that_keeps_every_test_from_being_collected_is_repaired(right: str, wrong: str) -> None:
    assert patched({"shop.py": SHOP.replace(right, wrong), "test_shop.py": SHOP_TESTS}) == SHOP


def test_other_tests_that_pass_do_not_stand_in_the_way() -> None:
    other = {"other.py": "def f():\n    return 1\n", "test_other.py": "from other import f\n\ndef test_f():\n    assert f() == 1\n"}
    assert patched({"shop.py": SHOP.replace("prices:", "prices"), "test_shop.py": SHOP_TESTS, **other}) == SHOP


@pytest.mark.parametrize("target", ["test_shop.py", "test_shop.py::test_total"])
def test_a_test_of_a_file_that_cannot_be_collected_may_be_named(target: str) -> None:
    _, end = Made({"shop.py": SHOP.replace("prices:", "prices"), "test_shop.py": SHOP_TESTS}).fix(Wanted((target,)))
    assert end.outcome == "solved"


def test_a_bug_behind_a_syntax_error_is_repaired_with_it() -> None:
    broken = SHOP.replace("prices:", "prices").replace("result - discount", "result + discount")
    assert patched({"shop.py": broken, "test_shop.py": SHOP_TESTS}) == SHOP


def test_a_bug_behind_a_syntax_error_is_repaired_even_when_the_mend_alone_helps_no_test() -> None:
    broken = "def area(width, height)\n    return width + height\n"
    tests = "from area import area\n\ndef test_area():\n    assert area(3, 4) == 12\n\ndef test_wide():\n    assert area(7, 1) == 7\n"
    assert patched({"area.py": broken, "test_area.py": tests}, "area.py") == "def area(width, height):\n    return width * height\n"


def test_syntax_errors_in_two_files_are_repaired_together() -> None:
    files = {"shop.py": "from tax import RATE\n\n\n" + SHOP, "tax.py": "RATE = (1, 2)\n", "test_shop.py": SHOP_TESTS}
    broken = {**files, "shop.py": files["shop.py"].replace("prices:", "prices"), "tax.py": "RATE = (1, 2\n"}
    _, end = Made(broken).fix()
    assert end.outcome == "solved"
    assert {path: text.decode() for path, text in end.patch.apply(end.tree).items()} == {
        path: files[path] for path in ("shop.py", "tax.py")
    }


def test_a_name_that_is_missing_when_a_module_is_imported_is_spelt_right() -> None:
    limit = "LIMIT = max(3, 4)\n\n\n"
    assert patched({"shop.py": (limit + SHOP).replace("max", "maxx"), "test_shop.py": SHOP_TESTS}) == limit + SHOP


def test_a_function_is_named_as_the_tests_import_it() -> None:
    assert patched({"shop.py": SHOP.replace("def label", "def lable"), "test_shop.py": SHOP_TESTS}) == SHOP


def test_a_method_that_is_never_called_is_named_as_the_tests_call_it() -> None:
    cart = "class Cart:\n    def __init__(self):\n        self.items = []\n\n    def add(self, item):\n        self.items.append(item)\n"
    tests = "from cart import Cart\n\ndef test_add():\n    cart = Cart()\n    cart.add(1)\n    assert cart.items == [1]\n"
    assert patched({"cart.py": cart.replace("def add", "def ad"), "test_cart.py": tests}, "cart.py") == cart


def test_a_project_whose_test_file_is_broken_itself_is_refused_with_the_place() -> None:
    with pytest.raises(ProjectError, match=r"No test could be collected:\n  test_shop.py:3: SyntaxError"):
        Made({"shop.py": SHOP, "test_shop.py": SHOP_TESTS.replace("test_total():", "test_total()")}).fix()


def test_what_to_do_about_files_that_cannot_be_collected_stands_below_them() -> None:
    broken = SuiteResult(
        (CaseResult("test_shop.py", "error", message="SyntaxError: expected ':'", frames=(Frame("shop.py", 2, "<module>"),)),)
    )
    with pytest.raises(ProjectError, match=r"  shop.py:3: SyntaxError: expected ':'\n`refine-tui fix` looks for it\."):
        refuse_uncollected(broken, advice="`refine-tui fix` looks for it.")


def looked_at(case: CaseResult, files: dict[str, str], lines: dict[str, frozenset[int]] | None = None) -> dict[tuple[str, int], float]:
    base = Baseline(SuiteResult((case,)), Coverage({case.node_id: lines} if lines else {}), True, "", "", "")
    sources = {path: SourceFile(path, text.encode()) for path, text in files.items()}
    return suspects_of(base, (case.node_id,), sources.get, TreeSitter(), lambda path: not path.startswith("test")).lines


def test_without_any_executed_line_everything_that_the_test_imports_is_suspicious_and_what_the_failure_names_more_so() -> None:
    files = {"shop.py": SHOP, "far.py": "def f():\n    return 1\n", "test_shop.py": SHOP_TESTS}
    case = CaseResult("test_shop.py::test_total", "failed", message="assert 4 == 5", details="E  where 4 = <function total at 0x7f>([1])")
    found = looked_at(case, files)
    assert found["shop.py", 2] == NAMED
    assert found["shop.py", 8] == REACHED
    assert not any(path == "far.py" for path, _ in found)


def test_where_lines_ran_nothing_else_is_suspicious() -> None:
    files = {"shop.py": SHOP, "test_shop.py": SHOP_TESTS}
    case = CaseResult("test_shop.py::test_total", "failed", message="assert 4 == 5", error="AssertionError")
    assert set(looked_at(case, files, {"shop.py": frozenset({1, 2})})) == {("shop.py", 1), ("shop.py", 2)}


def test_a_file_that_only_a_test_function_imports_is_mended_too() -> None:
    files = {"shop.py": SHOP.replace("prices:", "prices"), "test_shop.py": SHOP_TESTS}
    frames = (Frame("test_shop.py", 4, "test_total"), Frame("shop.py", 2, "<module>"))
    case = CaseResult("test_shop.py::test_total", "failed", message="SyntaxError: expected ':'", error="SyntaxError", frames=frames)
    found = looked_at(case, files)
    assert max(found, key=lambda place: found[place]) == ("shop.py", 2)


def test_a_file_that_does_not_parse_is_suspicious_at_the_error_alone() -> None:
    files = {"shop.py": SHOP.replace("prices:", "prices"), "test_shop.py": SHOP_TESTS}
    frames = (Frame("test_shop.py", 0, "<module>"), Frame("shop.py", 2, "<module>"))
    found = looked_at(CaseResult("test_shop.py", "error", message="SyntaxError: expected ':'", error="SyntaxError", frames=frames), files)
    assert {place: score for place, score in found.items() if score > NAMED} == {("shop.py", 2): 1.0}
