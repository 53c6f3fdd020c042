from __future__ import annotations

import pytest

from refine_tui.core.text import SourceFile, Span
from refine_tui.syntax import OPERATORS, Operator, operator_named
from refine_tui.syntax.edits import drafts
from refine_tui.syntax.parsing import parse
from tests.syntax.operator_page import PAGE, example, page

ROWS = [pytest.param(operator, id=operator.name) for operator in OPERATORS]


def results(operator: Operator, text: str) -> set[str]:
    """All texts that one operator makes of a module."""
    root = parse(SourceFile("example.py", text.encode())).root
    made = drafts(root, Span(0, len(text.encode())), None)
    return {text[: draft.start] + draft.text + text[draft.end :] for by, draft in made if by.name == operator.name}


@pytest.mark.parametrize("operator", ROWS)
def test_an_operator_makes_its_example(operator: Operator) -> None:
    assert operator.after in results(operator, operator.before)


@pytest.mark.parametrize("operator", ROWS)
def test_the_inverse_operator_leads_back(operator: Operator) -> None:
    assert operator.before in results(operator_named(operator.inverse), operator.after)


@pytest.mark.parametrize("operator", ROWS)
def test_examples_are_python(operator: Operator) -> None:
    compile(operator.before, "before", "exec")
    compile(operator.after, "after", "exec")


def test_every_kind_of_repair_has_operators_and_names_are_unique() -> None:
    assert {operator.number for operator in OPERATORS} == set(range(1, 23))
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS)


def test_priors_are_shares() -> None:
    assert all(0 < operator.prior < 0.5 for operator in OPERATORS)


def test_an_unknown_operator_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        operator_named("no.such")


REPAIRS = [
    pytest.param("while i < len(a):", "while i <= len(a):", id="boundary"),
    pytest.param("for i in range(n):", "for i in range(1, n):", id="range from one"),
    pytest.param("for i in range(n):", "for i in range(n + 1):", id="range one further"),
    pytest.param("return sorted(a)", "return sorted(a, reverse=True)", id="missing keyword"),
    pytest.param("a.append(b)", "a.extend(b)", id="kindred method"),
    pytest.param("return a / b", "return a // b", id="whole division"),
    pytest.param("return (a + b) * n", "return a + b * n", id="precedence"),
    pytest.param("return a + b * n", "return (a + b) * n", id="grouping"),
    pytest.param("return not a", "return a", id="not removed"),
    pytest.param("a, b = b, a + b", "a, b = a + b, b", id="tuple swapped"),
    pytest.param("return a and b", "return a", id="operand dropped"),
    pytest.param("return [x for x in a if x]", "return [x for x in a]", id="filter dropped"),
    pytest.param("return a if n else b", "return b if n else a", id="branches swapped"),
    pytest.param("return sum(x for x in a)", "return max(x for x in a)", id="kindred function"),
    pytest.param("return a * b + n", "return a + n", id="middle operand dropped"),
    pytest.param("return a == b", "return sorted(a) == sorted(b)", id="both sides wrapped"),
    pytest.param("b = 0", "b = []", id="first value"),
    pytest.param("b = a[0]", "b = a[-1]", id="last instead of first"),
    pytest.param("return f(b, a)", "return f(a, b)", id="arguments swapped"),
    pytest.param("return a - b * n", "return a - b + n", id="looser operator"),
]


@pytest.mark.parametrize(("before", "after"), REPAIRS)
def test_one_edit_repairs_a_line(before: str, after: str) -> None:
    frame = "def f(a, b, n):\n    i = 0\n    {}\n".format
    body = "\n        i += 1" if before.endswith(":") else ""
    made = set().union(*(results(operator, frame(before + body)) for operator in OPERATORS))
    assert frame(after + body) in made


BLOCKS = [
    pytest.param(
        "def f(a):\n    for b in a:\n        if b:\n            return True\n        return False\n",
        "def f(a):\n    for b in a:\n        if b:\n            return True\n    return False\n",
        id="return out of the loop",
    ),
    pytest.param(
        "def f(a):\n    c = 0\n    for b in a:\n        if b:\n            continue\n    c += 1\n    return c\n",
        "def f(a):\n    c = 0\n    for b in a:\n        if b:\n            continue\n        c += 1\n    return c\n",
        id="statement into the loop",
    ),
    pytest.param(
        "def f(a, n):\n    while n:\n        a += 1\n    return a\n",
        "def f(a, n):\n    while n:\n        a += 1\n        n -= 1\n    return a\n",
        id="step of a loop",
    ),
    pytest.param(
        "def f(a, n):\n    if n == 0:\n        pass\n    return f(a, n - 1)\n",
        "def f(a, n):\n    if n == 0:\n        return a\n    return f(a, n - 1)\n",
        id="base case",
    ),
    pytest.param(
        "def f(a):\n    if a > 1:\n        a = 1\n    if a > 0:\n        a = 0\n    return a\n",
        "def f(a):\n    if a > 1:\n        a = 1\n    elif a > 0:\n        a = 0\n    return a\n",
        id="elif",
    ),
    pytest.param(
        "def f(a):\n    seen = set()\n    for b in a:\n        if b in seen:\n            return b\n",
        "def f(a):\n    seen = set()\n    for b in a:\n        if b in seen:\n            return b\n        seen.add(b)\n",
        id="remembering",
    ),
    pytest.param(
        "def f(a):\n    if a:\n        return 1\n    # last\n    return 0\n",
        "def f(a):\n    if a:\n        return 1\n    # last\n",
        id="comments stay when a statement goes",
    ),
]


@pytest.mark.parametrize(("before", "after"), BLOCKS)
def test_one_edit_repairs_a_block(before: str, after: str) -> None:
    made = set().union(*(results(operator, before) for operator in OPERATORS))
    assert after in made or after.rstrip("\n") in {text.rstrip("\n") for text in made}


def test_the_page_of_operators_is_up_to_date() -> None:
    assert page() == PAGE.read_text("utf-8"), "run `python -m tests.syntax.operator_page`"


@pytest.mark.parametrize("operator", ROWS)
def test_an_example_is_shown_by_what_it_changes(operator: Operator) -> None:
    before, after = example(operator)
    assert before.replace("\\|", "|") != after
    assert "\n" not in before + after
    assert max(len(before), len(after)) < 120
