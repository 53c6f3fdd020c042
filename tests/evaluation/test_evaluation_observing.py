"""Calling one function of a real project in the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.errors import ProjectError
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.evaluation.observing import PytestObserver
from refine_tui.loop.ports.observing import CallInput, Observed, Observer, Outcome
from refine_tui.loop.ports.running import Sandbox
from refine_tui.syntax import TreeSitter
from tests.evaluation.evaluation_hands import base_of, change, never, write

Make = Callable[..., PytestEvaluator]
SHOP = """
import datetime
import functools
import os
import random
import time


class Cart:
    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add(self, name, price=1.0):
        if price < 0:
            raise ValueError(f"negative: {price}")
        self.items.append((name, price))

    @property
    def size(self):
        return len(self.items)


class Opaque:
    def __init__(self, engine):
        self.engine = engine

    def run(self, x):
        return x


def sign(x):
    if x < 0:
        return -1
    if x == 0:
        return 0
    return 1


def grow(items):
    items.append(1)


def kinds(words):
    return set(words)


def steps(n):
    for number in range(n):
        yield number


def mixed(words):
    return list(set(words))


def roll():
    return random.random()


def today():
    return datetime.date.today().isoformat()


def waits(x):
    while x:
        pass


def reads():
    return open("shop.py").read()


def dies():
    os._exit(3)


def late():
    import json.tool

    return "imported"


counted = []


def counts():
    counted.append(1)
    return len(counted)


@functools.lru_cache
def cached(n):
    return n + 1


def logs():
    import logging

    logging.getLogger("shop").warning("a record reads the clock")
    return 1


async def waited():
    return 1


def swaps(text, times):
    return text.swapcase() * times


def call(name, *args):
    return globals()[name](*args)
"""
TESTS = """
from shop import Cart, sign, swaps


def test_cart():
    cart = Cart("me")
    cart.add("pen", 2.0)
    assert cart.size == 1


def test_sign():
    assert sign(5) == 1


def test_swaps():
    assert swaps("aB", times=2) == "AbAb"
    assert swaps("aB", 1) == "Ab"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "project", shop=SHOP, test_shop=TESTS)


@pytest.fixture
def observer(shop: Path, evaluator: Make, plain_sandbox: Sandbox) -> PytestObserver:
    return evaluator(shop, plain_sandbox).observer()


def scope(project: Path, name: str, path: str = "shop.py") -> Scope:
    return next(one for one in TreeSitter().scopes(SourceFile(path, (project / path).read_bytes())) if one.name == name)


def observed(observer: Observer, scope: Scope, *inputs: str | tuple[str, str], patch: Patch | None = None) -> Observed:
    calls = tuple(CallInput(*((one,) if isinstance(one, str) else one)) for one in inputs)
    return observer.outcomes(patch or Patch(), scope, calls, never, limit_s=30)


NOTHING = "((), {})"


def test_a_call_is_told_with_its_value_and_the_lines_it_executed(shop: Path, observer: PytestObserver) -> None:
    sign = scope(shop, "sign")
    found = observed(observer, sign, "((1,), {})", "((-3,), {})", "(('a',), {})")
    assert found.outcomes[:2] == (Outcome("returned", "1"), Outcome("returned", "-1"))
    assert (found.outcomes[2].kind, found.outcomes[2].text[:10]) == ("raised", "TypeError:")
    at = sign.first_line
    assert found.lines[1] == {at + 1, at + 2}
    assert found.jumps[0] == {(-1, at + 1), (at + 1, at + 3), (at + 3, at + 5)}
    assert found.stopped == ""
    assert observer.imported_as(sign) == "shop"


def test_what_a_call_changes_is_told_too(shop: Path, observer: PytestObserver) -> None:
    assert observed(observer, scope(shop, "grow"), "(([],), {})").outcomes == (Outcome("returned", "None", "(([1],), {})"),)
    cart = observed(
        observer, scope(shop, "Cart.add"), ("(('pen',), {})", "(('me',), {}, [])"), ("(('pen',), {'price': -1})", "(('me',), {}, [])")
    )
    assert cart.outcomes[0] == Outcome("returned", "None", "(('pen',), {}, {'items': [('pen', 1.0)]})")
    assert cart.outcomes[1] == Outcome("raised", "ValueError: negative: -1")


def test_an_object_is_made_by_its_constructor_and_the_calls_on_it(shop: Path, observer: PytestObserver) -> None:
    found = observed(observer, scope(shop, "Cart.size"), (NOTHING, "(('me',), {}, [('add', ('pen',), {})])"), (NOTHING, "((), {}, [])"))
    assert found.outcomes[0] == Outcome("returned", "1")
    assert "cannot be made" in found.outcomes[1].text


