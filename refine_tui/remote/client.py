"""The `Generator` port on a model server: `/chat/completions` for conversations, `/completions` for plain text.

What is asked for is divided into as few requests as the server answers together. A broken connection is tried again, and what the
caller has read is not taken back.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from refine_tui.core.errors import ModelError, NetworkError
from refine_tui.loop.ports.reaching import Connect, Keys
from refine_tui.loop.ports.thinking import Completion, Delta, ModelInfo, Request, Usage
from refine_tui.remote.address import ServerAddress
from refine_tui.remote.answers import Answer, Costs, Told, choices_of, costs_of
from refine_tui.remote.exchange import DroppedError, Json, RefusedError, Server
from refine_tui.remote.offer import Offer, look
from refine_tui.remote.round import Over, Round

Cancelled = Callable[[], bool]
TOGETHER = 16
"""Answers one request asks for at most."""
PARALLEL = 4
"""Requests under way at once."""
PAUSES_S = (0.25, 1.0)
"""Before each further try after a broken connection."""
OPTIONAL = (
    *("top_k", "min_p", "top_p", "seed", "stop", "logprobs", "top_logprobs", "temperature", "chat_template_kwargs"),
    *("continuous_usage_stats", "stream_options", "timings_per_token"),
)
"""Fields that are left out for a server that refuses them by name."""


class RemoteGenerator:
    """A model on a server. A context manager; `cancel` and `close` may be called from any thread."""

    def __init__(self, address: ServerAddress, connect: Connect, keys: Keys) -> None:
        """Describe the server; nothing is sent yet.

        Args:
            address: the server and its model.
            connect: opens connections, or refuses.
            keys: finds the server's key when it wants one.
        """
        self._server = Server(address, connect, keys)
        self._offer: Offer | None = None
        self._costs, self._lock = Costs(), threading.Lock()
        self._left_out: set[str] = set()
        self._together = TOGETHER
        """Answers the server gives to one request, as far as is known."""
        self._round: Round | None = None
        self._closed = False

    def load(self) -> ModelInfo:
        """Ask what the server has, once. Raises as the port says."""
        return self._known().info

    def complete(self, request: Request, cancelled: Cancelled) -> Iterator[Delta | Completion]:
        """Stream answers. Raises as the port says."""
        if request.grammar and not self._known().holds_grammar:
            raise ModelError(f"{self._place} is not known to keep to a grammar, and free text would not do here. Use a model file.")
        now, told = self._begin(request.count), dict.fromkeys(range(request.count), "")
        try:
            for item in self._streamed(now, request, cancelled):
                if item.index in now.dropped:
                    continue
                if isinstance(item, Delta):
                    told[item.index] += item.text
                else:
                    del told[item.index]
                yield item
        finally:
            now.abort()
        # What was still on its way to the caller is no part of what it was told.
        yield from (replace(now.answers[index].completion(), text=text, reason="cancelled") for index, text in told.items())

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Cancelled) -> list[float]:
        """Return log-probabilities, from a server that repeats with them what it was given; minus infinity for a cancelled call.

        Raises:
            ModelError: the server cannot, as most servers of chats.
        """
        scores = [0.0 if text == "" else -math.inf for text in continuations]
        wanted = [index for index, text in enumerate(continuations) if text]
        now = self._begin(0)

        def work() -> None:
            body = {"prompt": [prompt + continuations[index] for index in wanted], "max_tokens": 0, "echo": True, "logprobs": 1}
            for event in now.exchange(()).post(self._server.address.url("/completions"), {"model": self._known().info.name} | body):
                self._add_costs(costs_of(event))
                for index, logprob in _echoed(event, prompt):
                    scores[wanted[index]] = logprob

        if wanted:
            now.begin((), work)
            over = now.wait(cancelled)
            now.abort()
            if isinstance(over, Over):
                self._require(over, all(map(math.isfinite, scores)))
        return list(scores)

    def usage(self) -> Usage:
        """Return the token counts so far, and which of them the server leaves out."""
        with self._lock:
            return self._costs.usage()

    def cancel(self) -> None:
        """End what is under way; the call that waits for it ends as if its own `cancelled` had said so."""
        if self._round is not None:
            self._round.abort()

    def drop(self, index: int) -> None:
        """Finish one answer of the request under way as cancelled; the server is left alone once nobody wants the rest."""
        if self._round is not None:
            self._round.drop(index)

    def close(self) -> None:
        """End what is under way, for good."""
        self._closed = True
        self.cancel()

    def __enter__(self) -> RemoteGenerator:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def _place(self) -> str:
        return self._server.address.place

    def _known(self) -> Offer:
        if self._offer is None:
            self._offer = look(self._server)
        return self._offer

    def _begin(self, count: int) -> Round:
        self.cancel()
        if self._closed:
            raise ModelError("The model was closed while it was in use.")
        self._known()
        self._round = Round(self._server, [Answer(index) for index in range(count)])
        return self._round

    def _streamed(self, now: Round, request: Request, cancelled: Cancelled) -> Iterator[Delta | Completion]:
        """Ask for all answers, and yield what comes; ends early when the caller or another call ends the round."""
        waiting, running = deque(self._groups(range(request.count))), 0
        while waiting or running:
            while waiting and running < PARALLEL:
                self._ask(now, request, waiting.popleft())
                running += 1
            item = now.wait(cancelled)
            if isinstance(item, Delta):
                yield item
                continue
            if item is None:
                return
            running -= 1
            missing = self._missing(now, item)
            waiting.extend(self._groups(missing))
            yield from (now.answers[index].completion() for index in item.group if index not in missing)

    def _groups(self, indices: Sequence[int]) -> list[tuple[int, ...]]:
        return [tuple(indices[at : at + self._together]) for at in range(0, len(indices), self._together)]

    def _missing(self, now: Round, over: Over) -> list[int]:
        """Return the answers that have to be asked for one by one, since the server does not give several to one request.

        Raises:
            ModelError: the request failed, or brought nothing at all.
        """
        missing = [index for index in over.group if now.answers[index].reason is None]
        if len(over.group) > 1 and missing and (over.error is None or isinstance(over.error, RefusedError)):
            self._together = 1
            return missing
        self._require(over, not missing)
        return []

    def _require(self, over: Over, is_whole: bool) -> None:
        if isinstance(over.error, DroppedError):
            raise NetworkError(f"{over.error}, {len(PAUSES_S) + 1} times in a row. Check the server.") from over.error
        if over.error is not None:
            raise over.error
        if not is_whole:
            raise ModelError(f"{self._place} does not answer what was asked. Another server, or a model file, may.")

    def _ask(self, now: Round, request: Request, group: tuple[int, ...]) -> None:
        now.begin(group, lambda: self._tried(now, request, group))

    def _tried(self, now: Round, request: Request, group: tuple[int, ...]) -> None:
        """Ask, again after a broken connection, and without a field the server does not know."""
        pauses = deque(PAUSES_S)
        while True:
            path, body = self._body(request, group)
            try:
                return self._once(now, group, path, body)
            except DroppedError:
                if all(now.answers[index].lost for index in group):
                    return None
                if not pauses or now.stop.wait(pauses.popleft()):
                    raise
            except RefusedError as error:
                sent = {*body, *body.get("stream_options", ())}
                refused = {name for name in OPTIONAL if name in sent and re.search(rf"\b{name}\b", error.words)}
                if not refused:
                    raise
                # A table is named along with the field in it that is meant.
                self._left_out |= refused - {"stream_options"} if "continuous_usage_stats" in refused else refused
            for index in group:
                now.answers[index].again()

    def _once(self, now: Round, group: tuple[int, ...], path: str, body: Json) -> None:
        told = Told()
        answers = [now.answers[index] for index in group]
        try:
            for event in now.exchange(group).post(self._server.address.url(path), body):
                told.hear(event)
                for place, text, logprobs, ended in choices_of(event):
                    if place < len(group):
                        _take(now, answers[place], text, logprobs, ended)
        finally:
            # Of a request that broke off only some servers have told costs: those of others stay unknown.
            if told.heard:
                self._add_costs(told.costs())
        if len(group) == 1 and not answers[0].counted:
            answers[0].tokens = told.costs().get("generated", 0)
        for answer in answers:
            answer.end()

    def _add_costs(self, told: dict[str, int]) -> None:
        with self._lock:
            self._costs.add(told)

    def _body(self, request: Request, group: tuple[int, ...]) -> tuple[str, Json]:
        """Return the place in the protocol and what is sent there."""
        sampling, turns = request.sampling, conversation(request.prompt)
        body: Json = {"model": self._known().info.name}
        body |= {"prompt": request.prompt} if turns is None else {"messages": turns}
        # The last two are vLLM's and llama.cpp's: what a request has cost is known then though it is ended early.
        usage = {name: True for name in ("include_usage", "continuous_usage_stats") if name not in self._left_out}
        body |= {"max_tokens": request.max_tokens, "stream": True, "stream_options": usage, "timings_per_token": True}
        body |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": sampling.min_p}
        body |= {"seed": sampling.seed + group[0], "logprobs": 1 if turns is None else True}
        body |= {} if turns is None else {"top_logprobs": 1, "chat_template_kwargs": {"enable_thinking": False}}
        body |= {"n": len(group)} if len(group) > 1 else {}
        body |= {"stop": list(request.stop)} if request.stop else {}
        body |= {"grammar": request.grammar} if request.grammar else {}
        kept = {name: value for name, value in body.items() if name not in self._left_out}
        return "/completions" if turns is None else "/chat/completions", kept


def conversation(prompt: str) -> list[Any] | None:
    """Return the turns that a prompt consists of, as this server's template writes them; `None` for plain text."""
    if not prompt.startswith('[{"role":'):
        return None
    try:
        turns = json.loads(prompt)
    except ValueError:
        return None
    return turns if isinstance(turns, list) else None


def _take(now: Round, answer: Answer, text: str, logprobs: Any, ended: str) -> None:
    """Put a part where it belongs, and tell what is new of it."""
    if answer.lost:
        return
    new = answer.grow(text)
    answer.count(logprobs)
    if new:
        now.tell(Delta(answer.index, new))
    if ended:
        answer.reason = "length" if ended == "length" else "stop"


def _echoed(event: Json, prompt: str) -> Iterator[tuple[int, float]]:
    """Yield the index of each text that came back and the log-probability of what stands after the prompt."""
    for index, text, logprobs, _ in choices_of(event):
        if not isinstance(logprobs, dict) or not text.startswith(prompt):
            continue
        values, places = logprobs.get("token_logprobs"), logprobs.get("text_offset")
        if isinstance(values, list) and isinstance(places, list):
            pairs = zip(values, places, strict=False)
            yield index, sum(float(value) for value, place in pairs if place >= len(prompt) and isinstance(value, int | float))
