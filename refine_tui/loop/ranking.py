"""How likely the model finds each proposed edit, given its function: what moves proposals up and down in a round.

The measure is the log-likelihood of the edit less that of writing the same lines as they stand. What a long line costs to copy
cancels out, and what is left is the change: is it likelier than no change? Weight and bounds were chosen by the rank of the first
passing edit on development tasks; see `docs/decisions/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from statistics import fmean

from refine_tui.core.errors import ModelError
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.loop.ports.thinking import Generator, LineEditing
from refine_tui.loop.search import Base, edited_scope, is_plain, scope_lines

MODEL_SCORED = 600
"""Proposals the model ranks in one round."""
SCOPE_LINES = 80
"""Longer scopes are not shown to the ranking model."""
WEIGHT = 0.2
LOWEST, HIGHEST = -8.0, 2.0
"""Bounds on one edit's measure, in nats: beyond them a small model's likelihoods say nothing."""

Failed = Callable[[Scope, ModelError], bool]


def rank_by_model(
    proposals: Sequence[Proposal], base: Base, generator: Generator, editing: LineEditing, cancelled: Callable[[], bool], failed: Failed
) -> list[Proposal]:
    """Add the model's measure to the scores of the first few hundred proposals and sort; the rest counts as least likely.

    A function the model cannot rank is told to `failed`, which says whether the model is asked about the next one.
    """
    by_scope: dict[Scope, list[int]] = {}
    for index, proposal in enumerate(proposals[:MODEL_SCORED]):
        if proposal.scope.last_line - proposal.scope.first_line < SCOPE_LINES and proposal.scope.kind != "module":
            by_scope.setdefault(proposal.scope, []).append(index)
    measures: dict[int, float] = {}
    for scope, indices in by_scope.items():
        if cancelled():
            break
        try:
            found = _measured([proposals[index] for index in indices], scope, base, generator, editing, cancelled)
        except ModelError as error:
            if not failed(scope, error):
                break
            continue
        measures.update(zip(indices, found, strict=False))
    scored = [replace(p, score=p.score + WEIGHT * measures.get(index, LOWEST)) for index, p in enumerate(proposals)]
    return sorted(scored, key=lambda proposal: -proposal.score)


def _measured(
    proposals: Sequence[Proposal], scope: Scope, base: Base, generator: Generator, editing: LineEditing, cancelled: Callable[[], bool]
) -> list[float]:
    """Return the measure of each edit of one function; nothing at all when it is not plain text or was cancelled."""
    old = scope_lines(base.text(scope.path), scope)
    if not is_plain(old):
        return []
    edits = [editing.render_edit(old, edited_scope(base, proposal, scope)) for proposal in proposals]
    unchanged = [editing.render_unchanged(old, line) for line in range(len(old))]
    logprobs = generator.score(editing.render_prompt(old), [*edits, *unchanged], cancelled)
    if not all(isfinite(logprob) for logprob in logprobs):
        return []
    copying = logprobs[len(edits) :]
    usual = fmean(copying)
    return [
        bounded(logprob - sum(usual if line is None else copying[line] for line in editing.touched(edit)))
        for edit, logprob in zip(edits, logprobs, strict=False)
    ]


def bounded(measure: float) -> float:
    """Return a measure within its bounds."""
    return min(HIGHEST, max(LOWEST, measure))
