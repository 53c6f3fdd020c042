"""Writes the continuations of one request: one prefill, then all candidates together, one decode a token.

A request can be replayed up to where an earlier worker died: `forced` holds the tokens that were already told to the client.
The samplers draw as before, but those tokens are taken whatever is drawn, so nothing the user has read is taken back. Everything
is computed in the same batches as before, so what follows is the same as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from refine_tui.core.errors import ModelError
from refine_tui.llama.batch import Rows
from refine_tui.llama.candidate import Candidate, Reason
from refine_tui.llama.engine import BRANCH_CELLS, BRANCHES, Engine, NoRoomError
from refine_tui.llama.lookup import Lookup, Source
from refine_tui.llama.pacing import Pace
from refine_tui.llama.prefixes import Entry
from refine_tui.llama.remembered import Piece
from refine_tui.llama.sampling import Chooser, TokenArray
from refine_tui.llama.scoring import Normaliser
from refine_tui.llama.shared import AbortedError
from refine_tui.llama.streams import TextStream
from refine_tui.loop.ports.thinking import Completion, Request

OnGrowth = Callable[[int, str, list[int], float], None]
"""Told a candidate's index, the text it grew by (perhaps none), the tokens behind it, and its log-probability so far."""
OnCompletion = Callable[[Completion, tuple[int, int]], None]
"""Told a finished candidate, and how many tokens and letters its text begins with that are the model's own."""
Dropped = Callable[[int], bool]
"""Says whether nobody wants a candidate any more, by its index."""
KEEP_MOST = 16
"""Candidates of one request that later prompts can go on from."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what is written, and who says what need not be."""

    growth: OnGrowth
    completion: OnCompletion
    dropped: Dropped = lambda _index: False


