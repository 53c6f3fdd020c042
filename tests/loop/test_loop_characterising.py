"""Choosing calls worth a test, and writing them down as a person would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.evaluation.inside._canonical import literal
from refine_tui.loop.authoring.conventions import bodies_of_tests, body_of, host_of, manner_of, new_test_path, statement_lines
from refine_tui.loop.authoring.specimens import NOT_MADE_FOR, Choice, Specimen, choose
from refine_tui.loop.authoring.spelling import Manner, file_of, spell
from refine_tui.loop.ports.observing import CallInput, Observed, Outcome
from refine_tui.syntax import TreeSitter
from tests.loop.loop_fakes import MemoryWorkspace

SHOP = '''from errors import Late


class Cart:
    @property
    def size(self):
        """How many."""
        return 1

    def add(self, name, price=1.0):
        if price < 0:
            raise ValueError("negative")
        self.items.append(name)

    @staticmethod
    def plain(text):
        return text


def sign(number, items):
    return number
'''


def scope_of(name: str, path: str = "shop.py") -> Scope:
    return next(one for one in TreeSitter().scopes(SourceFile(path, SHOP.encode())) if one.name == name)


def observation(*told: tuple[str, Outcome, set[int]]) -> tuple[tuple[CallInput, ...], Observed]:
    calls = tuple(CallInput(text) for text, _, _ in told)
    jumps = tuple(frozenset((-1, line) for line in lines) for _, _, lines in told)
    return calls, Observed(tuple(one for _, one, _ in told), tuple(frozenset(lines) for _, _, lines in told), jumps)


def chosen(*told: tuple[str, Outcome, set[int]], lines: tuple[str, ...] = ("",) * 9) -> Choice:
    return choose(*observation(*told), lines)


def body(name: str, outcome: Outcome, text: str, receiver: str = "", manner: Manner | None = None) -> list[str]:
    specimen = Specimen(CallInput(text, receiver), outcome, frozenset(), frozenset())
    return list(spell(scope_of(name), [specimen], manner or Manner("shop"))[0].lines)


def test_few_calls_that_together_reach_everything_are_chosen() -> None:
    one, two = Outcome("returned", "1"), Outcome("returned", "1")
    choice = chosen(("((1,), {})", one, {1}), ("((2,), {})", one, {2}), ("((3,), {})", two, {1, 2, 3}))
    assert [specimen.call.text for specimen in choice.specimens] == ["((3,), {})"]
    assert choice.reached == {1, 2, 3}


def test_other_values_are_added_in_the_order_of_the_inputs_up_to_a_few() -> None:
    choice = chosen(*((f"(({n},), {{}})", Outcome("returned", str(n)), {1}) for n in range(1, 30)))
    assert [specimen.outcome.text for specimen in choice.specimens] == ["1", "2", "3", "4"]


def test_arguments_that_stay_as_they_are_make_no_other_value() -> None:
    told = (("((1,), {})", "((1,), {}, {'n': 1})"), ("((2,), {})", "((2,), {}, {'n': 1})"), ("((3,), {})", "((3,), {}, {'n': 3})"))
    choice = chosen(*((call, Outcome("returned", "None", after), {1}) for call, after in told))
    assert [specimen.call.text for specimen in choice.specimens] == ["((1,), {})", "((3,), {})"]


def test_once_tests_hold_some_calls_only_what_reaches_more_is_kept() -> None:
    told = [(f"(({n},), {{}})", Outcome("returned", str(n)), {n // 2}) for n in range(2, 8)]
    held = {"((2,), {})", "((5,), {})"}
    choice = choose(*observation(*told), ("",) * 9, lambda one: one.call.text in held)
    assert [specimen.call.text for specimen in choice.specimens] == ["((6,), {})"]
    nothing = choose(*observation(*told[:4]), ("",) * 9, lambda one: one.call.text in held)
    assert (nothing.specimens, nothing.held) == ((), 2)


def test_a_test_that_is_there_is_known_however_it_is_laid_out() -> None:
    there = "from shop import sign\n\ndef test_mine():\n    assert (sign( 1 )\n        == 'a')\n"
    workspace = MemoryWorkspace({"shop.py": SHOP, "test_shop.py": there, "test_broken.py": "sign("})
    known = bodies_of_tests(workspace, scope_of("sign"))
    assert body_of(body("sign", Outcome("returned", "'a'"), "((1,), {})")) in known
    assert body_of(body("sign", Outcome("returned", "'b'"), "((1,), {})")) not in known


def test_results_of_different_kinds_are_all_kept() -> None:
    texts = ["None", "True", "False", "[]", "[1]", "''", "'a'"]
    choice = chosen(*((f"(({n},), {{}})", Outcome("returned", text), {1}) for n, text in enumerate(texts)))
    assert {specimen.outcome.text for specimen in choice.specimens} == set(texts)


def test_what_is_unstable_or_not_meant_is_left_out_and_counted() -> None:
    choice = chosen(
        ("((1,), {})", Outcome("unstable", "it reads the clock"), {1}),
        ("((2,), {})", Outcome("raised", "TypeError: no"), {1}),
        ("((3,), {})", Outcome("raised", "TypeError: raised here"), {2}),
        ("((4,), {})", Outcome("raised", "KeyError: 4"), {1}),
        lines=("", "x", "raise TypeError"),
    )
    assert [specimen.call.text for specimen in choice.specimens] == ["((3,), {})", "((4,), {})"]
    assert choice.left_out == {"it reads the clock": 1, NOT_MADE_FOR: 1}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("None", "assert sign(1) is None"),
        ("True", "assert sign(1) is True"),
        ("'a'", 'assert sign(1) == "a"'),
        ("'say \"a\"'", "assert sign(1) == 'say \"a\"'"),
        ("{'b': {2, 1}}", 'assert sign(1) == {"b": {1, 2}}'),
        ("0.1", "assert sign(1) == 0.1"),
        ("0.30000000000000004", "assert sign(1) == pytest.approx(0.30000000000000004)"),
        ("nan", 'assert repr(sign(1)) == "nan"'),
        ("frozenset({1})", "assert sign(1) == frozenset({1})"),
        ("generator([1, 2])", "assert list(sign(1)) == [1, 2]"),
        ("Cart(**{'items': []})", 'assert vars(sign(1)) == {"items": []}'),
        ("Price(3)", 'assert repr(sign(1)) == "Price(3)"'),
    ],
)
def test_a_value_is_asked_for_as_a_person_would(text: str, line: str) -> None:
    assert body("sign", Outcome("returned", text), "((1,), {})") == [line]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ValueError: negative: -1.5", r'with pytest.raises(ValueError, match=r"negative: -1\.5"):'),
        ("KeyError: 'x'", "with pytest.raises(KeyError, match=\"'x'\"):"),
        ("ValueError: ", "with pytest.raises(ValueError):"),
        ("Late: by a day", 'with pytest.raises(Late, match="by a day"):'),
        ("Unheard: of", 'with pytest.raises(Exception, match="of"):'),
    ],
)
def test_an_error_is_asked_for_by_its_class_and_message(text: str, line: str) -> None:
    manner = Manner("shop", errors=frozenset({"Late"}))
    assert body("sign", Outcome("raised", text), "((1,), {})", manner=manner) == [line, "    sign(1)"]


def test_what_a_call_leaves_behind_is_asked_for_too() -> None:
    manner = Manner("shop", parameters=("number", "items"))
    grown = Outcome("returned", "None", "((1, [2]), {})")
    assert body("sign", grown, "((1, []), {})", manner=manner) == ["items = []", "sign(1, items)", "assert items == [2]"]
    kept = Outcome("returned", "None", "(('pen',), {}, {'items': ['pen'], '_secret': 1})")
    receiver = "(('me',), {}, [('add', ('ink',), {'price': 2.0})])"
    lines = ['cart = Cart("me")', 'cart.add("ink", price=2.0)', 'cart.add("pen")', 'assert cart.items == ["pen"]']
    assert body("Cart.add", kept, "(('pen',), {})", receiver) == lines


def test_properties_and_static_methods_are_called_as_what_they_are() -> None:
    manner = Manner("shop", is_property=True)
    assert body("Cart.size", Outcome("returned", "1"), "((), {})", "((), {}, [])", manner) == ["cart = Cart()", "assert cart.size == 1"]
    assert body("Cart.plain", Outcome("returned", "'a'"), "(('a',), {})") == ['assert Cart.plain("a") == "a"']


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.sets(st.text(), max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner),
        max_leaves=6,
    ),
    st.booleans(),
)
def test_the_source_of_a_value_is_that_value_in_the_quotes_of_the_project(value: Any, double: bool) -> None:
    text = literal(value)
    (line,) = body("sign", Outcome("returned", "1"), f"(({text},), {{}})", manner=Manner("shop", double_quotes=double))
    written = line.removeprefix("assert sign(").removesuffix(") == 1")
    assert eval(written) == value
    if isinstance(value, str) and not {'"', "'"} & set(value):
        assert written[0] == ('"' if double else "'")


def test_a_whole_file_imports_what_it_uses_and_every_test_has_a_name_of_its_own() -> None:
    manner = Manner("pkg.shop", errors=frozenset({"Late"}))
    outcomes = [Outcome("raised", "Late: by a day"), Outcome("returned", "1"), Outcome("returned", "2")]
    calls = [CallInput("((-1,), {})"), CallInput("(([1],), {})"), CallInput("(([2],), {})")]
    specimens = [Specimen(call, outcome, frozenset(), frozenset()) for call, outcome in zip(calls, outcomes, strict=True)]
    text = file_of(scope_of("sign"), spell(scope_of("sign"), specimens, manner), manner)
    compile(text, "test", "exec")
    assert "import pytest\n\nfrom pkg.shop import Late, sign\n" in text
    names = [line[4:-3] for line in text.splitlines() if line.startswith("def ")]
    assert names == ["test_sign_raises_late_for_minus_1", "test_sign_of_list_of_1", "test_sign_of_list_of_1_case_2"]


@pytest.mark.parametrize(
    ("files", "path"),
    [
        (("shop.py",), "test_shop_sign.py"),
        (("shop.py", "tests/helper.py"), "tests/test_shop_sign.py"),
        (("shop.py", "tests/a/test_x.py", "tests/b/test_y.py", "tests/b/test_z.py"), "tests/b/test_shop_sign.py"),
        (("shop.py", "tests/a/test_shop.py", "tests/b/test_y.py", "tests/b/test_z.py"), "tests/a/test_shop_sign.py"),
        (("shop.py", "tests/x_test.py"), "tests/shop_sign_test.py"),
        (("shop.py", "tests/test_x.py", "tests/test_y.py", "other/test_shop_sign.py"), "tests/test_shop_sign_2.py"),
    ],
)
def test_a_new_test_file_lies_where_a_person_would_look(files: tuple[str, ...], path: str) -> None:
    assert new_test_path(scope_of("sign"), files) == path


@pytest.mark.parametrize(
    ("tests", "imports_module", "double_quotes"),
    [
        ({"test_a.py": "import shop\n\nassert shop.sign('a') == 'b'\n"}, True, False),
        ({"test_a.py": 'from shop import sign\n\nassert sign("a") == "b"\n'}, False, True),
        ({}, False, True),
    ],
)
def test_imports_and_quotes_are_those_of_the_other_tests(tests: Mapping[str, str], imports_module: bool, double_quotes: bool) -> None:
    manner = manner_of(scope_of("Cart.size"), MemoryWorkspace({"shop.py": SHOP, **tests}), "shop")
    assert (manner.imports_module, manner.double_quotes) == (imports_module, double_quotes)
    assert manner.is_property
    assert manner.errors == {"Cart", "Late"}


def test_parameters_are_named_without_the_receiver() -> None:
    workspace = MemoryWorkspace({"shop.py": SHOP})
    assert manner_of(scope_of("Cart.add"), workspace, "shop").parameters == ("name", "price")
    assert manner_of(scope_of("Cart.plain"), workspace, "shop").parameters == ("text",)
    assert manner_of(scope_of("sign"), workspace, "shop").parameters == ("number", "items")


def test_lines_that_count_are_those_of_statements() -> None:
    size, add = scope_of("Cart.size"), scope_of("Cart.add")
    assert statement_lines(SHOP, size) == {size.last_line}
    assert len(statement_lines(SHOP, add)) == 3


HOSTS = {
    "from shop import total\n\n\ndef test_a():\n    assert total([]) == 0": "\n\n\n# why\n",
    "import pytest\r\nfrom shop import total as total, other\r\n\r\n\r\ndef test_a():\r\n    pass\r\n": "\r\n\r\n# why\r\n",
}
NO_HOSTS = {
    "from shop import total as sum_up\n\n\ndef test_a():\n    pass\n": "the function has another name there",
    "from shop import total\n\n\nclass TestShop:\n    def test_a(self):\n        pass\n": "its tests are methods",
    "from shop import total\n\n\ndef test_a(:\n    pass\n": "it does not parse",
    "from shop import total\n\n\ndef test_new():\n    pass\n": "the name is taken",
}
ADDED = "from shop import total\n\n\ndef test_new():\n    assert total([1]) == 2"


def patched(text: str) -> str | None:
    workspace = MemoryWorkspace({"src/shop.py": "def total(prices):\n    return sum(prices)\n", "tests/test_shop.py": text})
    scope = next(one for one in TreeSitter().scopes(workspace.read("src/shop.py")) if one.name == "total")
    host = host_of(scope, workspace, Manner("shop"))
    patch = host.patch_with(ADDED, "why") if host else None
    return patch.apply(workspace.tree)["tests/test_shop.py"].decode() if patch else None


@pytest.mark.parametrize("text", HOSTS)
def test_a_test_is_added_below_the_others_in_the_files_line_ends(text: str) -> None:
    end = "\r\n" if "\r\n" in text else "\n"
    assert patched(text) == f"{text}{HOSTS[text]}def test_new():{end}    assert total([1]) == 2{end}"


@pytest.mark.parametrize("text", NO_HOSTS)
def test_a_file_of_tests_that_does_not_suit_gets_none(text: str) -> None:
    assert patched(text) is None, NO_HOSTS[text]
