from __future__ import annotations

from textwrap import dedent

import pytest

from refine_tui.evaluation.tampering import find
from refine_tui.evaluation.tampering.reading import is_test_file

Files = dict[str, str]


def rules(before: Files, after: Files, tests: Files | None = None, *, strict: bool = False) -> list[str]:
    old, new = ({path: dedent(text).encode() for path, text in files.items()} for files in (before, after))
    paths = {*old, *new}
    kept = {path: dedent(text).encode() for path, text in (tests or {}).items()}
    found = find({path: old.get(path) for path in paths}, {path: new.get(path) for path in paths}, kept, strict=strict)
    assert all(flag.kind == "tampering" and flag.message and flag.path in paths for flag in found)
    return [flag.rule for flag in found]


TEST = """
import pytest
from cart import total


@pytest.mark.parametrize("n", [1, 2, 3])
def test_each(n):
    assert total([n]) == n


def test_total():
    cart = [1, 2]
    assert total(cart) == 3
    assert total([]) == 0


class TestCart(TestCase):
    def test_old(self):
        self.assertEqual(total([4]), 4)
"""
CODE = "def total(cart):\n    return sum(cart)\n"


def changed(old: str, new: str) -> tuple[Files, Files]:
    assert old in TEST
    return {"test_cart.py": TEST, "cart.py": CODE}, {"test_cart.py": TEST.replace(old, new), "cart.py": CODE}


TOTAL = "def test_total():\n    cart = [1, 2]\n    assert total(cart) == 3\n    assert total([]) == 0\n"
EACH = '@pytest.mark.parametrize("n", [1, 2, 3])\ndef test_each(n):\n    assert total([n]) == n\n'


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        # deleted
        (TOTAL, "", "test-deleted"),
        (TOTAL, TOTAL.replace("test_total", "check_total"), "test-deleted"),
        (TOTAL, TOTAL.replace("test_total", "test_sum"), ""),
        (TOTAL, "@pytest.mark.parametrize('cart', [[], [1, 2]])\ndef test_totals(cart):\n    assert total(cart) == len(cart)\n", ""),
        # skipped
        (TOTAL, "@pytest.mark.skip\n" + TOTAL, "test-skipped"),
        (TOTAL, '@pytest.mark.skip(reason="later")\n' + TOTAL, "test-skipped"),
        (TOTAL, '@pytest.mark.skipif(True, reason="later")\n' + TOTAL, "test-skipped"),
        (TOTAL, '@pytest.mark.xfail(reason="later")\n' + TOTAL, "test-skipped"),
        (TOTAL, "@pytest.mark.xfail\n" + TOTAL, "test-skipped"),
        (TOTAL, '@pytest.mark.skipif(sys.platform == "win32", reason="no such thing")\n' + TOTAL, ""),
        (TOTAL, '@pytest.mark.xfail(sys.version_info < (3, 9), reason="old")\n' + TOTAL, ""),
        ("    cart = [1, 2]\n", '    pytest.skip("later")\n    cart = [1, 2]\n', "test-skipped"),
        ("    cart = [1, 2]\n", '    if not total:\n        pytest.skip("nothing here")\n    cart = [1, 2]\n', ""),
        ("class TestCart", "@unittest.skip('later')\nclass TestCart", "test-skipped"),
        ("        self.assertEqual", "        self.skipTest('later')\n        self.assertEqual", "test-skipped"),
        ("from cart import total\n", "from cart import total\n\npytestmark = pytest.mark.skip\n", "test-skipped"),
        ("from cart import total\n", "from cart import total\n\npytestmark = pytest.mark.slow\n", ""),
        ("from cart import total\n", "pytest.skip('all', allow_module_level=True)\nfrom cart import total\n", "test-skipped"),
        (TOTAL, TOTAL + "\n\n@pytest.mark.skip\ndef test_new():\n    assert total([9]) == 9\n", ""),
        # weakened
        ("    assert total([]) == 0\n", "", "test-weakened"),
        ("    assert total([]) == 0\n", "\n\ndef test_nothing():\n    assert total([]) == 0\n", ""),
        ("    assert total(cart) == 3\n    assert total([]) == 0\n", "    total(cart)\n", "test-weakened"),
        ("    assert total(cart) == 3\n    assert total([]) == 0\n", "    check(total, cart, 3)\n", ""),
        ("    assert total([]) == 0\n", "    assert total([]) == 0 or True\n", "test-weakened"),
        ("    assert total([]) == 0\n", "    assert True\n", "test-weakened"),
        ("    assert total([]) == 0\n", "    assert cart == cart\n", "test-weakened"),
        ("    assert total([]) == 0\n", "    assert total([]) is not None\n", "test-weakened"),
        ("    assert total([]) == 0\n", "    assert total([]) >= 0\n", "test-weakened"),
        ("    assert total([]) == 0\n", "    assert isinstance(total([]), int)\n", "test-weakened"),
        ("    assert total([]) == 0\n", "    assert total([]) == pytest.approx(0)\n", ""),
        ("    assert total([]) == 0\n", "    assert total([5]) == 5\n", ""),
        ("    assert total([]) == 0\n", "    assert total([]) == 0\n    assert total([7]) == 7\n", ""),
        ("    assert total([]) == 0\n", "    try:\n        assert total([]) == 0\n    except Exception:\n        pass\n", "test-weakened"),
        ("    assert total([]) == 0\n", "    try:\n        assert total([]) == 0\n    except KeyError:\n        pass\n", ""),
        ("    assert total([]) == 0\n", "    with suppress(AssertionError):\n        assert total([]) == 0\n", "test-weakened"),
        ("    cart = [1, 2]\n", "    cart = [1, 2]\n    return\n", "test-weakened"),
        ("self.assertEqual(total([4]), 4)", "self.assertIsNotNone(total([4]))", "test-weakened"),
        ("self.assertEqual(total([4]), 4)", "self.assertEqual(total([4, 0]), 4)", ""),
        ("[1, 2, 3]", "[1, 2]", "test-weakened"),
        (EACH, EACH.replace("[1, 2, 3]", "[1, 2]") + '\n\n@pytest.mark.parametrize("m", [3])\ndef test_three(m):\n    pass\n', ""),
        ("[1, 2, 3]", "[1, 2, 3, 4]", ""),
        ("[1, 2, 3]", "[1, 2, 30]", ""),
    ],
)
def test_tests_that_say_less_are_flagged_and_other_work_on_them_is_not(old: str, new: str, rule: str) -> None:
    assert rules(*changed(old, new)) == ([rule] if rule else [])


