"""Plans how many continuations of one prompt are computed together, each common beginning once.

Continuations are put in order, so those that begin alike are neighbours. In a batch every distinct proper prefix is one row
that belongs to all the sequences that pass through it; a continuation's last token needs no row, for nothing is asked after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass
class Row:
    """One token to be computed."""

    token: int
    depth: int
    """0-based place in the continuation."""
    first: int
    """First sequence of the batch that passes through it."""
    last: int
    """Last such sequence, inclusive."""


@dataclass
class TreeBatch:
    """What one decode computes and which logits say what."""

    rows: list[Row] = field(default_factory=list)
    sequences: int = 0
    asked: list[tuple[int, int, int]] = field(default_factory=list)
    """(continuation, row, token): the log-probability of `token` after `row` counts for the continuation."""


def tree_batches(continuations: Sequence[Sequence[int]], max_sequences: int, max_rows: int) -> Iterator[TreeBatch]:
    """Yield batches that cover every continuation of two tokens or more.

    The first token's probability follows from the prompt's last row, so shorter ones need no batch. `max_rows` must be at
    least the longest continuation's length minus one.
    """
    order = sorted((place for place, tokens in enumerate(continuations) if len(tokens) > 1), key=lambda place: tuple(continuations[place]))
    batch = TreeBatch()
    path: list[int] = []
    before: Sequence[int] = ()
    for place in order:
        tokens = continuations[place]
        kept = shared_rows(before, tokens, len(path))
        if batch.sequences and (batch.sequences == max_sequences or len(batch.rows) + len(tokens) - 1 - kept > max_rows):
            yield batch
            batch, path, kept = TreeBatch(), [], 0
        del path[kept:]
        add(batch, path, place, tokens)
        before = tokens
    if batch.sequences:
        yield batch


def shared_rows(before: Sequence[int], tokens: Sequence[int], rows: int) -> int:
    """Return how many rows of the path before serve this continuation as well."""
    bound = min(rows, len(tokens) - 1)
    return next((place for place in range(bound) if before[place] != tokens[place]), bound)


def add(batch: TreeBatch, path: list[int], place: int, tokens: Sequence[int]) -> None:
    """Add one continuation to a batch; `path` holds the rows it shares and becomes its own."""
    sequence = batch.sequences
    batch.sequences += 1
    for row in path:
        batch.rows[row].last = sequence
    for depth in range(len(path), len(tokens) - 1):
        path.append(len(batch.rows))
        batch.rows.append(Row(tokens[depth], depth, sequence, sequence))
    batch.asked += [(place, row, tokens[depth + 1]) for depth, row in enumerate(path)]
