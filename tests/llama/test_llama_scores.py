"""Log-probabilities against an independent computation, and what ranking many of them computes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refine_tui.core.errors import ModelError
from refine_tui.llama.client import LlamaGenerator

PROMPT = "<|code|>def the(self):\n    return len(arg)\n<|fix|>"
LINES = (
    "2|    return len(self)",
    "2|    return arg",
    "2|    return",
    "1|def the(arg):",
    "1+|    if arg == the:",
    "2",
    "<|end|>",
    "2|    return len(arg)<|end|>",
)


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def reference(tiny: Path) -> Iterator[Callable[[str, str], float]]:
    """Scores one continuation token by token with the library's own high-level class."""
    from llama_cpp import Llama

    model: Any = Llama(str(tiny), n_ctx=512, n_threads=1, logits_all=True, verbose=False)

    def score(prompt: str, continuation: str) -> float:
        before = model.tokenize(prompt.encode(), add_bos=False, special=True)
        tokens = model.tokenize(continuation.encode(), add_bos=False, special=True)
        total = 0.0
        model.reset()
        model.eval(before)
        for token in tokens:
            row = np.array(model.scores[model.n_tokens - 1], np.float64)
            total += float(row[token] - row.max() - np.log(np.exp(row - row.max()).sum()))
            model.eval([token])
        return total

    yield score
    model.close()


def test_scores_are_the_sums_of_each_tokens_log_probability(warm: LlamaGenerator, reference: Callable[[str, str], float]) -> None:
    assert warm.score(PROMPT, LINES, never) == pytest.approx([reference(PROMPT, line) for line in LINES], rel=3e-4, abs=2e-3)


def test_order_and_company_change_no_score(warm: LlamaGenerator) -> None:
    rng = random.Random(5)
    many = ["".join(rng.choices(["1|", " the", "re", "arg", "=", "0"], k=rng.randrange(1, 14))) for _ in range(300)]
    together = dict(zip(many, warm.score(PROMPT, many, never), strict=True))
    shuffled = rng.sample(many, len(many))
    assert warm.score(PROMPT, shuffled, never) == pytest.approx([together[text] for text in shuffled], rel=3e-4, abs=2e-3)
    for text in many[:10]:
        assert warm.score(PROMPT, [text], never) == pytest.approx([together[text]], rel=3e-4, abs=2e-3)


def test_equal_requests_score_exactly_alike_in_another_process(
    warm: LlamaGenerator, tiny: Path, start: Callable[..., LlamaGenerator]
) -> None:
    assert warm.score(PROMPT, LINES, never) == start(tiny).score(PROMPT, LINES, never)


def test_only_distinct_beginnings_are_computed(tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(tiny)
    generator.score("x" * 10, ["aaab", "aaac", "aaac", "b", ""], never)
    used = generator.usage()
    assert used.prompt == 10 + 4 + 4 + 4 + 1
    assert used.prompt - used.reused == 10 + 3
    generator.score("x" * 10, ["aaab"], never)
    assert generator.usage().prompt - used.prompt - (generator.usage().reused - used.reused) == 3


def test_a_continuation_may_need_several_decodes(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(long_tiny)
    long = "ab" * 700
    whole, half = generator.score(PROMPT, [long, long[:700]], never)
    (rest,) = generator.score(PROMPT + long[:700], [long[700:]], never)
    assert half + rest == pytest.approx(whole, abs=0.05)


def test_scoring_leaves_the_texts_as_they_are(warm: LlamaGenerator, tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    from refine_tui.loop.ports.thinking import Request, Sampling

    request = Request(PROMPT, count=3, max_tokens=20, sampling=Sampling(seed=3))
    warm.score(PROMPT, LINES, never)
    assert list(warm.complete(request, never))[-1] == list(start(tiny).complete(request, never))[-1]


def test_a_cancelled_ranking_says_what_it_did_not_compute(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(long_tiny)
    generator.load()
    scores = generator.score("ab" * 2500, ["the first", "", "the second"], lambda: True)
    assert scores in ([-math.inf, 0.0, -math.inf], [-math.inf] * 3)
    assert max(generator.score("ab", ["the first"], never)) > -math.inf


def test_what_does_not_fit_is_refused_with_figures(warm: LlamaGenerator) -> None:
    with pytest.raises(ModelError, match=r"400 tokens.*200, together 600.*512"):
        warm.score("a" * 400, ["b" * 200], never)
    with pytest.raises(ModelError, match="empty"):
        warm.score("", ["b"], never)
