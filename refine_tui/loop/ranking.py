"""How likely the model finds each proposed edit, given its function: what moves proposals up and down in a round.

The measure is the logarithm of the edit's share of the model's likelihood among the edits proposed for that function, no less than a
floor: what the model thinks impossible is often right, and then the prior decides. Weight, floor and number were chosen by the rank
of the first passing edit on development tasks; see `docs/decisions/0011-how-the-model-ranks.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import exp, isfinite, log

from refine_tui.core.errors import ModelError
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.loop.ports.thinking import Generator, LineEditing
from refine_tui.loop.search import Base, edited_scope, is_plain, scope_lines

MODEL_SCORED = 150
"""Proposals the model ranks in one round: scoring more costs more than running ten, and does not bring the right one forward."""
SCOPE_LINES = 80
"""Longer scopes are not shown to the ranking model."""
EDIT_LETTERS = 600
"""Longer edits are not shown to it either: together with the function they might not fit its context."""
WEIGHT = 0.3
FLOOR = -8.0
"""Lowest measure, in nats."""

Failed = Callable[[Scope, ModelError], bool]


def rank_by_model(
    proposals: Sequence[Proposal], base: Base, generator: Generator, editing: LineEditing, cancelled: Callable[[], bool], failed: Failed
) -> list[Proposal]:
    """Add the model's measure to the scores of the first proposals and sort; the rest counts as least likely.

    A function the model cannot rank is told to `failed`, which says whether the model is asked about the next one.
    """
    by_scope: dict[Scope, list[int]] = {}
    for index, proposal in enumerate(proposals[:MODEL_SCORED]):
        if proposal.scope.last_line - proposal.scope.first_line < SCOPE_LINES and proposal.scope.kind != "module":
            by_scope.setdefault(proposal.scope, []).append(index)
    found: dict[int, float] = {}
    for scope, indices in by_scope.items():
        if cancelled():
            break
        try:
            found.update(
                zip(indices, _measured([proposals[index] for index in indices], scope, base, generator, editing, cancelled), strict=False)
            )
        except ModelError as error:
            if not failed(scope, error):
                break
    scored = [replace(p, score=p.score + WEIGHT * found.get(index, FLOOR)) for index, p in enumerate(proposals)]
    return sorted(scored, key=lambda proposal: -proposal.score)


def _measured(
    proposals: Sequence[Proposal], scope: Scope, base: Base, generator: Generator, editing: LineEditing, cancelled: Callable[[], bool]
) -> list[float]:
    """Return the measure of each edit of one function; nothing at all when it is not plain text or was cancelled."""
    old = scope_lines(base.text(scope.path), scope)
    if not is_plain(old):
        return []
    edits = [editing.render_edit(old, edited_scope(base, proposal, scope)) for proposal in proposals]
    shown = [edit for edit in edits if len(edit) <= EDIT_LETTERS]
    logprobs = dict(zip(shown, generator.score(editing.render_prompt(old), shown, cancelled), strict=False))
    if not logprobs or not all(isfinite(logprob) for logprob in logprobs.values()):
        return []
    return measures([logprobs.get(edit) for edit in edits])


def measures(logprobs: Sequence[float | None]) -> list[float]:
    """Return the logarithm of each edit's share of the likelihood, at least `FLOOR`; `None` stands for one the model was not shown.

    Args:
        logprobs: natural logarithms, at least one of them finite.
    """
    known = [logprob for logprob in logprobs if logprob is not None]
    highest = max(known)
    total = highest + log(sum(exp(logprob - highest) for logprob in known))
    return [FLOOR if logprob is None else max(FLOOR, logprob - total) for logprob in logprobs]
