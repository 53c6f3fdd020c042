"""What every `Generator` keeps, the real one and the scripted one alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.llama.client import LlamaGenerator
from refine_tui.loop.ports.thinking import Completion, Delta, Generator, Request


def never() -> bool:
    return False


@pytest.fixture(params=["real", "scripted"])
def generator(request: pytest.FixtureRequest, tiny: Path, start: Callable[..., LlamaGenerator]) -> Generator:
    if request.param == "real":
        return start(tiny)
    from importlib import util

    spec = util.spec_from_file_location("llama_tests_scripted", Path(__file__).with_name("scripted.py"))
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    scripted: Generator = module.ScriptedGenerator()
    return scripted


def test_loading_twice_gives_the_same(generator: Generator) -> None:
    assert generator.load() == generator.load()


@pytest.mark.parametrize("count", [1, 3, 70])
def test_each_continuation_is_streamed_and_finished_once(generator: Generator, count: int) -> None:
    events = list(generator.complete(Request("def the(self):", count=count, max_tokens=12), never))
    streamed: Counter[int] = Counter()
    texts = dict.fromkeys(range(count), "")
    for event in events:
        if isinstance(event, Delta):
            assert event.text
            assert not streamed[event.index], "no text after the completion"
            texts[event.index] += event.text
        else:
            streamed[event.index] += 1
            assert event.text == texts[event.index]
            assert event.reason in ("stop", "length")
            assert event.tokens <= 12
            assert event.logprob <= 0
    assert streamed == Counter(range(count))
    assert isinstance(events[-1], Completion)


def test_the_token_limit_ends_a_continuation_as_length(generator: Generator) -> None:
    (*_, last) = generator.complete(Request("def", max_tokens=3), never)
    assert isinstance(last, Completion)
    assert (last.reason, last.tokens) == ("length", 3)


def test_a_cancelled_request_finishes_every_continuation_as_cancelled(generator: Generator) -> None:
    events = list(generator.complete(Request("def", count=2, max_tokens=400), lambda: True))
    done = [event for event in events if isinstance(event, Completion)]
    assert sorted(completion.index for completion in done) == [0, 1]
    assert {completion.reason for completion in done} == {"cancelled"}


def test_a_dropped_continuation_ends_as_cancelled_and_the_others_go_on(generator: Generator) -> None:
    reasons = {}
    for event in generator.complete(Request("def", count=3, max_tokens=400), never):
        if isinstance(event, Completion):
            reasons[event.index] = event.reason
        elif not reasons:
            generator.drop(1)
    assert [index for index, reason in reasons.items() if reason == "cancelled"] == [1]
    assert len(reasons) == 3
    generator.drop(0)
    (*_, last) = generator.complete(Request("def", max_tokens=3), never)
    assert isinstance(last, Completion)
    assert last.reason == "length", "what is dropped belongs to its request"


def test_after_a_cancel_the_next_request_is_answered(generator: Generator) -> None:
    list(generator.complete(Request("def", count=2, max_tokens=400), lambda: True))
    (*_, last) = generator.complete(Request("def", max_tokens=3), never)
    assert isinstance(last, Completion)
    assert last.reason == "length"


def test_a_caller_may_stop_listening(generator: Generator) -> None:
    stream = generator.complete(Request("def", count=2, max_tokens=400), never)
    assert isinstance(next(stream), Delta)
    stream.close()  # type: ignore[attr-defined]
    assert len(generator.score("def", ["a"], never)) == 1


def test_a_request_begun_before_another_has_ended_ends_that_one(generator: Generator) -> None:
    stream = generator.complete(Request("def", count=2, max_tokens=400), never)
    assert isinstance(next(stream), Delta)
    assert len(generator.score("def", ["a"], never)) == 1
    (*_, last) = stream
    assert isinstance(last, Completion)


def test_scores_come_in_order_and_nothing_costs_nothing(generator: Generator) -> None:
    scores = generator.score("def the", ["(self", "", " return 1"], never)
    assert len(scores) == 3
    assert scores[1] == 0
    assert max(scores[0], scores[2]) < 0
    assert generator.score("def the", [], never) == []


def test_usage_counts_up(generator: Generator) -> None:
    before = generator.usage()
    list(generator.complete(Request("def", max_tokens=3), never))
    generator.score("def", ["(self"], never)
    after = generator.usage()
    assert after.prompt > before.prompt
    assert after.generated == before.generated + 3


def test_closing_twice_is_harmless(generator: Generator) -> None:
    generator.load()
    generator.close()
    generator.close()