def test_tests_may_go_with_the_code_they_are_for() -> None:
    before, after = changed(TOTAL, "")
    before["cart.py"] += "\n\ndef count(cart):\n    return len(cart)\n"
    assert rules(before, after) == ["test-deleted"]
    named = {path: text.replace("total(cart)", "count(cart)") for path, text in before.items()}
    assert rules(named, after) == []
    large = {**before, "cart.py": before["cart.py"] + "\n".join(f"VALUE_{n} = {n}" for n in range(9))}
    assert rules(large, after) == []


def test_what_said_nothing_before_may_go_or_say_it_otherwise() -> None:
    before = {"test_a.py": "import pytest\n\n@pytest.mark.skip\ndef test_a():\n    assert f() == 1\n"}
    assert rules(before, {"test_a.py": "import pytest\n"}) == []
    assert rules(before, {"test_a.py": before["test_a.py"].replace("skip", "xfail")}) == []
    assert rules({"test_a.py": before["test_a.py"].replace("@pytest.mark.skip", "@slow")}, before) == ["test-skipped"]


def test_a_test_that_moves_is_not_deleted() -> None:
    before, after = changed(TOTAL, "")
    assert rules(before, {**after, "tests/test_more.py": "from cart import total\n\n\n" + TOTAL}) == []
    assert rules({"test_a.py": "def test_a():\n    assert 1\n"}, {"test_b.py": "def test_a():\n    assert 1\n"}) == []
    assert rules({"test_a.py": "def test_a():\n    assert f() == 1\n"}, {}) == ["test-deleted"]


ROMAN = "def roman(number):\n    return ''\n"
ROMAN_TEST = "from numerals import roman\n\ndef test_four():\n    assert roman(4) == 'IV'\n\ndef test_none():\n    assert roman(0) == ''\n"


