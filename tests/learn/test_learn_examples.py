from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from refine_tui.learn.corpus import Function
from refine_tui.learn.examples import Injector, Mix, Mutant, applied, change_between, draw

SWAPS = {"+": "-", "-": "+", "<": ">", "x": "y"}
FUNCTION = Function("p", "f", 'def f(x, y):\n    """Say."""\n    if x < y:\n        return x + 1\n    return y - x\n')


def mutate(text: str) -> Iterator[Mutant]:
    for found in re.finditer(r"[-+<]|\bx\b(?=[ \n])", text):
        yield Mutant("names" if found[0] == "x" else "signs", text[: found.start()] + SWAPS[found[0]] + text[found.end() :])


def prompt(lines: Sequence[str]) -> str:
    return "\n".join(lines)


def answer(old: Sequence[str], new: Sequence[str]) -> str:
    return "\n".join(new)


def test_every_answer_leads_back_to_the_function_with_or_without_its_docstring() -> None:
    examples = draw([FUNCTION] * 20, 1, mutate, Mix(), prompt, answer)
    good = FUNCTION.text.rstrip("\n")
    bare = good.replace('    """Say."""\n', "")
    assert {example.answer for example in examples} == {good, bare}
    assert all(example.prompt != example.answer for example in examples)


def test_the_same_seed_draws_the_same_bugs() -> None:
    assert draw([FUNCTION], 7, mutate, Mix(), prompt, answer) == draw([FUNCTION], 7, mutate, Mix(), prompt, answer)


def test_the_number_of_bugs_follows_the_mix() -> None:
    twice = draw([FUNCTION] * 10, 1, mutate, Mix(edits=(0.0, 1.0)), prompt, answer)
    assert {len(example.families) for example in twice} == {2}


def test_families_are_drawn_about_equally_often_however_many_mutants_each_has() -> None:
    injector = Injector(mutate, random.Random(3))
    pool = {"many": [Mutant("many", str(n)) for n in range(50)], "one": [Mutant("one", "x")]}
    for _ in range(200):
        injector.pick(pool)
    assert abs(injector.drawn["many"] - injector.drawn["one"]) < 80


def test_a_function_that_offers_no_bug_gives_no_example() -> None:
    assert draw([Function("p", "f", "def f():\n    return 1\n")], 1, mutate, Mix(), prompt, answer) == []


@given(st.text("ab\n", max_size=12), st.text("ab\n", max_size=12))
def test_the_change_between_two_texts_makes_the_second_of_the_first(old: str, new: str) -> None:
    assert applied(old, [change_between(old, new)]) == new
