from __future__ import annotations

import pytest

from refine_tui.core.patch import splice
from refine_tui.core.text import SourceFile
from refine_tui.syntax import TreeSitter
from refine_tui.syntax.operators.faster import SPEEDUPS, Speedup
from refine_tui.syntax.speedups import TreeSpeedups
from tests.syntax.speedup_page import PAGE, page

ROWS = [pytest.param(row, id=row.name) for row in SPEEDUPS]


def results(text: str, name: str = "") -> dict[str, str]:
    """Every rewrite of the last function of a module, by its text: the operator's name."""
    source = SourceFile("a.py", text.encode())
    scope = [scope for scope in TreeSitter().scopes(source) if scope.kind in ("function", "method")][-1]
    made = {splice(source.data, edit.edits).decode(): edit.operator for edit in TreeSpeedups().speedups(source, scope)}
    return {after: operator for after, operator in made.items() if operator == name or not name}


@pytest.mark.parametrize("row", ROWS)
def test_a_rewrite_makes_its_example(row: Speedup) -> None:
    assert row.after in results(row.before, row.name)


@pytest.mark.parametrize("row", ROWS)
def test_examples_are_python(row: Speedup) -> None:
    compile(row.before, "before", "exec")
    compile(row.after, "after", "exec")


@pytest.mark.parametrize("row", ROWS)
def test_what_a_rewrite_makes_of_any_example_is_python(row: Speedup) -> None:
    for other in SPEEDUPS:
        for text in results(other.after, row.name):
            compile(text, row.name, "exec")


def test_the_table_of_rewrites_is_up_to_date() -> None:
    assert page() == PAGE.read_text("utf-8"), "run `python -m tests.syntax.speedup_page`"


def test_imports_go_below_the_files_own_and_are_not_made_twice() -> None:
    text = '"""Counts."""\n\nimport re\n\n\ndef f(a):\n    return {b: a.count(b) for b in a}\n'
    [made] = results(text, "lookup.count")
    assert made.startswith('"""Counts."""\n\nimport re\nfrom collections import Counter\n\n\ndef f')
    [again] = results(made.replace("counts[b]", "a.count(b)").replace("    counts = Counter(a)\n", ""), "lookup.count")
    assert again.count("import Counter") == 1


KEPT = [
    pytest.param(
        "def f(a, b):\n    for c in a:\n        if c in b:\n            b.remove(c)\n", "lookup.set", id="a list that the loop changes"
    ),
    pytest.param(
        "def f(a):\n    b = []\n    for c in a:\n        if c in b:\n            b.pop()\n        b.append(c)\n",
        "lookup.seen",
        id="a list that shrinks",
    ),
    pytest.param("def f(a):\n    return [f(b) for b in a] + [f(a)]\n", "build.cache", id="results that could be changed"),
    pytest.param(
        "import heapq\ndef f(a):\n    while a:\n        heapq.heappop(a)\n        print(len(a))\n", "loop.hoist", id="a heap that shrinks"
    ),
    pytest.param("def f(a, b):\n    for c in a:\n        b = b + c\n        print(len(b))\n", "loop.hoist", id="a length that changes"),
    pytest.param(
        "def f(a):\n    b = ''\n    for c in a:\n        b += c\n        print(b)\n", "build.join", id="a text that is read on the way"
    ),
    pytest.param("def f(a):\n    for i in range(len(a)):\n        a[i] = a[i] + 1\n", "loop.items", id="items that are written"),
    pytest.param("def f(n):\n    for i in range(2, n):\n        if n % i == 1:\n            return i\n", "loop.bound", id="no divisors"),
]


@pytest.mark.parametrize(("text", "name"), KEPT)
def test_what_would_plainly_be_wrong_is_not_offered(text: str, name: str) -> None:
    assert results(text, name) == {}


def test_a_list_that_each_turn_makes_anew_is_made_before_the_loop() -> None:
    text = "def f(a, b):\n    return [c for c in a if c in [d + 1 for d in b]]\n"
    assert "def f(a, b):\n    known = {d + 1 for d in b}\n    return [c for c in a if c in known]\n" in results(text, "lookup.set")


GROUPS = [
    pytest.param(
        "def f(a, t):\n    for i in range(len(a)):\n        for j in range(i + 1, len(a)):\n            if a[i] + a[j] == t:\n"
        "                return i, j\n",
        "def f(a, t):\n    groups = {}\n    for j in range(len(a)):\n        groups.setdefault(a[j], []).append(j)\n"
        "    for i in range(len(a)):\n        for j in groups.get(t - a[i], ()):\n            if j > i:\n                return i, j\n",
        id="pairs with a sum",
    ),
    pytest.param(
        "def f(a, b):\n    for c in a:\n        for e in b:\n            if e.key == c.key and e.open:\n                print(c)\n"
        "                print(e)\n",
        "def f(a, b):\n    groups = {}\n    for e in b:\n        groups.setdefault(e.key, []).append(e)\n    for c in a:\n"
        "        for e in groups.get(c.key, ()):\n            if e.open:\n                print(c)\n                print(e)\n",
        id="a condition more",
    ),
]


@pytest.mark.parametrize(("before", "after"), GROUPS)
def test_two_loops_become_a_lookup(before: str, after: str) -> None:
    assert after in results(before, "lookup.join")