def test_what_does_not_depend_on_its_arguments_alone_is_unstable(shop: Path, observer: PytestObserver) -> None:
    told = {
        "(('roll',), {})": "two runs differ",
        "(('mixed', ['a', 'b', 'c', 'd', 'e', 'f', 'g']), {})": "two runs differ",
        "(('today',), {})": "it reads the clock",
        "(('reads',), {})": "it opens a file",
        "(('dies',), {})": "the process died",
        "(('waited',), {})": "it is a coroutine",
        "(('steps', 5000), {})": "it produces more than 1000 items",
    }
    found = observed(observer, scope(shop, "call"), *told)
    assert dict(zip(told, found.outcomes, strict=True)) == {call: Outcome("unstable", why) for call, why in told.items()}


def test_what_only_looks_unstable_is_told(shop: Path, observer: PytestObserver) -> None:
    told = {
        "(('kinds', ['b', 'a', 'c']), {})": "{'a', 'b', 'c'}",
        "(('steps', 3), {})": "generator([0, 1, 2])",
        "(('late',), {})": "'imported'",
        "(('logs',), {})": "1",
        "(('cached', 1), {})": "2",
    }
    found = observed(observer, scope(shop, "call"), *told)
    assert dict(zip(told, found.outcomes, strict=True)) == {call: Outcome("returned", text) for call, text in told.items()}


def test_each_call_begins_anew_whatever_the_one_before_did(shop: Path, observer: PytestObserver) -> None:
    assert observed(observer, scope(shop, "counts"), NOTHING, NOTHING).outcomes == (Outcome("returned", "1"),) * 2
    waits = observed(observer, scope(shop, "waits"), "((0,), {})", "((1,), {})", "((0,), {})")
    assert waits.outcomes == (Outcome("returned", "None"), Outcome("unstable", "it does not end"), Outcome("returned", "None"))


def test_a_patch_is_what_is_called_and_a_stale_one_is_not(shop: Path, observer: PytestObserver) -> None:
    patch = change(shop, "shop.py", "return -1", "return -7")
    sign = scope(shop, "sign")
    assert observed(observer, sign, "((-2,), {})", patch=patch).outcomes == (Outcome("returned", "-7"),)
    (shop / "shop.py").write_text(SHOP + "\n")
    assert observed(observer, sign, "((-2,), {})", patch=patch).stopped == "stale"


def test_what_cannot_be_called_says_why(shop: Path, observer: PytestObserver) -> None:
    sign = scope(shop, "sign")
    (shop / "shop.py").write_text("x = 1\n")
    assert observed(observer, sign, NOTHING).stopped == "shop.py::sign cannot be called: shop has no sign"
    (shop / "shop.py").write_text("import nothing_of_that_name\n")
    assert "No module named 'nothing_of_that_name'" in observed(observer, sign, NOTHING).stopped


def test_calls_of_the_tests_are_the_first_inputs(shop: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    one = evaluator(shop, plain_sandbox)
    base_of(one)
    found = one.observer().inputs(scope(shop, "swaps"), count=8, seed=0, cancelled=never)
    assert [call.text for call in found[:2]] == ["(('aB', 2), {})", "(('aB', 1), {})"]
    assert len(found) == 8
    assert found == one.observer().inputs(scope(shop, "swaps"), count=8, seed=0, cancelled=never)
    size = one.observer().inputs(scope(shop, "Cart.size"), count=3, seed=0, cancelled=never)
    assert size[0] == CallInput(NOTHING, "(('me',), {}, [('add', ('pen', 2.0), {})])")


def test_types_that_nothing_tells_are_found_by_trying(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    project = write(tmp_path / "project", words="def pairs(a, b):\n    return {k: v for k, v in b.items() if k != a}\n")
    observer = evaluator(project, plain_sandbox).observer()
    pairs = scope(project, "pairs", "words.py")
    inputs = observer.inputs(pairs, count=10, seed=0, cancelled=never)
    outcomes = observer.outcomes(Patch(), pairs, inputs, never, limit_s=30).outcomes
    assert {outcome.kind for outcome in outcomes} == {"returned"}


def test_an_object_that_nothing_tells_how_to_make_is_refused_with_the_reason(shop: Path, observer: PytestObserver) -> None:
    (shop / "shop.py").write_text(SHOP.replace("def __init__(self, engine)", "def __init__(self, engine: 'Engine')"))
    with pytest.raises(ProjectError, match=r"engine \(Engine\) of the constructor of Opaque"):
        observer.inputs(scope(shop, "Opaque.run"), count=5, seed=0, cancelled=never)
    with pytest.raises(ProjectError, match="no function that can be called"):
        observer.inputs(scope(shop, "Opaque"), count=5, seed=0, cancelled=never)


def test_calls_are_made_in_the_sandbox(shop: Path, evaluator: Make, isolated_sandbox: Sandbox) -> None:
    observer = evaluator(shop, isolated_sandbox).observer()
    (shop / "shop.py").write_text("def spoils():\n    try:\n        open('/etc/hostname', 'w')\n    except OSError:\n        return 1\n")
    observed(observer, scope(shop, "spoils"), NOTHING)
    assert observed(observer, scope(shop, "spoils"), NOTHING).outcomes == (Outcome("unstable", "it opens a file"),)