class Generation:
    """Carries out one request."""

    def __init__(
        self,
        engine: Engine,
        request: Request,
        prompt: Sequence[Piece],
        forced: Sequence[Sequence[int]],
        told: Told,
    ) -> None:
        self._engine, self._request = engine, request
        self._prompt = engine.prompt_tokens(prompt)
        self._told = told
        self._array, self._normaliser = TokenArray(engine.vocabulary_size), Normaliser(engine.vocabulary_size)
        self._forced = [list(tokens) for tokens in forced] + [[] for _ in range(request.count - len(forced))]
        self._copied, self._source = Source(engine.tokenize(request.copied, whole=False) if request.copied else ()), Source(self._prompt)
        self._most_tokens = self._kept = 0
        self._waiting: deque[Candidate] = deque()
        self._live: list[Candidate] = []

    def run(self) -> None:
        """Write every candidate and report each; a cancelled request reports the unfinished ones as cancelled.

        Raises:
            ModelError: the prompt does not fit, or the grammar cannot be read.
        """
        self._most_tokens = self._room(len(self._prompt))
        with ExitStack() as stack:
            self._waiting.extend(self._candidate(index, stack) for index in range(self._request.count))
            try:
                with self._engine.prompt(self._prompt, self._request.adapters or ()) as trunk:
                    self._write_all(trunk)
            except AbortedError:
                self._cancel_all()
            except NoRoomError as error:
                raise ModelError(
                    f"the context's memory is full with a prompt of {len(self._prompt):,} tokens; use a larger context"
                ) from error
            finally:
                for candidate in self._live:
                    self._engine.drop(candidate.sequence)

    def _candidate(self, index: int, stack: ExitStack) -> Candidate:
        request, costs = self._request, self._engine.costs
        chooser = stack.enter_context(Chooser(self._engine.vocab, self._array, request.sampling, request.grammar, index))
        lookup, pace = (Lookup(self._copied, self._source), Pace(costs)) if costs else (None, None)
        return Candidate(index, chooser, TextStream(request.stop), deque(self._forced[index]), lookup, pace)

    def _room(self, prompt_tokens: int) -> int:
        """Return how many tokens a candidate may have."""
        context = self._engine.context_tokens
        if not prompt_tokens:
            raise ModelError("the prompt is empty: there is nothing to continue")
        if prompt_tokens >= context:
            raise ModelError(
                f"the prompt has {prompt_tokens:,} tokens; the context holds {context:,}, the answer included: "
                "choose a smaller scope or a larger context"
            )
        return min(self._request.max_tokens, context - prompt_tokens)

    def _together(self, trunk: Entry) -> int:
        """Return how many candidates the pool holds at once, each at its longest."""
        cells = self._engine.context_tokens + BRANCH_CELLS - len(trunk.tokens)
        return max(1, min(len(BRANCHES), self._engine.output_rows, cells // max(1, self._most_tokens)))

    def _write_all(self, trunk: Entry) -> None:
        free = list(reversed(BRANCHES[: self._together(trunk)]))
        start = trunk.last_row
        while self._waiting or self._live:
            self._drop_unwanted()
            while self._waiting and free:
                self._start(self._waiting.popleft(), trunk, free.pop(), start)
            live = [candidate for candidate in self._live if not candidate.reason]
            if live:
                self._step(live, len(trunk.tokens))
            if ended := [candidate.sequence for candidate in self._live if candidate.reason]:
                # The lowest ids first, so that equal requests use equal sequences.
                free = sorted((*free, *ended), reverse=True)
                self._live = [candidate for candidate in self._live if not candidate.reason]

    def _start(self, candidate: Candidate, trunk: Entry, sequence: int, row: Any) -> None:
        candidate.sequence = sequence
        self._live.append(candidate)
        if self._most_tokens < 1:
            self._finish(candidate, "length", [])
            return
        self._engine.branch(trunk, sequence)
        self._take(candidate, row)

    def _step(self, live: Sequence[Candidate], prompt_tokens: int) -> None:
        """Compute the last token of each candidate and what it may go on with, and choose what it goes on with."""
        room = self._engine.output_rows // len(live) - 1
        for candidate in live:
            candidate.plan(len(live), min(room, self._most_tokens - len(candidate.tokens) - 1))
        rows = self._decode(live, prompt_tokens)
        at = 0
        for candidate in live:
            size = 1 + len(candidate.guess)
            self._advance(candidate, rows[at : at + size], len(live))
            at += size

    def _decode(self, live: Sequence[Candidate], prompt_tokens: int) -> Any:
        """Compute the last token of each candidate and its guess; shape (tokens, vocabulary)."""
        tokens: list[int] = []
        places: list[int] = []
        sequences: list[int] = []
        for candidate in live:
            tokens += (candidate.tokens[-1], *candidate.guess)
            first = prompt_tokens + len(candidate.tokens) - 1
            places += range(first, first + 1 + len(candidate.guess))
            sequences += [candidate.sequence] * (1 + len(candidate.guess))
        return self._engine.decode(Rows(tokens, places, sequences))

    def _advance(self, candidate: Candidate, rows: Any, live: int) -> None:
        """Choose tokens as long as they were guessed right, and the one after; rows of shape (1 + guessed, vocabulary)."""
        candidate.computed = len(candidate.tokens)
        for place, row in enumerate(rows):
            self._take(candidate, row)
            if candidate.reason or candidate.right == place:
                break
        if candidate.guess and candidate.pace:
            self._engine.counters.drafted += len(candidate.guess)
            self._engine.counters.accepted += candidate.right
            candidate.pace.settle(len(candidate.guess), candidate.right, live)
        if candidate.right < len(candidate.guess) and not candidate.reason:
            self._engine.drop(candidate.sequence, len(self._prompt) + candidate.computed)

    def _take(self, candidate: Candidate, row: Any) -> None:
        """Choose a candidate's next token from a row of logits, shape (vocabulary,)."""
        token = candidate.chooser.choose(row)
        if candidate.forced:
            token = candidate.forced.popleft()
        if token is None:
            self._finish(candidate, "stop", [])
            return
        candidate.take(token, float(row[token]) - self._normaliser.of(row))
        self._engine.counters.generated += 1
        if self._engine.ends(token):
            self._finish(candidate, "stop", [token])
            return
        candidate.chooser.accept(token)
        text = candidate.stream.feed(self._engine.piece(token))
        self._told.growth(candidate.index, text, [token], candidate.logprob)
        if candidate.stream.stopped:
            self._finish(candidate, "stop", [])
        elif len(candidate.tokens) >= self._most_tokens:
            self._finish(candidate, "length", [])

    def _finish(self, candidate: Candidate, reason: Reason, tokens: list[int]) -> None:
        self._told.growth(candidate.index, candidate.stream.finish(), tokens, candidate.logprob)
        candidate.reason = reason
        if reason != "cancelled" and candidate.computed and self._kept < KEEP_MOST:
            self._kept += 1
            self._engine.keep(candidate.sequence, [*self._prompt, *candidate.tokens[: candidate.computed]])
        if candidate.sequence >= 0:
            self._engine.drop(candidate.sequence)
        self._told.completion(candidate.completion(), candidate.own(self._engine.piece))

    def _drop_unwanted(self) -> None:
        """End the candidates that nobody wants any more."""
        for candidate in (*self._live, *self._waiting):
            if self._told.dropped(candidate.index):
                self._engine.counters.dropped += 1
                self._finish(candidate, "cancelled", [])
        self._waiting = deque(candidate for candidate in self._waiting if not candidate.reason)

    def _cancel_all(self) -> None:
        for candidate in (*self._live, *self._waiting):
            if not candidate.reason:
                self._finish(candidate, "cancelled", [])