@pytest.mark.parametrize(
    ("body", "is_flagged"),
    [
        ("if number == 4:\n        return 'IV'\n    return ''", True),
        ("return 'IV' if number == 4 else ''", True),
        ("if number in (4,):\n        return 'IV'\n    return ''", True),
        ("return {4: 'IV'}.get(number, '')", True),
        ("if 4 == number and not False:\n        return 'IV'\n    return ''", True),
        ("if number == 0:\n        return ''\n    return 'I' * number", False),
        ("if number == 5:\n        return 'V'\n    return ''", False),
        ("if number == 4:\n        return 'IIII'\n    return ''", False),
        ("signs = {1: 'I', 4: 'IV', 5: 'V', 9: 'IX', 10: 'X'}\n    return ''.join(signs[n] for n in parts(number))", False),
        ("return 'I' * (number % 5)", False),
    ],
)
def test_code_that_knows_what_a_test_asks_is_flagged(body: str, is_flagged: bool) -> None:
    after = {"numerals.py": f"def roman(number):\n    {body}\n"}
    assert rules({"numerals.py": ROMAN}, after, {"test_numerals.py": ROMAN_TEST}) == (["special-case"] if is_flagged else [])


COST_TEST = """from cost import cost

WANTED = [48, "free"]

def test_cost():
    assert cost(4, 3) == 48

def test_none():
    assert cost(0, 0) in (0, None, True, "", 1) or cost(0, 1) == [] or cost(2, 2) == set() or cost(1, 1) == [7, 8]
"""


@pytest.mark.parametrize(
    ("old", "new", "is_flagged"),
    [
        ("return a * b", "return 48", True),
        ("return a.lower()", "return 'free'", True),
        ("c = a * b\n    return c", "c = 48\n    return c", True),
        ("c: int = a * b\n    return c", "c: int = 48\n    return c", True),
        ("return [a, b]", "return [7, 8]", True),
        ("return a * b", "if not a:\n        return 0\n    return 48", True),
        ("return a * b", "return 49", False),
        ("return a * b", "return a * 48", False),
        ("return a * b", "if not a:\n        return 48\n    return a + b", False),
        ("return 47", "return 48", False),
        ("if a:\n        return 48\n    return b", "return 48", False),
        ("return free", "return 'free'", False),
        *(("return a * b", f"return {plain}", False) for plain in ("None", "True", "0", "''", "1", "[]", "set()", "0.0")),
    ],
)
def test_a_value_of_a_test_in_place_of_a_computed_one_is_flagged(old: str, new: str, is_flagged: bool) -> None:
    before, after = ({"cost.py": f"def cost(a, b):\n    {body}\n"} for body in (old, new))
    assert rules(before, after, {"test_cost.py": COST_TEST}) == (["special-case"] if is_flagged else [])
    assert rules(before, after, {"test_other.py": "def test_a():\n    assert 1\n"}) == []


@pytest.mark.parametrize(
    ("path", "text", "is_flagged"),
    [
        ("a.py", "import os\n\ndef end():\n    os._exit(0)\n", True),
        ("a.py", "import sys\n\nsys.exit(0)\n", True),
        ("a.py", "import sys\n\ndef main():\n    sys.exit(0)\n", False),
        ("a.py", "import sys\n\nif __name__ == '__main__':\n    sys.exit(0)\n", False),
        ("a.py", "import os\n\nTESTED = 'PYTEST_CURRENT_TEST' in os.environ\n", True),
        ("a.py", "import sys\n\ndef f():\n    return 'pytest' in sys.modules\n", True),
        ("a.py", "import sys\n\ndef f():\n    return 'json' in sys.modules\n", False),
        ("a.py", "class A:\n    def __eq__(self, other):\n        return True\n", True),
        ("a.py", "class A:\n    def __eq__(self, other):\n        return self.x == other.x\n", False),
        ("a.py", "import builtins\n\nbuiltins.sum = lambda values: 3\n", True),
        ("a.py", "import unittest\n\nunittest.TestCase.assertEqual = print\n", True),
        ("a.py", "class A:\n    pytest = 1\n\nA.unittest = 2\n", False),
        ("conftest.py", "def pytest_runtest_makereport(item, call):\n    report = make(call)\n    report.outcome = 'passed'\n", True),
        ("conftest.py", "def pytest_collection_modifyitems(items):\n    items[:] = []\n", True),
        ("conftest.py", "def pytest_collection_modifyitems(items):\n    items[:] = sorted(items)\n", False),
        ("sitecustomize.py", "x = 1\n", True),
        ("customize.py", "x = 1\n", False),
    ],
)
def test_code_that_reaches_into_what_runs_the_tests_is_flagged(path: str, text: str, is_flagged: bool) -> None:
    assert rules({}, {path: text}) == (["runner"] if is_flagged else [])
    assert rules({path: text}, {path: "# said again\n" + text}) == []


LOAD = "def load(path):\n    text = path.read()\n    return parse(text)\n"


