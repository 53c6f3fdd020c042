"""How a token is chosen from a large vocabulary: as from all of it, though most of it is not looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from refine_tui.core.errors import ModelError
from refine_tui.llama.binding import lib
from refine_tui.llama.client import LlamaGenerator
from refine_tui.llama.sampling import NEXT_BEST, SEEDS, Chooser, TokenArray, sampler_chain
from refine_tui.loop.ports.thinking import Completion, Request, Sampling

SIZE = 20_000


def rows(count: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(0, 3, (count, SIZE)).astype(np.float32)


@pytest.mark.parametrize("sampling", [Sampling(seed=4), Sampling(1.5, 300, 1.0, 0.0, seed=4), Sampling(1.2, 5, 0.9, 0.1, seed=9)])
def test_a_token_of_the_highest_is_drawn_as_from_all(sampling: Sampling) -> None:
    array, chain = TokenArray(SIZE), sampler_chain(sampling, sampling.seed % SEEDS)
    with Chooser(None, TokenArray(SIZE), sampling, "", 0) as chooser:
        for row in rows(200):
            assert chooser.choose(row) == array.id(array.apply(chain, array.fill(row)))
    lib.llama_sampler_free(chain)


def test_the_likely_tokens_are_the_highest_and_some_hundred() -> None:
    array = TokenArray(SIZE)
    for row in rows(100):
        likely = array.likely(row)
        assert 2 <= len(likely) <= 2000
        assert row[likely].min() >= np.delete(row, likely).max()
    assert len(TokenArray(300).likely(np.zeros(300, np.float32))) == 300


def test_equal_logits_leave_nobody_out() -> None:
    with Chooser(None, TokenArray(SIZE), Sampling(seed=1), "", 0) as chooser:
        assert chooser.choose(np.zeros(SIZE, np.float32)) is not None


@pytest.mark.parametrize("grammar", ['root ::= "XY" "Z"', 'root ::= ("X" | "Y") "YZ"', 'root ::= [X-Z] [X-Z] "Z"?'])
@pytest.mark.parametrize("sampling", [Sampling(0), Sampling(2.0, 0, 1.0, 0.0, seed=3), Sampling(seed=3)])
def test_a_grammar_that_is_complete_ends_the_answer(
    tiny: Any, start: Callable[..., LlamaGenerator], grammar: str, sampling: Sampling
) -> None:
    request = Request("def", 4, 20, sampling, grammar=grammar)
    done = [one for one in start(tiny).complete(request, lambda: False) if isinstance(one, Completion)]
    assert {one.reason for one in done} == {"stop"}
    assert all(one.text in ("XYZ", "YYZ") or (len(one.text) in (2, 3) and set(one.text) <= set("XYZ")) for one in done)


def test_a_grammar_holds_while_a_copy_is_guessed(tiny: Any, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(tiny)
    request = Request("def", 2, 300, Sampling(0), grammar='root ::= ("AB" "C"?)+', copied="ABABCABAB" * 20)
    for one in generator.complete(request, lambda: False):
        if isinstance(one, Completion):
            assert not one.text.replace("ABC", "").replace("AB", "").strip("A")
    assert generator.stats().counters.drafted


def test_a_bad_grammar_is_refused_before_anything_is_computed(tiny: Any, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(tiny)
    with pytest.raises(ModelError, match="grammar"):
        list(generator.complete(Request("def", 3, 20, grammar="root ::= ["), lambda: False))
    assert generator.stats().counters.decodes == 0


class Picky(TokenArray):
    """Stands in for a grammar that takes some tokens, and counts how many it is asked about."""

    def __init__(self, takes: set[int]) -> None:
        super().__init__(SIZE)
        self.takes, self.asked = np.array(sorted(takes)), 0

    def allows(self, grammar: Any, token: int) -> bool:
        self.asked += 1
        return token in self.takes

    def best_allowed(self, grammar: Any, size: int) -> int | None:
        self.asked += size
        tokens = self._tokens[:size]
        left = tokens[np.isin(tokens["id"], self.takes)]
        return int(left["id"][left["logit"].argmax()]) if len(left) else None


@pytest.mark.parametrize("refused", [0, 1, NEXT_BEST, NEXT_BEST + 1, 50, SIZE // 2])
def test_greedily_few_tokens_are_asked_about_and_the_highest_allowed_is_taken(refused: int) -> None:
    (row,) = rows(1)
    order = np.argsort(-row, kind="stable")
    before, array = row.copy(), Picky(set(order[refused:].tolist()))
    with Chooser(None, array, Sampling(0.0), "", 0) as chooser:
        chooser._grammar = object()
        assert chooser.choose(row) == order[refused]
        chooser._grammar = None
    assert array.asked == refused + 1 if refused <= NEXT_BEST else array.asked <= SIZE + 2000
    assert np.array_equal(row, before), "the logits are as they were"
