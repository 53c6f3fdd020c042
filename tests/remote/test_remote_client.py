"""A model server of each kind people run, its silences and its faults."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from refine_tui.core.errors import ModelError, NetworkError, SafetyError, UnknownModelError, UsageError
from refine_tui.loop.ports.thinking import Completion, Delta, Request, Sampling, Usage
from refine_tui.network.door import Door
from refine_tui.network.keys import Keys
from refine_tui.remote import exchange
from refine_tui.remote.address import parse_server
from refine_tui.remote.client import RemoteGenerator
from tests.network.loopback import Exchange, LoopbackServer
from tests.remote.scripted_server import Scripted

Remote = Callable[..., RemoteGenerator]
CHAT = '[{"role": "user", "content": "Hello <b>"}]'


def never() -> bool:
    return False


def texts(events: Iterator[Delta | Completion]) -> list[tuple[int, str, str]]:
    return sorted((event.index, event.text, event.reason) for event in events if isinstance(event, Completion))


def answering(status: int, body: bytes, kind: str = "application/json") -> Callable[[Exchange], bool]:
    def before(exchange: Exchange) -> bool:
        if exchange.path.endswith("/completions"):
            exchange.send(status, {"Content-Type": kind}, body)
            return True
        return False

    return before


def test_a_conversation_goes_to_the_chat_and_plain_text_to_completions(remote: Remote, server: LoopbackServer, scripted: Scripted) -> None:
    generator = remote()
    list(generator.complete(Request(CHAT, max_tokens=9, sampling=Sampling(0.5, 7, 0.9, 0.1, 3), stop=("\n",)), never))
    list(generator.complete(Request("def f", max_tokens=9), never))
    chat, plain = scripted.bodies
    assert chat == {
        "model": "coder",
        "messages": [{"role": "user", "content": "Hello <b>"}],
        "max_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        "timings_per_token": True,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 7,
        "min_p": 0.1,
        "seed": 3,
        "logprobs": True,
        "top_logprobs": 1,
        "stop": ["\n"],
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert plain["prompt"] == "def f"
    assert [request.path for request in server.seen] == ["/v1/models", "/v1/chat/completions", "/v1/completions"]


def test_what_the_server_tells_is_told_on(remote: Remote) -> None:
    generator = remote()
    info = generator.load()
    assert (info.name, info.context_tokens, info.parameters, info.quantisation) == ("coder", 512, 0, "")
    assert info.device.startswith("server 127.0.0.1:")
    (*_, last) = generator.complete(Request(CHAT), never)
    assert last == Completion(0, "first answer", "stop", 12, -12.0)
    usage = generator.usage()
    assert (usage.prompt, usage.reused, usage.generated) == (len(CHAT), 2, 12)
    assert usage.unknown == ("drafted", "accepted")


def test_what_the_server_does_not_tell_is_unknown(remote: Remote, scripted: Scripted) -> None:
    scripted.counts = scripted.logprobs = False
    scripted.models = [{"id": "coder"}]
    generator = remote()
    assert generator.usage().unknown == ()
    (*_, last) = generator.complete(Request(CHAT), never)
    assert isinstance(last, Completion)
    assert (last.text, last.tokens, math.isnan(last.logprob)) == ("first answer", 0, True)
    assert generator.usage().unknown == ("prompt", "reused", "generated", "drafted", "accepted")
    assert generator.load().context_tokens == 0


def test_several_answers_come_from_one_request_where_the_server_can(remote: Remote, scripted: Scripted) -> None:
    assert texts(remote().complete(Request(CHAT, count=3), never)) == [
        (0, "first answer", "stop"),
        (1, "second answer", "stop"),
        (2, "third", "stop"),
    ]
    assert [body.get("n") for body in scripted.bodies] == [3]


@pytest.mark.parametrize("refused", [True, False])
def test_a_server_that_gives_one_answer_a_request_is_asked_for_each(refused: bool, remote: Remote, scripted: Scripted) -> None:
    scripted.together, scripted.refuses = False, ("n",) if refused else ()
    generator = remote()
    for _ in range(2):
        assert texts(generator.complete(Request(CHAT, count=3), never)) == [
            (0, "first answer", "stop"),
            (1, "second answer", "stop"),
            (2, "third", "stop"),
        ]
    assert [body["n"] for body in scripted.bodies if "n" in body] == ([] if refused else [3])
    assert sorted(body["seed"] for body in scripted.bodies[-3:]) == [0, 1, 2]


def test_fields_a_server_does_not_know_are_left_out_from_then_on(remote: Remote, scripted: Scripted) -> None:
    scripted.refuses = ("min_p", "chat_template_kwargs", "timings_per_token", "stream_options")
    generator = remote()
    for _ in range(2):
        assert texts(generator.complete(Request(CHAT), never)) == [(0, "first answer", "stop")]
    assert all(not set(body) & set(scripted.refuses) for body in scripted.bodies)
    assert len(scripted.bodies) == 2


def test_a_broken_answer_is_asked_for_again_and_nothing_is_read_twice(remote: Remote, scripted: Scripted) -> None:
    scripted.breaks = [0, 5]
    *deltas, last = remote().complete(Request(CHAT, count=2), never)
    assert isinstance(last, Completion)
    for index, whole in enumerate(["first answer", "second answer"]):
        assert "".join(delta.text for delta in deltas if isinstance(delta, Delta) and delta.index == index) == whole


def test_an_answer_that_is_another_one_after_a_break_stays_unfinished(remote: Remote, scripted: Scripted) -> None:
    scripted.breaks = [5]

    def changing(exchange: Exchange) -> bool:
        scripted.script[0] = "first answer" if scripted.breaks else "other answer"
        return False

    scripted.before = changing
    *deltas, last = remote().complete(Request(CHAT), never)
    assert isinstance(last, Completion)
    assert (last.reason, last.text) == ("cancelled", "".join(delta.text for delta in deltas if isinstance(delta, Delta)))


def test_a_server_that_breaks_off_each_time_is_given_up(remote: Remote, scripted: Scripted) -> None:
    scripted.breaks = [3, 3, 3]
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:\d+ broke off, 3 times in a row"):
        list(remote().complete(Request(CHAT), never))
    assert texts(remote().complete(Request(CHAT), never)) == [(0, "first answer", "stop")]


def test_a_busy_server_is_asked_again(remote: Remote, scripted: Scripted, server: LoopbackServer) -> None:
    busy = [503, 429]

    def before(exchange: Exchange) -> bool:
        if exchange.path == "/v1/models" or not busy:
            return False
        exchange.send(busy.pop(), {}, b'{"error": {"message": "loading model"}}')
        return True

    scripted.before = before
    assert texts(remote().complete(Request(CHAT), never)) == [(0, "first answer", "stop")]


def test_a_stream_in_chunks_is_read_as_any_other(remote: Remote, scripted: Scripted) -> None:
    scripted.chunked = True
    scripted.breaks = [4]
    assert texts(remote().complete(Request(CHAT, count=2), never)) == [(0, "first answer", "stop"), (1, "second answer", "stop")]


def test_what_a_request_cost_that_broke_off_is_unknown(remote: Remote, scripted: Scripted) -> None:
    scripted.breaks = [4]
    generator = remote()
    list(generator.complete(Request(CHAT), never))
    usage = generator.usage()
    assert (usage.generated, "generated" in usage.unknown) == (12, True)


def test_what_it_cost_is_known_of_a_server_that_tells_it_all_the_time(remote: Remote, scripted: Scripted) -> None:
    scripted.running, scripted.breaks = True, [7]
    generator = remote()
    list(generator.complete(Request(CHAT, count=2), never))
    usage = generator.usage()
    again = len("first answer") + len("second answer")
    assert (usage.prompt, usage.generated, usage.unknown) == (2 * len(CHAT), 7 + again, ("drafted", "accepted"))


def test_the_counts_of_llama_cpp_are_understood(remote: Remote, scripted: Scripted) -> None:
    timings = {"cache_n": 5, "prompt_n": 3, "predicted_n": 1, "draft_n": 4, "draft_n_accepted": 2}
    event = json.dumps({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], "timings": timings})
    scripted.before = answering(200, f"data: {event}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")
    generator = remote()
    list(generator.complete(Request(CHAT), never))
    assert generator.usage() == Usage(8, 5, 1, 4, 2)


def test_one_field_of_a_table_can_be_left_out_too(remote: Remote, scripted: Scripted) -> None:
    def strict(exchange: Exchange) -> bool:
        refused = b"continuous_usage_stats" in exchange.seen.body
        if refused:
            exchange.send(422, {}, b'{"detail": [{"msg": "stream_options: no field continuous_usage_stats"}]}')
        return refused

    scripted.before = strict
    generator = remote()
    assert texts(generator.complete(Request(CHAT), never)) == [(0, "first answer", "stop")]
    assert scripted.bodies[-1]["stream_options"] == {"include_usage": True}
    assert "generated" not in generator.usage().unknown


def test_a_cancel_does_not_wait_for_the_server_and_ends_its_work(remote: Remote, scripted: Scripted, server: LoopbackServer) -> None:
    scripted.hold, asked = threading.Event(), threading.Event()
    generator = remote()
    told = []
    for event in generator.complete(Request(CHAT, count=2), asked.is_set):
        told.append(event)
        if len(told) == 6:
            asked.set()
    assert [event.reason for event in told if isinstance(event, Completion)] == ["cancelled", "cancelled"]
    written = {event.index: event.text for event in told if isinstance(event, Completion)}
    for index, text in written.items():
        assert "".join(event.text for event in told if isinstance(event, Delta) and event.index == index) == text
    scripted.hold.set()
    assert server.left.wait(100)


def test_closing_ends_what_is_under_way_and_nothing_begins_after_it(remote: Remote, scripted: Scripted) -> None:
    scripted.hold = threading.Event()
    generator = remote()
    stream = generator.complete(Request(CHAT), never)
    next(stream)
    threading.Thread(target=generator.close).start()
    (*_, last) = stream
    scripted.hold.set()
    assert isinstance(last, Completion)
    assert last.reason == "cancelled"
    with pytest.raises(ModelError, match="closed"):
        list(generator.complete(Request(CHAT), never))


def test_a_request_for_dropped_answers_alone_ends(remote: Remote, scripted: Scripted, server: LoopbackServer) -> None:
    scripted.hold, scripted.together = threading.Event(), False
    generator = remote()
    stream = generator.complete(Request(CHAT), never)
    next(stream)
    generator.drop(0)
    (*_, last) = stream
    assert isinstance(last, Completion)
    assert last.reason == "cancelled"
    scripted.hold.set()
    assert server.left.wait(100)


def test_a_silent_server_is_an_error_in_words(remote: Remote, scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "FIRST_S", 0.05)
    held = threading.Event()

    def silent(exchange: Exchange) -> bool:
        return exchange.path != "/v1/models" and held.wait(100)

    scripted.before = silent
    with pytest.raises(NetworkError, match="was silent for too long, 3 times in a row"):
        list(remote().complete(Request(CHAT), never))
    held.set()


def test_a_server_that_is_not_there_is_an_error_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NetworkError, match=rf"http://{place} cannot be reached: Connection refused\. Check address and server\.$"):
            RemoteGenerator(parse_server(f"http://{place}/v1#m"), Door().open, Keys(environment={})).load()


def test_the_key_comes_from_the_environment_or_is_asked_for_when_it_is_wanted(
    remote: Remote, scripted: Scripted, monkeypatch: pytest.MonkeyPatch, server: LoopbackServer
) -> None:
    monkeypatch.setattr("refine_tui.network.keys.from_keyring", lambda host: ("", ""))
    scripted.key = "secret"
    with pytest.raises(ModelError, match=r"wants a key \(401\)\. Set REFINE_TUI_API_KEY, or keep one in the keyring"):
        remote().load()
    assert remote(keys=Keys(environment={"REFINE_TUI_API_KEY": "secret"})).load().name == "coder"
    asked = remote(keys=Keys(lambda question: "secret", environment={"REFINE_TUI_API_KEY": "outdated"}))
    assert texts(asked.complete(Request(CHAT), never)) == [(0, "first answer", "stop")]
    assert server.seen[-1].headers["authorization"] == "Bearer secret"


def test_offline_and_plain_http_to_others_are_refused_before_anything_is_sent(remote: Remote, server: LoopbackServer) -> None:
    with pytest.raises(UsageError, match="offline is set"):
        remote(door=Door(offline=True)).load()
    with pytest.raises(SafetyError, match="plain http"):
        RemoteGenerator(parse_server("http://gpu.example:8080/v1#m"), Door().open, Keys(environment={})).load()
    assert server.seen == []


def test_a_model_is_found_by_its_name_or_by_being_the_only_one(remote: Remote, scripted: Scripted) -> None:
    assert remote("").load().name == "coder"
    with pytest.raises(UnknownModelError, match=r"has no model codr\. Near: coder\."):
        remote("codr").load()
    scripted.models = [{"id": "coder:7b"}, {"id": "coder:1b"}]
    assert remote("coder:7b").load().name == "coder:7b"
    with pytest.raises(UnknownModelError, match=r"has several models: name one after a # in the address\. It has: coder:7b, coder:1b\."):
        remote("").load()
    scripted.models = []
    with pytest.raises(ModelError, match="names no model"):
        remote("").load()


def test_a_llama_cpp_server_tells_its_context_beside_the_protocol_and_keeps_to_grammars(remote: Remote, scripted: Scripted) -> None:
    scripted.models = [{"id": "coder", "owned_by": "llamacpp", "meta": {"n_ctx_train": 32768, "n_params": 7_000_000_000}}]
    info = remote().load()
    assert (info.context_tokens, info.parameters) == (32768, 7_000_000_000)

    def props(exchange: Exchange) -> bool:
        if exchange.path == "/props":
            exchange.send(200, {}, json.dumps({"default_generation_settings": {"n_ctx": 4096}}).encode())
        return exchange.path == "/props"

    scripted.before = props
    assert remote().load().context_tokens == 4096
    list(remote().complete(Request(CHAT, grammar="root ::= [a-z]+"), never))
    assert scripted.bodies[-1]["grammar"] == "root ::= [a-z]+"


def test_a_grammar_is_never_ignored_silently(remote: Remote, scripted: Scripted) -> None:
    with pytest.raises(ModelError, match="not known to keep to a grammar"):
        list(remote().complete(Request(CHAT, grammar="root ::= [a-z]+"), never))
    assert scripted.bodies == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b'{"error": {"message": "prompt is too long: 9000 tokens, 4096 at most"}}', "refuses the request: prompt is too long"),
        (404, b'{"error": "model not loaded"}', "answers 404: model not loaded"),
        (200, b"<html>", "does not speak the OpenAI protocol: its answer is not JSON"),
        (200, b"[]", "its answer is no object"),
        (200, b"{}", "does not answer what was asked"),
        (200, b"[" * 100_000, "not JSON"),
        (418, b"\x1b[2J\xff", "answers 418"),
    ],
)
def test_an_answer_that_is_none_is_an_error_in_printable_words(
    status: int, body: bytes, words: str, remote: Remote, scripted: Scripted
) -> None:
    scripted.before = answering(status, body)
    with pytest.raises(ModelError, match=words) as caught:
        list(remote().complete(Request(CHAT), never))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b'data: {"error": {"message": "out of memory"}}\n\n', "broke off: out of memory"),
        (b"data: " + b"x" * (exchange.LONGEST_LINE + 1), "sends more than an answer can be"),
        (b"data: nonsense\n\n", "not JSON"),
        (b'data: {"choices": 3}\n\ndata: [DONE]\n\n', "does not answer"),
        (b'data: {"choices": [3, {"index": 9, "delta": {"content": "x"}}]}\n\ndata: [DONE]\n\n', "does not answer"),
    ],
)
def test_a_stream_that_goes_wrong_is_an_error_in_words(stream: bytes, words: str, remote: Remote, scripted: Scripted) -> None:
    scripted.before = answering(200, stream, "text/event-stream; charset=utf-8")
    with pytest.raises(ModelError, match=words):
        list(remote().complete(Request(CHAT), never))


def row(**said: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, **said}]}).encode() + b"\n\n"


def test_thinking_that_a_server_sends_apart_is_no_part_of_the_answer(remote: Remote, scripted: Scripted) -> None:
    stream = row(delta={"reasoning_content": "hm"}) + row(delta={"content": None}) + row(delta={"content": "yes"}, finish_reason="stop")
    scripted.before = answering(200, stream + b"data:[DONE]\n\n", "text/event-stream")
    assert texts(remote().complete(Request(CHAT), never)) == [(0, "yes", "stop")]


def test_a_server_that_does_not_stream_is_read_as_well(remote: Remote, scripted: Scripted) -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "yes"}, "finish_reason": "length"}], "usage": {"completion_tokens": 1}}
    scripted.before = answering(200, json.dumps(whole).encode())
    (*_, last) = remote().complete(Request(CHAT), never)
    assert isinstance(last, Completion)
    assert (last.text, last.reason, last.tokens) == ("yes", "length", 1)


def test_a_server_of_chats_cannot_score_and_says_so(remote: Remote, scripted: Scripted) -> None:
    scripted.before = answering(200, b'{"choices": [{"index": 0, "text": " else"}]}')
    with pytest.raises(ModelError, match="does not answer what was asked"):
        remote().score("def", ["a"], never)
    assert remote().score("def", ["", ""], never) == [0.0, 0.0]


@pytest.mark.parametrize(
    "text", ["", "gpu:8080", "ftp://a/v1", "http://", "http://a:0/v1", "http://a:x/v1", "http://me:word@a/v1", "http://a/v1?q=1"]
)
def test_what_is_no_address_of_a_server_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        parse_server(text)


def test_an_address_names_the_protocols_place_and_the_model() -> None:
    assert parse_server("http://[::1]:8080#a%20b").url("/models") == "http://[::1]:8080/v1/models"
    address = parse_server("https://gpu.example/openai/v1/#org/Model:7b")
    assert (address.base, address.model, address.host, address.beside("/props")) == (
        "https://gpu.example/openai/v1",
        "org/Model:7b",
        "gpu.example",
        "https://gpu.example/props",
    )