TRIED = "def load(path):\n    try:\n        text = path.read()\n        return parse(text)\n    "


@pytest.mark.parametrize(
    ("after", "is_flagged"),
    [
        (
            TRIED + "except Exception:\n        return None\n",
            True,
        ),
        (TRIED + "except:\n        pass\n", True),
        ("def load(path):\n    text = path.read()\n    with suppress(Exception):\n        return parse(text)\n", True),
        (
            TRIED + "except OSError:\n        return None\n",
            False,
        ),
        (
            TRIED + "except Exception:\n        log()\n        raise\n",
            False,
        ),
        (LOAD.replace("return", "try:\n        warm(text)\n    except Exception:\n        pass\n    return"), False),
    ],
)
def test_code_that_was_there_and_has_its_errors_dropped_is_flagged(after: str, is_flagged: bool) -> None:
    assert rules({"a.py": LOAD}, {"a.py": after}) == (["swallowed"] if is_flagged else [])


@pytest.mark.parametrize(
    ("path", "before", "after", "plain", "strict"),
    [
        ("a.py", "x = 1\n", "x = 1  # noqa\n", False, True),
        ("a.py", "x = 1\n", "x = 1\ny = f()  # type: ignore[arg-type]\n", False, True),
        ("a.py", "x = 1\n", "x = 1\ny = 2  # pylint: disable=invalid-name\n", False, True),
        ("a.py", "x = 1\n", "# mypy: ignore-errors\nx = 1\n", True, True),
        ("a.py", "x = 1\n", "# ruff: noqa\nx = 1\n", True, True),
        ("a.py", "x = 1  # noqa\n", "x = 1  # noqa\ny = 2\n", False, False),
        ("a.py", "def f():\n    x = 1  # noqa\n", "x = 1  # noqa\n", False, False),
        ("a.py", "x = 1\n", "x = '# type: ignore'\n", False, False),
    ],
)
def test_a_check_that_is_silenced_is_flagged(path: str, before: str, after: str, plain: bool, strict: bool) -> None:
    assert rules({path: before}, {path: after}) == (["suppression"] if plain else [])
    assert rules({path: before}, {path: after}, strict=True) == (["suppression"] if strict else [])


@pytest.mark.parametrize(
    ("path", "before", "after", "is_flagged"),
    [
        ("pytest.ini", "[pytest]\n", "[pytest]\naddopts = --deselect tests/test_a.py::test_b\n", True),
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\naddopts = '-q'\n",
            "[tool.pytest.ini_options]\naddopts = '-q --ignore=tests/slow'\n",
            True,
        ),
        ("conftest.py", "import os\n", "import os\n\ncollect_ignore = ['test_a.py']\n", True),
        ("setup.cfg", "[tool:pytest]\n", "[tool:pytest]\naddopts = -k 'not cart'\n", True),
        ("tox.ini", "[pytest]\naddopts = --ignore=docs\n", "[pytest]\naddopts =  --ignore=docs -q\n", False),
        ("pytest.ini", "[pytest]\n", "[pytest]\naddopts = --strict-markers\n", False),
        ("README.md", "x\n", "pytest --deselect a\n", False),
    ],
)
def test_settings_that_leave_tests_out_are_flagged(path: str, before: str, after: str, is_flagged: bool) -> None:
    assert rules({path: before}, {path: after}) == (["deselected"] if is_flagged else [])


def test_a_change_that_is_to_make_tests_pass_may_not_touch_them() -> None:
    before, after = changed("== 3", "== 4")
    assert rules(before, after) == []
    assert rules(before, after, strict=True) == ["test-edited"]
    assert rules({"a.py": CODE}, {"a.py": CODE + "\n"}, strict=True) == []


def test_files_that_cannot_be_read_are_no_reason_to_fail() -> None:
    assert rules({"a.py": "def ("}, {"a.py": "def )\n", "test_a.py": "\0"}) == []
    assert rules({"test_a.py": "def test_a():\n    assert f()\n"}, {"test_a.py": "type X = [\n"}) == []


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("test_a.py", True),
        ("a_test.py", True),
        ("tests/helpers.py", True),
        ("src/pkg/tests/__init__.py", True),
        ("conftest.py", True),
        ("src/contest.py", False),
        ("testing_tools.py", False),
        ("latest/a.py", False),
    ],
)
def test_files_of_the_tests_are_told_by_their_path(path: str, is_test: bool) -> None:
    assert is_test_file(path) is is_test
