"""A model server that says what a script tells it, over real HTTP: the three kinds people run, and their faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.network.loopback import Exchange

Json = dict[str, Any]


@dataclass
class Scripted:
    """One character is one token; a text's log-probability is minus its length."""

    script: list[str] = field(default_factory=lambda: ["first answer", "second answer", "third"])
    models: list[Json] = field(default_factory=lambda: [{"id": "coder", "max_model_len": 512}])
    together: bool = True
    """Whether one request may ask for several answers; otherwise only the first is given."""
    counts: bool = True
    """Whether usage is told."""
    running: bool = False
    """Whether usage is told with each part, where it is asked for."""
    logprobs: bool = True
    key: str = ""
    refuses: tuple[str, ...] = ()
    """Fields it answers with an error."""
    breaks: list[int] = field(default_factory=list)
    """For each stream in turn, the number of events after which the connection is reset."""
    before: Callable[[Exchange], bool] = lambda _: False
    """Told each request first; true when it answered it itself."""
    chunked: bool = False
    """Whether streams are sent in HTTP's chunks, as most servers do."""
    hold: threading.Event | None = None
    """Once half of a stream is sent, the rest waits for it."""
    bodies: list[Json] = field(default_factory=list)
    """What was asked of the model."""

    def __call__(self, exchange: Exchange) -> None:
        if self.before(exchange):
            return
        if self.key and exchange.seen.headers.get("authorization") != f"Bearer {self.key}":
            exchange.send(401, {}, b'{"error": {"message": "no key"}}')
        elif exchange.path == "/v1/models":
            exchange.send(200, {}, json.dumps({"object": "list", "data": self.models}).encode())
        elif exchange.path in ("/v1/chat/completions", "/v1/completions"):
            self._model(exchange)
        else:
            exchange.send(404, {}, b'{"error": {"message": "no such place"}}')

    def _model(self, exchange: Exchange) -> None:
        body: Json = json.loads(exchange.seen.body)
        if refused := [name for name in self.refuses if name in body]:
            exchange.send(400, {}, json.dumps({"error": {"message": f"unknown field: {refused[0]}"}}).encode())
            return
        self.bodies.append(body)
        if body.get("echo"):
            exchange.send(200, {"Content-Type": "application/json"}, json.dumps(self._echo(body)).encode())
        else:
            self._stream(exchange, list(self._events(body, is_chat="messages" in body)))

    def _stream(self, exchange: Exchange, events: list[Json]) -> None:
        """Send events one by one, as a server does that writes while it thinks."""
        coding = b"Transfer-Encoding: chunked\r\n" if self.chunked else b""
        exchange.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + coding + b"Connection: close\r\n\r\n")
        self._send(exchange, b": alive\r\n\r\n")
        last = self.breaks.pop(0) if self.breaks else None
        for number, event in enumerate(events):
            if number == last:
                exchange.hang_up()
                return
            if self.hold is not None and number == len(events) // 2:
                exchange.wfile.flush()
                self.hold.wait(100)
            self._send(exchange, f"data: {json.dumps(event)}\r\n\r\n".encode())
        self._send(exchange, b"data: [DONE]\n\n", last=True)

    def _send(self, exchange: Exchange, data: bytes, *, last: bool = False) -> None:
        if self.chunked:
            data = f"{len(data):x}\r\n".encode() + data + (b"\r\n0\r\n\r\n" if last else b"\r\n")
        exchange.wfile.write(data)
        exchange.wfile.flush()

    def _events(self, body: Json, *, is_chat: bool) -> Iterator[Json]:
        options = body.get("stream_options", {})
        texts = [self._text(body, index) for index in range(body.get("n", 1) if self.together else 1)]
        for place in range(max(map(len, texts), default=0)):
            for index, text in enumerate(texts):
                if place < len(text):
                    told = {"usage": self._usage(body, place + 1)} if self.running and options.get("continuous_usage_stats") else {}
                    yield {"choices": [self._part(index, text[place], is_chat=is_chat)], **told}
        for index, text in enumerate(texts):
            ended = "length" if len(text) == body["max_tokens"] else "stop"
            said: Json = {"delta": {}} if is_chat else {"text": ""}
            yield {"choices": [{"index": index, "finish_reason": ended, **said}]}
        if self.counts and options.get("include_usage"):
            yield {"choices": [], "usage": self._usage(body, sum(map(len, texts)))}

    def _text(self, body: Json, index: int) -> str:
        text: str = self.script[(body.get("seed", 0) + index) % len(self.script)]
        ends = [at for stop in body.get("stop", ()) if (at := text.find(stop)) != -1]
        longest: int = body["max_tokens"]
        return text[: min([*ends, longest])]

    def _part(self, index: int, letter: str, *, is_chat: bool) -> Json:
        said = {"delta": {"content": letter}} if is_chat else {"text": letter}
        told = {"content": [{"token": letter, "logprob": -1.0}]} if is_chat else {"tokens": [letter], "token_logprobs": [-1.0]}
        return {"index": index, "finish_reason": None, **said} | ({"logprobs": told} if self.logprobs else {})

    @staticmethod
    def _usage(body: Json, generated: int) -> Json:
        asked = json.dumps(body["messages"]) if "messages" in body else body["prompt"]
        return {"prompt_tokens": len(asked), "completion_tokens": generated, "prompt_tokens_details": {"cached_tokens": 2}}

    def _echo(self, body: Json) -> Json:
        rows = [
            {"index": index, "text": text}
            | {"logprobs": {"token_logprobs": [None] + [-1.0] * (len(text) - 1), "text_offset": list(range(len(text)))}}
            for index, text in zip(count(), body["prompt"])
        ]
        return {"choices": rows, "usage": {"prompt_tokens": sum(map(len, body["prompt"])), "completion_tokens": 0}}
