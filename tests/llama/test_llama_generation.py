"""Continuations by a real model in a real worker."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.llama.client import LlamaGenerator
from refine_tui.loop.ports.thinking import Completion, Delta, Request, Sampling

PROMPT = "<|code|>def the(self):\n    return len(arg)\n<|fix|>"
GREEDY = Sampling(temperature=0)
WILD = Sampling(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=11)


def never() -> bool:
    return False


def written(generator: LlamaGenerator, request: Request) -> list[Completion]:
    done = [event for event in generator.complete(request, never) if isinstance(event, Completion)]
    return sorted(done, key=lambda completion: completion.index)


def texts(generator: LlamaGenerator, request: Request) -> list[str]:
    return [completion.text for completion in written(generator, request)]


def test_what_is_loaded_is_described_as_it_is(warm: LlamaGenerator, tiny: Path) -> None:
    loaded = warm.load()
    assert (loaded.name, loaded.path, loaded.architecture, loaded.quantisation) == ("tiny", str(tiny), "llama", "all F32")
    assert (loaded.context_tokens, loaded.layers, loaded.layers_offloaded, loaded.device) == (512, 2, 0, "CPU, 1 thread")
    assert loaded.parameters == 119_616
    assert loaded.warnings == ()


@pytest.mark.parametrize("sampling", [GREEDY, WILD])
def test_equal_seeds_give_equal_texts_in_another_process_too(
    warm: LlamaGenerator, tiny: Path, start: Callable[..., LlamaGenerator], sampling: Sampling
) -> None:
    request = Request(PROMPT, count=5, max_tokens=30, sampling=sampling)
    first = written(warm, request)
    assert written(warm, request) == first
    assert written(start(tiny), request) == first


def test_each_candidate_draws_with_its_own_seed(warm: LlamaGenerator) -> None:
    drawn = texts(warm, Request(PROMPT, count=6, max_tokens=20, sampling=WILD))
    assert len(set(drawn)) == 6
    assert texts(warm, Request(PROMPT, count=6, max_tokens=20, sampling=Sampling(1.5, 0, 1.0, 0.0, seed=99))) != drawn


def test_a_candidate_can_be_written_again_alone_with_its_index_added_to_the_seed(warm: LlamaGenerator) -> None:
    together = texts(warm, Request(PROMPT, count=4, max_tokens=20, sampling=WILD))
    alone = [texts(warm, Request(PROMPT, max_tokens=20, sampling=Sampling(1.5, 0, 1.0, 0.0, seed=11 + index)))[0] for index in range(4)]
    assert alone == together


def test_greedy_candidates_of_one_batch_equal_a_single_one(warm: LlamaGenerator) -> None:
    (single,) = texts(warm, Request(PROMPT, max_tokens=40, sampling=GREEDY))
    assert texts(warm, Request(PROMPT, count=8, max_tokens=40, sampling=GREEDY)) == [single] * 8


def test_more_candidates_than_fit_together_are_written_all_the_same(warm: LlamaGenerator) -> None:
    done = written(warm, Request(PROMPT, count=130, max_tokens=5, sampling=WILD))
    assert [completion.index for completion in done] == list(range(130))
    assert {completion.tokens for completion in done} == {5}


def test_a_prompt_is_computed_once_and_only_what_is_new_of_a_longer_one(tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(tiny)
    written(generator, Request("a" * 40, count=3, max_tokens=2))
    first = generator.usage()
    assert (first.prompt, first.reused, first.generated) == (40, 0, 6)
    written(generator, Request("a" * 40, max_tokens=2))
    again = generator.usage()
    assert (again.prompt - first.prompt, again.reused - first.reused) == (40, 40)
    written(generator, Request("a" * 40 + "bcd", max_tokens=2))
    longer = generator.usage()
    assert (longer.prompt - again.prompt, longer.reused - again.reused) == (43, 40)
    written(generator, Request("a" * 30 + "x", max_tokens=2))
    other = generator.usage()
    assert (other.prompt - longer.prompt, other.reused - longer.reused) == (31, 30)
    written(generator, Request("a" * 40 + "bcd", max_tokens=2))
    back = generator.usage()
    assert (back.prompt - other.prompt, back.reused - other.reused) == (43, 43)


def test_a_reused_prefix_changes_no_text(warm: LlamaGenerator, tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    request = Request(PROMPT + "the in re", max_tokens=30, sampling=WILD)
    written(warm, Request(PROMPT, max_tokens=1))
    written(warm, Request(PROMPT + "the other", max_tokens=1))
    assert texts(warm, request) == texts(start(tiny), request)


def test_a_stop_string_ends_the_text_before_it(warm: LlamaGenerator) -> None:
    (whole,) = texts(warm, Request(PROMPT, max_tokens=60, sampling=WILD))
    stop = whole[20:24]
    (done,) = written(warm, Request(PROMPT, max_tokens=60, sampling=WILD, stop=("never said", stop)))
    assert (done.text, done.reason) == (whole[: whole.index(stop)], "stop")


def test_a_model_that_ends_is_done_and_its_end_is_a_token_but_no_text(ending_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    done = written(start(ending_tiny), Request(PROMPT, count=20, max_tokens=200, sampling=WILD))
    ended = [completion for completion in done if completion.reason == "stop"]
    assert ended
    assert not any("<|end|>" in completion.text for completion in done)
    assert all(completion.tokens >= 1 for completion in ended)


def test_a_grammar_is_kept_by_every_candidate(ending_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    grammar = 'root ::= [0-9]+ "|" ("yes" | "no") "\\n"'
    generator = start(ending_tiny)
    for sampling in (GREEDY, WILD):
        for completion in written(generator, Request(PROMPT, count=6, max_tokens=60, sampling=sampling, grammar=grammar)):
            number, bar, rest = completion.text.partition("|")
            assert number == "" or number.isdigit()
            assert not bar or "yes\n".startswith(rest) or "no\n".startswith(rest)
            if completion.reason == "stop":
                assert rest in ("yes\n", "no\n")


@pytest.mark.parametrize("grammar", ["root ::= (", "rot ::= [a-z]", "\0", "root ::= other", "root ::= root", 'root ::= "a"{3000}'])
def test_a_grammar_that_cannot_be_read_is_an_error_and_kills_nothing(warm: LlamaGenerator, grammar: str) -> None:
    warm.load()
    worker = warm.worker_pid
    with pytest.raises(ModelError, match="grammar"):
        written(warm, Request(PROMPT, max_tokens=5, grammar=grammar))
    assert len(texts(warm, Request(PROMPT, max_tokens=5))) == 1
    assert warm.worker_pid == worker


def test_a_prompt_longer_than_the_context_is_refused_with_figures(warm: LlamaGenerator) -> None:
    with pytest.raises(ModelError, match=r"600 tokens.*512"):
        written(warm, Request("a" * 600))
    with pytest.raises(ModelError, match="empty"):
        written(warm, Request(""))


def test_the_context_ends_an_answer_as_length(warm: LlamaGenerator) -> None:
    (done,) = written(warm, Request("a" * 500, max_tokens=100))
    assert (done.reason, done.tokens) == ("length", 12)


def test_zero_tokens_are_written_when_none_are_asked_for(warm: LlamaGenerator) -> None:
    (done,) = written(warm, Request("abc", max_tokens=0))
    assert (done.text, done.reason, done.tokens) == ("", "length", 0)


def test_text_that_is_no_unicode_and_zero_bytes_pass(warm: LlamaGenerator) -> None:
    assert len(texts(warm, Request("a\0b\ud800c", max_tokens=3))) == 1


def test_a_cancel_within_the_prompt_leaves_most_of_it_uncomputed(
    long_tiny: Path, tmp_path: Path, start: Callable[..., LlamaGenerator]
) -> None:
    request = Request("ab" * 2500, max_tokens=3, sampling=GREEDY)
    generator = start(long_tiny)
    generator.load()
    (cancelled,) = generator.complete(request, lambda: True)
    assert cancelled == Completion(0, "", "cancelled", 0, 0.0)
    (done,) = written(generator, request)
    assert generator.usage().reused < 5000, "the cancelled request had not computed its prompt"
    assert (done.text,) == tuple(texts(start(long_tiny), request))


def test_a_cancel_within_the_text_keeps_what_was_said(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(long_tiny)
    seen: list[str] = []
    events = generator.complete(Request(PROMPT, count=2, max_tokens=7000, sampling=WILD), lambda: len("".join(seen)) > 40)
    done = []
    for event in events:
        if isinstance(event, Delta):
            seen.append(event.text)
        else:
            done.append(event)
    assert {completion.reason for completion in done} == {"cancelled"}
    assert sum(len(completion.text) for completion in done) == len("".join(seen))
    assert 0 < sum(completion.tokens for completion in done) < 14_000
    assert all((completion.logprob < 0) == (completion.tokens > 0) for completion in done), done


def test_candidates_share_one_prefill_and_one_decode_a_token(tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(tiny)
    written(generator, Request("a" * 100, count=8, max_tokens=20, sampling=WILD))
    counted = generator.stats().counters
    assert (counted.computed, counted.generated) == (100, 160)
    assert counted.decodes == 1 + 19
    assert counted.rows == 100 + 8 * 19


def test_a_dropped_candidate_costs_nothing_more(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(long_tiny)
    done: dict[int, Completion] = {}
    for event in generator.complete(Request(PROMPT, count=6, max_tokens=600, sampling=WILD), never):
        if isinstance(event, Completion):
            done[event.index] = event
        elif not done:
            for loser in (0, 2, 3, 4, 5):
                generator.drop(loser)
    assert (done[1].reason, done[1].tokens) == ("length", 600)
    losers = [done[index] for index in (0, 2, 3, 4, 5)]
    assert {one.reason for one in losers} == {"cancelled"}
    counted = generator.stats().counters
    assert counted.dropped == 5
    assert counted.generated == sum(one.tokens for one in done.values()) < 6 * 600


def test_a_candidate_that_was_dropped_stays_so_in_a_new_worker(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(long_tiny)
    done: dict[int, Completion] = {}
    first = True
    for event in generator.complete(Request(PROMPT, count=2, max_tokens=200, sampling=WILD), never):
        if isinstance(event, Completion):
            done[event.index] = event
        elif first:
            first = False
            assert generator.worker_pid is not None
            os.kill(generator.worker_pid, signal.SIGKILL)
            generator.drop(0)
    assert [done[index].reason for index in (0, 1)] == ["cancelled", "length"]


def test_another_thread_can_cancel(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(long_tiny)
    events = generator.complete(Request(PROMPT, max_tokens=7000, sampling=WILD), never)
    next(events)
    thread = threading.Thread(target=generator.cancel)
    thread.start()
    thread.join()
    (*_, last) = events
    assert isinstance(last, Completion)
    assert last.reason == "cancelled"


def test_a_killed_worker_is_replaced_and_the_text_goes_on_where_it_was(tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    request = Request(PROMPT, count=6, max_tokens=400, sampling=WILD)
    undisturbed = written(start(tiny), request)
    generator = start(tiny)
    generator.load()
    first_worker = generator.worker_pid
    assert first_worker is not None
    streamed, done = dict.fromkeys(range(6), ""), []
    for event in generator.complete(request, never):
        if isinstance(event, Completion):
            done.append(event)
            continue
        if not any(streamed.values()):
            os.kill(first_worker, signal.SIGKILL)
        streamed[event.index] += event.text
    assert generator.worker_pid not in (None, first_worker)
    assert sorted(done, key=lambda completion: completion.index) == undisturbed
    assert generator.stats().workers == 2
    assert [streamed[index] for index in range(6)] == [completion.text for completion in undisturbed]


def test_a_worker_killed_twice_is_an_error_that_names_the_log(tiny: Path, tmp_path: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(tiny)

    def kill_at_each_delta() -> None:
        for _ in generator.complete(Request(PROMPT, count=6, max_tokens=400, sampling=WILD), never):
            assert generator.worker_pid is not None
            os.kill(generator.worker_pid, signal.SIGKILL)

    with pytest.raises(ModelError, match=r"died twice.*worker\.log"):
        kill_at_each_delta()
    assert len(texts(generator, Request(PROMPT, max_tokens=3))) == 1
