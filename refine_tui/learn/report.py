"""Figures: at which place the network ranks the edit that undoes an injected bug, among all edits that search would try."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from refine_tui.learn.corpus import Function, without_docstring
from refine_tui.learn.examples import Injector, Mutate, RenderEdit, RenderPrompt
from refine_tui.learn.network import Network
from refine_tui.learn.tokenizer import Vocabulary

_GROUP_TOKENS = 512
"""Answer tokens scored in one go."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One bug and where its repair came."""

    family: str
    """Of the operator that put the bug in."""
    candidates: int
    rank: int
    """1 is first; ties count as if the repair came last of them."""
    first_in_order: int
    """The repair's place in the order in which the mutator yields."""


def log_likelihoods(network: Network, prompt: Sequence[int], answers: Sequence[Sequence[int]]) -> list[float]:
    """Return the log-likelihood of each answer after the prompt, in nats; the prompt is read once for many answers."""
    scores: list[float] = []
    group: list[Sequence[int]] = []
    for answer in answers:
        if group and sum(map(len, group)) + len(answer) > _GROUP_TOKENS:
            scores += _score(network, prompt, group)
            group = []
        group.append(answer)
    return scores + (_score(network, prompt, group) if group else [])


def _score(network: Network, prompt: Sequence[int], answers: Sequence[Sequence[int]]) -> list[float]:
    """Lay the answers out after one prompt; each sees the prompt and itself only."""
    start = len(prompt)
    lengths = torch.tensor([len(answer) for answer in answers])
    owner = torch.cat([torch.zeros(start, dtype=torch.long), torch.repeat_interleave(torch.arange(1, len(answers) + 1), lengths)])
    positions = torch.cat([torch.arange(start), *(torch.arange(start, start + int(length)) for length in lengths)])
    tokens = torch.tensor([*prompt, *(token for answer in answers for token in answer)])
    mask = ((owner[:, None] == owner[None, :]) | (owner[None, :] == 0)).tril()
    device = network.embed_tokens.weight.device
    with torch.no_grad():
        states = network(tokens[None].to(device), positions.to(device), mask.to(device))[0]
        return _sum_up(functional.log_softmax(network.logits(states[start - 1 :]).float(), dim=-1).cpu(), answers)


def _sum_up(after: Tensor, answers: Sequence[Sequence[int]]) -> list[float]:
    """Add the log-probabilities of each answer; row 0 of `after` follows the prompt, row i the i-th answer token."""
    scores, row = [], 1
    for answer in answers:
        rows = torch.tensor([0, *range(row, row + len(answer) - 1)])
        scores.append(float(after[rows, torch.tensor(list(answer))].sum()))
        row += len(answer)
    return scores


def rank_repairs(
    network: Network,
    vocabulary: Vocabulary,
    functions: Sequence[Function],
    mutate: Mutate,
    render_prompt: RenderPrompt,
    render_edit: RenderEdit,
    *,
    seed: int,
    most: int,
) -> Iterator[Ranked]:
    """Inject one bug into each function and rank what search would try; bugs search cannot undo are passed over.

    Args:
        network: what ranks.
        vocabulary: its tokenizer.
        functions: drawn from in random order.
        mutate: injects and searches.
        render_prompt: see `refine_tui.learn.examples`.
        render_edit: likewise.
        seed: of the order and of the bugs.
        most: bugs in all.
    """
    rng = random.Random(seed)
    injector = Injector(mutate, rng)
    found = 0
    for function in rng.sample(list(functions), len(functions)):
        good = without_docstring(function.text) if rng.random() < 0.5 else function.text
        pool = injector.pool(good)
        if not pool:
            continue
        bug = injector.pick(pool)
        tries = list(dict.fromkeys(mutant.text for mutant in injector.mutants(bug.text)))
        if good not in tries:
            continue
        lines = bug.text.rstrip("\n").split("\n")
        prompt = vocabulary.encode(render_prompt(lines))
        answers = vocabulary.encode_all([render_edit(lines, text.rstrip("\n").split("\n")) for text in tries])
        if len(prompt) + max(map(len, answers)) > network.shape.context:
            continue
        scores = log_likelihoods(network, prompt, answers)
        right = tries.index(good)
        yield Ranked(bug.family, len(tries), sum(score >= scores[right] for score in scores), right + 1)
        found += 1
        if found == most:
            return


def figures(ranked: Sequence[Ranked]) -> dict[str, Any]:
    """Return medians and shares, with random order and the mutator's own order beside the network's."""
    count = len(ranked)
    return {
        "bugs": count,
        "candidates_median": statistics.median(each.candidates for each in ranked),
        "rank_median": statistics.median(each.rank for each in ranked),
        "rank_median_random": statistics.median((each.candidates + 1) / 2 for each in ranked),
        "rank_median_unranked": statistics.median(each.first_in_order for each in ranked),
        "first": round(sum(each.rank == 1 for each in ranked) / count, 3),
        "within_10": round(sum(each.rank <= 10 for each in ranked) / count, 3),
        "within_10_random": round(sum(min(1.0, 10 / each.candidates) for each in ranked) / count, 3),
        "within_10_unranked": round(sum(each.first_in_order <= 10 for each in ranked) / count, 3),
    }
