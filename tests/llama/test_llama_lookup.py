"""Guessing tokens that are copied: how few calls it needs, that it loses little, and that it changes no distribution."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine_tui.llama.client import LlamaGenerator
from refine_tui.llama.lookup import Lookup, Source
from refine_tui.llama.pacing import FIRST, ON_CPU, ON_GPU, SHARE, START, Costs, Pace
from refine_tui.loop.ports.thinking import Completion, Request, Sampling

GREEDY = Sampling(temperature=0)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&*+,-./<>?@[]^_`{|}~;"
"""Each is a token of its own, and no two join."""


def never() -> bool:
    return False


def guessed(target: list[int], prompt: list[int], copied: list[int], costs: Costs) -> tuple[int, float]:
    """Write a text as a model would and return the calls after the first token, and their cost in decodes of one row."""
    lookup, pace = Lookup(Source(copied), Source(prompt)), Pace(costs)
    lookup.feed(target[0])
    at, calls, cost = 1, 0, 0.0
    while at < len(target):
        length = pace.length(lookup.run, at, 1, expected=lookup.expected)
        guess = pace.worthwhile(lookup.guess(min(length, len(target) - at - 1)))
        right = next((place for place, token in enumerate(guess) if target[at + place] != token), len(guess))
        for token in target[at : at + right + 1]:
            lookup.feed(token)
        if guess:
            pace.settle(len(guess), right, 1)
        at, calls, cost = at + right + 1, calls + 1, cost + costs.of(1 + len(guess))
    return calls, cost


def edited(rng: random.Random, how: str) -> tuple[list[int], list[int]]:
    """Return a text of 200 tokens and the same with four changes."""
    source = [rng.randrange(30_000) for _ in range(200)]
    target = list(source)
    for place in (160, 120, 80, 40):
        new = {"replaced": 1, "inserted": 4, "deleted": 0}[how]
        target[place : place + (how != "inserted")] = [rng.randrange(30_000) for _ in range(new)]
    return source, target


@pytest.mark.parametrize("seed", range(5))
def test_copying_with_four_replacements_takes_at_most_eleven_calls_for_a_hundred_tokens(seed: int) -> None:
    rng = random.Random(seed)
    source, target = edited(rng, "replaced")
    around = [rng.randrange(30_000) for _ in range(100)]
    for copied in (source, []):
        calls, _ = guessed(target, [*around, *source, *around], copied, ON_CPU)
        assert calls / len(target) <= 0.11
        assert guessed(target, [*around, *source, *around], copied, ON_GPU)[0] <= calls


@pytest.mark.parametrize("how", ["inserted", "deleted"])
def test_copying_goes_on_behind_what_was_inserted_or_deleted(how: str) -> None:
    source, target = edited(random.Random(1), how)
    calls, cost = guessed(target, [], source, ON_CPU)
    assert calls / len(target) <= 0.18
    assert cost < len(target) / 1.7


@pytest.mark.parametrize("costs", [ON_CPU, ON_GPU])
@pytest.mark.parametrize("letters", [3, 10, 100, 30_000])
def test_text_that_copies_nothing_is_written_as_fast_but_for_three_percent(letters: int, costs: Costs) -> None:
    for seed in range(20):
        rng = random.Random(seed)
        prompt, target = ([rng.randrange(letters) for _ in range(150)] for _ in range(2))
        for copied in (prompt, []):
            _, cost = guessed(target, prompt, copied, costs)
            assert cost <= 1.03 * (len(target) - 1)


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 1)), max_size=200), st.integers(1, 8))
def test_whatever_comes_of_the_guesses_no_more_is_lost_than_was_staked(outcomes: list[tuple[int, float]], live: int) -> None:
    pace, tokens, spent, saved = Pace(ON_CPU), 1, 0.0, 0.0
    each = ON_CPU.of(live) / live
    for run, share in outcomes:
        guess = pace.worthwhile(list(range(pace.length(run, tokens, live, expected=False))))
        right = int(share * len(guess))
        tokens += right + 1
        if guess:
            pace.settle(len(guess), right, live)
            spent += ON_CPU.of(live + len(guess)) - ON_CPU.of(live)
            saved += right * each
        assert spent - saved <= START + SHARE * tokens * each + 1e-9
    assert len(guess if outcomes else []) <= ON_CPU.longest


def test_guesses_fill_the_groups_in_which_rows_are_computed() -> None:
    pace = Pace(ON_CPU)
    assert [len(pace.worthwhile([1] * size)) for size in (0, 2, 3, 6, 7, 12, 31)] == [0, 0, 3, 3, 7, 11, 31]
    assert pace.length(0, 10, 1, expected=True) == 0, "nothing is being copied"
    assert pace.length(40, 10, 1, expected=True) < FIRST, "nothing was won yet"
    assert Pace(ON_GPU).length(40, 10, 1, expected=False) == FIRST


@pytest.fixture(scope="module")
def cycle(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that goes through the letters in one order, again and again."""
    order = random.Random(3).sample(LETTERS, len(LETTERS))
    names = tiny_gguf.vocabulary()
    after = {names.index(a): names.index(b) for a, b in zip(order, [*order[1:], order[0]], strict=True)}
    path: Path = tmp_path_factory.mktemp("models") / "cycle.gguf"
    path.write_bytes(tiny_gguf.chain_model(lambda last, following: 20.0 if after.get(last) == following else 0.0))
    (path.parent / "order").write_text("".join(order))
    return path


