"""How much the tests notice, for `fix` and `eval`."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from refine_tui.core.evidence import Baseline
from refine_tui.core.mutants import Weight
from refine_tui.core.patch import Patch, patch_between
from refine_tui.core.paths import matches
from refine_tui.core.review import Review
from refine_tui.core.settings import DEFAULT_PROTECTED
from refine_tui.loop.ports.running import Cancelled, Content, Evaluator
from refine_tui.loop.search import Base
from refine_tui.loop.session.session import Session
from refine_tui.loop.weighing import SECONDS, Ground, Means, lines_after, weigh

PLACES = 20
"""Executed lines around which a whole project is mutated: looking at all of them takes too long."""
SAMPLE = 400


def weigh_proposals(session: Session, left_s: float, cancelled: Cancelled) -> list[Review]:
    """Weigh what is proven, within the time that is left; return the proposals for which something came of it."""
    proven = [review for review in session.state().reviews if review.state == "open" and review.candidate.confirmed]
    for review in proven if left_s > 0 else ():
        for _ in session.weigh(review.task.id, cancelled, seconds=min(SECONDS, left_s) / len(proven)):
            pass
    return [review for review in session.state().reviews if review.candidate.weight and review.candidate.weight.total]


def weigh_tree(
    root: Path, evaluator: Evaluator, baseline: Baseline, change: tuple[Content, Content] | None, seconds: float, cancelled: Cancelled
) -> Weight:
    """Weigh what changed since a revision, or else what the tests execute; tests themselves are not changed."""
    from refine_tui.syntax import TreeSitter

    syntax = TreeSitter()
    lines = changed_lines(*change) if change else executed_lines(baseline)
    wanted = {path: of for path, of in lines.items() if syntax.handles(path) and not matches(path, DEFAULT_PROTECTED, beneath=True)}
    if not change:
        wanted = some_of(wanted)
    tree = {path: (root / path).read_bytes() for path in wanted}
    ground = Ground(Base(tree, Patch()), wanted, baseline.suite, baseline)
    means = Means(evaluator, syntax, time.monotonic, seconds, SAMPLE)
    return list(weigh(ground, means, cancelled))[-1]


def changed_lines(before: Content, after: Content) -> dict[str, frozenset[int]]:
    """Return the lines that are not as they were; of a new file all."""
    present = {path: data for path, data in after.items() if data is not None}
    bases = {path: before.get(path) or b"" for path in present}
    return lines_after(patch_between(bases, present), bases)


def executed_lines(baseline: Baseline) -> dict[str, frozenset[int]]:
    """Return the lines that the tests execute."""
    found: dict[str, frozenset[int]] = {}
    for files in baseline.coverage.lines.values():
        for path, lines in files.items():
            found[path] = found.get(path, frozenset()) | lines
    return found


def some_of(lines: Mapping[str, Iterable[int]]) -> dict[str, frozenset[int]]:
    """Return a few lines of all, the same ones every time."""
    all_of_them = sorted((path, line) for path, of in lines.items() for line in of)
    chosen = random.Random(0).sample(all_of_them, min(PLACES, len(all_of_them)))
    return {path: frozenset(line for other, line in chosen if other == path) for path in {path for path, _ in chosen}}


def words_of(weight: Weight) -> Iterator[str]:
    """Say it to a person, in lines."""
    yield f"tests notice {weight.killed} of {weight.total} mistakes put into this code"
    if weight.survivors:
        yield f"not noticed, some of them perhaps no mistakes at all ({len(weight.survivors)}):"
        yield from (f"  {one}" for one in weight.survivors[:10])
