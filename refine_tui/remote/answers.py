"""What a server sends, put together: the text of each answer, and what is known of its cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from refine_tui.loop.ports.thinking import Completion, Usage

Reason = Literal["stop", "length", "cancelled"]
COUNTS = ("prompt", "reused", "generated", "drafted", "accepted")


@dataclass
class Answer:
    """One answer under way. After a broken connection it is written again; what the caller has of it is not repeated."""

    index: int
    text: str = ""
    reason: Reason | None = None
    """Set when it is finished."""
    tokens: int = 0
    logprob: float = 0.0
    counted: bool = False
    """Whether the server tells its tokens one by one, with their log-probabilities."""
    repeated: int = 0
    """Characters that were sent again."""
    lost: bool = False
    """Whether it stays unfinished: it was dropped, or written differently after a break, and what was read cannot be taken back."""

    def grow(self, part: str) -> str:
        """Take a part of the text and return what is new of it."""
        known = self.text[self.repeated : self.repeated + len(part)]
        if not part.startswith(known):
            self.lose()
            return ""
        self.repeated += len(part)
        self.text += part[len(known) :]
        return part[len(known) :]

    def count(self, logprobs: Any) -> None:
        """Take the tokens of a part, where the server tells them: in the form of chats, or that of plain completions."""
        told = logprobs.get("content") or logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None
        values = [row.get("logprob") if isinstance(row, dict) else row for row in told or ()]
        for value in values:
            if isinstance(value, int | float):
                self.counted = True
                self.tokens += 1
                self.logprob += float(value)

    def lose(self) -> None:
        """Take no more of it."""
        self.lost, self.reason = True, "cancelled"

    def again(self) -> None:
        """Begin anew, after a broken connection."""
        self.repeated, self.tokens, self.logprob, self.counted = 0, 0, 0.0, False
        self.reason = "cancelled" if self.lost else None

    def end(self) -> None:
        """Take a text for whole whose end the server did not tell before it said that all is sent."""
        if self.reason is None and self.text:
            self.reason = "stop"

    def completion(self) -> Completion:
        """Return the finished value; what the server does not tell is unknown."""
        logprob = min(0.0, self.logprob) if self.counted else math.nan
        return Completion(self.index, self.text, self.reason or "cancelled", self.tokens, logprob)


@dataclass
class Costs:
    """The counts so far. One that a server left out once is known to be too small from then on."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    unknown: set[str] = field(default_factory=set)

    def add(self, told: Mapping[str, int | None]) -> None:
        """Add what one answer cost; `None` for what was not told."""
        for name in COUNTS:
            value = told.get(name)
            if value is None:
                self.unknown.add(name)
            else:
                self.counts[name] += value

    def usage(self) -> Usage:
        """Return the port's value."""
        return Usage(**self.counts, unknown=tuple(name for name in COUNTS if name in self.unknown))


@dataclass
class Told:
    """What the server has told so far of one request's costs: for the whole of it at its end, and for each answer before."""

    whole: dict[str, int] = field(default_factory=dict)
    parts: dict[int, dict[str, int]] = field(default_factory=dict)
    heard: bool = False

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take what an event tells."""
        self.heard = True
        found, place = costs_of(event), next((index for index, *_ in choices_of(event)), None)
        if place is None:
            self.whole |= found
        elif found:
            self.parts[place] = self.parts.get(place, {}) | found

    def costs(self) -> dict[str, int]:
        """Return what is known: of a request that broke off, what was told until then."""
        if "generated" in self.whole or not self.parts:
            return self.whole
        # The answers share their prompt, and each has its own tokens.
        shared = {name: max(part[name] for part in self.parts.values() if name in part) for name in self._named() & {"prompt", "reused"}}
        own = {name: sum(part.get(name, 0) for part in self.parts.values()) for name in self._named() - {"prompt", "reused"}}
        return shared | own | self.whole

    def _named(self) -> set[str]:
        return {name for part in self.parts.values() for name in part}


def costs_of(event: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts an event tells, under our names: those of the protocol, and those llama.cpp adds."""
    usage, timings = _table(event, "usage"), _table(event, "timings")
    found = {
        "prompt": _number(usage, "prompt_tokens"),
        "generated": _number(usage, "completion_tokens"),
        "reused": _number(_table(usage, "prompt_tokens_details"), "cached_tokens"),
        "drafted": _number(timings, "draft_n"),
        "accepted": _number(timings, "draft_n_accepted"),
    }
    if found["reused"] is None:
        found["reused"] = _number(timings, "cache_n")
    computed = _number(timings, "prompt_n")
    if found["prompt"] is None and computed is not None:
        found["prompt"] = computed + (found["reused"] or 0)
    if found["generated"] is None:
        found["generated"] = _number(timings, "predicted_n")
    return {name: value for name, value in found.items() if value is not None}


def choices_of(event: Mapping[str, Any]) -> Iterator[tuple[int, str, Any, str]]:
    """Yield what an event says of each answer: its index, the text it grows by, log-probabilities, and why it ended."""
    rows = event.get("choices")
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        said = _table(row, "delta") or _table(row, "message")
        text = said.get("content") if said else row.get("text")
        ended = row.get("finish_reason")
        yield (
            _number(row, "index") or 0,
            text if isinstance(text, str) else "",
            row.get("logprobs"),
            ended if isinstance(ended, str) else "",
        )


def _table(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _number(row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