def copied_text(cycle: Path, length: int, edits: int) -> tuple[str, str]:
    """Return what the model writes behind a percent sign, and a text that differs from it in some places."""
    order = (cycle.parent / "order").read_text()
    start = order.index("%") + 1
    target = "".join(order[(start + place) % len(order)] for place in range(length))
    source = list(target)
    for edit in range(edits):
        source[(edit + 1) * length // (edits + 1)] = "%"
    return target, "".join(source)


def test_a_copied_node_takes_few_calls_and_is_the_same_text(cycle: Path, start: Callable[..., LlamaGenerator]) -> None:
    target, source = copied_text(cycle, 200, 4)
    answers = []
    for drafting in (True, False):
        generator = start(cycle, drafting=drafting)
        (*_, done) = generator.complete(Request("%", max_tokens=200, sampling=GREEDY, copied=source), never)
        assert isinstance(done, Completion)
        answers.append((done.text, done.tokens, round(done.logprob, 3)))
        counted = generator.stats().counters
        if drafting:
            assert (counted.decodes - 1) / done.tokens <= 0.11
            assert counted.accepted >= 170
        else:
            assert (counted.decodes - 1, counted.drafted) == (199, 0)
        assert counted.rows == 1 + 199 + counted.drafted - counted.accepted
    assert answers[0] == answers[1] == (target, 200, answers[0][2])


def test_candidates_that_copy_share_the_rows(cycle: Path, start: Callable[..., LlamaGenerator]) -> None:
    target, source = copied_text(cycle, 150, 3)
    generator = start(cycle)
    done = [one for one in generator.complete(Request("%", 5, 150, GREEDY, copied=source), never) if isinstance(one, Completion)]
    assert {one.text for one in done} == {target}
    counted = generator.stats().counters
    assert counted.decodes <= 75
    assert counted.rows <= 32 * counted.decodes + 5


def texts(generator: LlamaGenerator, request: Request) -> list[str]:
    done = [one for one in generator.complete(request, never) if isinstance(one, Completion)]
    return [one.text for one in sorted(done, key=lambda one: one.index)]


def test_greedy_text_is_the_same_but_for_near_ties(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    """A model with attention, told to copy what it is known to write, with errors."""
    prompt = "def the(self):"
    plain, drafting = start(long_tiny, drafting=False), start(long_tiny)
    for letters in ("A-Z", "a-z", " -~"):
        request = Request(prompt, 1, 300, GREEDY, grammar=f"root ::= ([{letters}] [0-9])+")
        (expected,) = texts(plain, request)
        (found,) = texts(drafting, replace(request, copied=expected[:150] + "%" + expected[151:]))
        if found != expected:
            at = next(place for place in range(300) if found[place] != expected[place])
            one, other = plain.score(prompt + expected[:at], [expected[at], found[at]], never)
            assert abs(one - other) < 0.01, "a near tie"
    counted = drafting.stats().counters
    assert counted.accepted > 500
    assert counted.accepted < counted.drafted


@pytest.fixture(scope="module")
def dice(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LlamaGenerator, Callable[[str], float]]]:
    """A model over three letters whose probabilities are known, and the probability of a text behind a letter."""
    names = tiny_gguf.vocabulary()
    letters = {names.index(letter): letter for letter in "XYZ"}
    rng = random.Random(4)
    *order, last = letters
    after = dict(pairwise([*order, last, order[0]]))
    logits = {(a, b): rng.uniform(0, 1) + 2.5 * (after[a] == b) for a in letters for b in letters}
    path = tmp_path_factory.mktemp("models") / "dice.gguf"
    path.write_bytes(tiny_gguf.chain_model(lambda last, following: logits.get((last, following), -60.0)))

    def probability(text: str) -> float:
        tokens = [names.index(letter) for letter in text]
        total = 1.0
        for last, following in pairwise(tokens):
            total *= math.exp(logits[last, following]) / sum(math.exp(logits[last, other]) for other in letters)
        return total

    with LlamaGenerator(path, log_file=path.with_suffix(".log"), threads=1, gpu_layers=0) as generator:
        yield generator, probability


def test_with_equal_seeds_the_text_is_the_same_at_any_temperature(
    dice: tuple[LlamaGenerator, Callable[[str], float]], start: Callable[..., LlamaGenerator]
) -> None:
    generator, _ = dice
    plain = start(Path(generator.load().path), drafting=False)
    for temperature in (0.0, 0.3, 1.0, 2.0):
        for top_k, top_p, min_p in ((0, 1.0, 0.0), (2, 0.9, 0.05)):
            request = Request("XYZ" * 10, 3, 100, Sampling(temperature, top_k, top_p, min_p, seed=8), copied="XYZ" * 20)
            assert texts(generator, request) == texts(plain, request)
    assert generator.stats().counters.accepted > 500
    assert plain.stats().counters.drafted == 0


def test_guessing_leaves_the_distribution_as_the_model_has_it(dice: tuple[LlamaGenerator, Callable[[str], float]]) -> None:
    """Every window of three letters in long texts, against the model's own probabilities: a chi-square test at one in ten thousand."""
    generator, probability = dice
    done = []
    for seed in range(12):
        request = Request("XYZ" * 10, 4, 210, Sampling(1.0, 0, 1.0, 0.0, seed=1000 * seed), copied="XYZ" * 40)
        done += [one for one in generator.complete(request, never) if isinstance(one, Completion)]
    counted = generator.stats().counters
    assert counted.drafted > 1500
    assert 0 < counted.accepted < counted.drafted
    seen = Counter(one.text[at : at + 3] for one in done for at in range(0, 210, 3))
    starts = Counter(text[0] for text in seen.elements())
    expected = {a + b + c: starts[a] * probability(a + b + c) for a in "XYZ" for b in "XYZ" for c in "XYZ"}
    chi_square = sum((seen[text] - count) ** 2 / count for text, count in expected.items())
    assert set(seen) <= set(expected)
    assert chi_square < 58.0, "24 degrees of freedom"
