"""Log-probabilities of many continuations of one prompt, their common beginnings computed once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from refine_tui.core.errors import ModelError
from refine_tui.llama.batch import Rows
from refine_tui.llama.engine import BRANCHES, Engine, NoRoomError
from refine_tui.llama.prefixes import Entry
from refine_tui.llama.shared import AbortedError
from refine_tui.llama.tree import TreeBatch, tree_batches
from refine_tui.loop.ports.thinking import Adapter

Asked = list[tuple[int, int]]


def log_normaliser(rows: Any) -> Any:
    """Return the logarithm of the sum of exponentials of each row, shape (rows,)."""
    highest = rows.max(axis=1)
    return highest + np.log(np.exp(rows - highest[:, None]).sum(axis=1, dtype=np.float64))


class Normaliser:
    """The same of one row, in memory of its own: fresh memory for each token would cost more than the sums."""

    def __init__(self, size: int) -> None:
        self._room: Any = np.empty(size, np.float32)

    def of(self, row: Any) -> float:
        """Return the logarithm of the sum of exponentials of a row, shape (vocabulary,)."""
        highest = row.max()
        np.subtract(row, highest, out=self._room)
        np.exp(self._room, out=self._room)
        return float(highest) + math.log(self._room.sum())


def log_probabilities(rows: Any, places: Any, tokens: Any) -> Any:
    """Return the natural log-probability of `tokens[i]` after row `places[i]`, shape (tokens,), in double precision."""
    return rows[places, tokens].astype(np.float64) - log_normaliser(rows)[places]


def score(engine: Engine, prompt: Sequence[int], continuations: Sequence[Sequence[int]], adapters: Sequence[Adapter] = ()) -> list[float]:
    """Return the summed log-probability of each continuation; an empty one has 0, one not computed for a cancel minus infinity.

    Raises:
        ModelError: a continuation does not fit behind the prompt.
    """
    refuse_overlong(engine, prompt, continuations)
    totals: Any = np.zeros(len(continuations), np.float64)
    missing = np.array([bool(tokens) for tokens in continuations], bool)
    try:
        with engine.prompt(prompt, adapters) as trunk:
            starts = [place for place, tokens in enumerate(continuations) if tokens]
            heads = [continuations[place][0] for place in starts]
            if starts:
                totals[starts] = log_probabilities(trunk.last_row[None], np.zeros(len(starts), int), heads)
            count_prompt(engine, continuations)
            missing[[place for place in starts if len(continuations[place]) == 1]] = False
            for batch in tree_batches(continuations, len(BRANCHES), engine.output_rows):
                run_batch(engine, trunk, batch, totals)
                missing[list({place for place, _, _ in batch.asked})] = False
    except AbortedError:
        pass
    except NoRoomError as error:
        raise ModelError(
            f"the continuations do not fit into the context's memory behind a prompt of {len(prompt):,} tokens; use a larger context"
        ) from error
    totals[missing] = -np.inf
    return [float(total) for total in totals]


def refuse_overlong(engine: Engine, prompt: Sequence[int], continuations: Sequence[Sequence[int]]) -> None:
    """Raise `ModelError` when prompt and longest continuation are more than the context, or there is no prompt."""
    if not prompt:
        raise ModelError("the prompt is empty: there is nothing to rank behind")
    longest = max((len(tokens) for tokens in continuations), default=0)
    if len(prompt) + longest > engine.context_tokens:
        raise ModelError(
            f"the prompt has {len(prompt):,} tokens and the longest text to be ranked {longest:,}, together {len(prompt) + longest:,}; "
            f"the context holds {engine.context_tokens:,}: choose a smaller scope or a larger context"
        )


def count_prompt(engine: Engine, continuations: Sequence[Sequence[int]]) -> None:
    """Count every continuation's tokens as asked for, and as reused until a row computes them."""
    tokens = sum(map(len, continuations))
    engine.counters.prompt += tokens
    engine.counters.reused += tokens


def run_batch(engine: Engine, trunk: Entry, batch: TreeBatch, totals: Any) -> None:
    """Compute one tree in as many decodes as its rows need and add what it says to the totals."""
    asked: dict[int, Asked] = defaultdict(list)
    for place, row, token in batch.asked:
        asked[row].append((place, token))
    branches = BRANCHES[: batch.sequences]
    for sequence in branches:
        engine.branch(trunk, sequence)
    try:
        for start in range(0, len(batch.rows), engine.output_rows):
            run_rows(engine, trunk, batch, range(start, min(start + engine.output_rows, len(batch.rows))), asked, totals)
    finally:
        for sequence in branches:
            engine.drop(sequence)


def run_rows(engine: Engine, trunk: Entry, batch: TreeBatch, span: range, asked: dict[int, Asked], totals: Any) -> None:
    """Compute some rows of a tree and add their part."""
    rows = batch.rows[span.start : span.stop]
    logits = engine.decode(
        Rows(
            [row.token for row in rows],
            [len(trunk.tokens) + row.depth for row in rows],
            [BRANCHES.start + row.first for row in rows],
            [row.last - row.first + 1 for row in rows],
        )
    )
    engine.counters.reused -= len(rows)
    wanted = [(place, row - span.start, token) for row in span for place, token in asked[row]]
    places, local, tokens = (list(column) for column in zip(*wanted, strict=True))
    np.add.at(totals, places, log_probabilities(logits, local, tokens))
