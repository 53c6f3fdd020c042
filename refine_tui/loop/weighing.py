"""How much a project's tests notice: the edit operators put single mistakes into code that passes, and the tests are run on each.

The operators are those that repair: run on right code, they inject bugs.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from refine_tui.core.evidence import Baseline, SuiteResult
from refine_tui.core.mutants import Mutant, Weight
from refine_tui.core.patch import FilePatch, Patch
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop.ports.parts import Clock
from refine_tui.loop.ports.running import Cancelled, Evaluator
from refine_tui.loop.ports.thinking import Syntax
from refine_tui.loop.search import Base

SECONDS = 2.0
"""What a measure may cost beside other work."""
SAMPLE = 40
"""Mutants drawn for one measure."""
SHORTEST_S = 0.6
PATIENCE = 5.0
"""Times what its tests took on the base that a mutant may take, beside `SHORTEST_S`."""
_TOKEN = re.compile(rb"\w+|[^\w\s]+")

Lines = Mapping[str, Collection[int]]
"""Path → 0-based lines."""


@dataclass(frozen=True)
class Ground:
    """Code that passes, and the tests that say so."""

    base: Base
    """The user's tree with the patch that makes it pass."""
    lines: Lines
    """What the patch changed, in the text as it is with it."""
    suite: SuiteResult
    """A run of the tests on it."""
    baseline: Baseline
    """The user's tree without the patch."""


@dataclass(frozen=True)
class Means:
    """What mutants are made and run with."""

    evaluator: Evaluator
    syntax: Syntax
    clock: Clock
    seconds: float = SECONDS
    sample: int = SAMPLE
    seed: int = 0


def weigh(ground: Ground, means: Means, cancelled: Cancelled) -> Iterator[Weight]:
    """Run mutants of the changed scopes, one after the other; yield what is known after each, the last time as the whole.

    Where a scope is a module or a class, only the changed lines of it are mutated. Yields at least once.
    """
    began = means.clock()
    left: Callable[[], float] = lambda: began + means.seconds - means.clock()  # noqa: E731 - a question, asked many times
    drawn, possible = draw(ground, means)
    weight = Weight(possible=possible)
    for mutant, patch in drawn:
        if weight.total == means.sample:
            weight = replace(weight, ended="sample")
            break
        if cancelled() or left() <= 0:
            weight = replace(weight, ended="cancelled" if cancelled() else "time")
            break
        nodes = tests_of(ground, means.evaluator, patch)
        limit_s = min(SHORTEST_S + PATIENCE * own_time(nodes, ground.suite), left() + SHORTEST_S)
        suite = means.evaluator.run(patch, nodes, cancelled, limit_s=limit_s, better_than=frozenset(nodes)) if nodes else SuiteResult()
        if suite.stopped in ("cancelled", "stale") or (suite.stopped == "time" and left() <= 0):
            weight = replace(weight, ended=suite.stopped)
            break
        weight = counted(weight, mutant, suite, means.clock() - began)
        yield weight
    yield replace(weight, seconds=means.clock() - began)


def counted(weight: Weight, mutant: Mutant, suite: SuiteResult, seconds: float) -> Weight:
    """Add one mutant's run: it lives on when everything came to an end and nothing failed."""
    lives = suite.is_green
    survivors = (*weight.survivors, mutant) if lives else weight.survivors
    return replace(weight, killed=weight.killed + (not lives), total=weight.total + 1, survivors=survivors, seconds=seconds)


def draw(ground: Ground, means: Means) -> tuple[Iterator[tuple[Mutant, Patch]], int]:
    """Return the mutants in the order to be run, and how many there are, some of them perhaps equal or not code.

    No line gives many before each gave one; likely mistakes go first.
    """
    found: dict[tuple[str, int], list[tuple[float, Mutant, OperatorEdit]]] = defaultdict(list)
    chance = random.Random(means.seed)
    for path, scope, lines in places(ground, means.syntax):
        source = SourceFile(path, ground.base.text(path))
        for edit in means.syntax.edits(source, scope, lines):
            if adds(edit):
                continue
            key = chance.random() ** (1 / max(edit.prior, 1e-6) ** 0.5)
            found[path, edit.line].append((key, Mutant(path, edit.line, edit.operator, edit.note), edit))
    for of_line in found.values():
        of_line.sort(key=lambda row: -row[0])
    turns = sorted((turn, chance.random(), place) for place, of_line in found.items() for turn in range(len(of_line)))
    edits = (found[place][turn][1:] for turn, _, place in turns)
    return _different(ground.base, edits, means.syntax), len(turns)


def _different(base: Base, edits: Iterable[tuple[Mutant, OperatorEdit]], syntax: Syntax) -> Iterator[tuple[Mutant, Patch]]:
    """Yield what makes code, each once, and neither the code that passes nor what it was before."""
    seen = {normalised(base.patch, base.tree, syntax), normalised(Patch(), base.tree, syntax), ""}
    for mutant, edit in edits:
        patch = base.with_edits(mutant.path, edit.edits)
        identity = normalised(patch, base.tree, syntax)
        if identity not in seen:
            seen.add(identity)
            yield mutant, patch


def adds(edit: OperatorEdit) -> bool:
    """Say whether an edit puts in more than it takes away.

    In code that works the mistake is rarely that there is something too much, and most of what can be added changes nothing: a
    quarter of such mutants lived on under tests that missed no others but those that mean the same.
    """
    return any(len(_TOKEN.findall(one.new)) > len(_TOKEN.findall(one.old)) for one in edit.edits)


def normalised(patch: Patch, tree: Mapping[str, bytes], syntax: Syntax) -> str:
    """Return what makes a state of the tree as code; empty when it does not parse."""
    sources = [SourceFile(path, data) for path, data in patch.apply(tree).items() if data != tree[path]]
    if not all(syntax.is_valid(source) for source in sources):
        return ""
    return "\0".join(f"{source.path}\0{syntax.normalised(source)}" for source in sources) or "the tree itself"


def places(ground: Ground, syntax: Syntax) -> Iterator[tuple[str, Scope, Collection[int] | None]]:
    """Yield what may be mutated: functions that hold a changed line, whole; elsewhere the changed lines."""
    for path, lines in ground.lines.items():
        source = SourceFile(path, ground.base.text(path))
        by_scope: dict[Scope, set[int]] = defaultdict(set)
        for line in lines:
            by_scope[syntax.scope_at(source, line)].add(line)
        for scope, own in by_scope.items():
            yield path, scope, None if scope.kind in ("function", "method") else frozenset(own)


def tests_of(ground: Ground, evaluator: Evaluator, patch: Patch) -> tuple[str, ...]:
    """Return the tests that pass and that a mutant can affect, those first that the patch makes pass, then quick ones."""
    coverage, before = ground.baseline.coverage, ground.baseline.suite.by_id
    known = set(evaluator.affected(coverage, patch)) if coverage.lines else None
    passing = [case for case in ground.suite.cases if case.outcome == "passed" and case.node_id not in ground.suite.flaky]
    wanted = [case for case in passing if known is None or case.node_id in known or case.node_id not in coverage.lines]

    def order(node: str, seconds: float) -> tuple[bool, float]:
        return node in before and not before[node].is_red, seconds

    return tuple(case.node_id for case in sorted(wanted, key=lambda case: order(case.node_id, case.duration_s)))


def own_time(nodes: Sequence[str], suite: SuiteResult) -> float:
    """Return the seconds that tests took."""
    return sum(suite.by_id[node].duration_s for node in nodes)


def lines_after(patch: Patch, tree: Mapping[str, bytes]) -> dict[str, frozenset[int]]:
    """Return the lines that a patch wrote, as they are numbered with it; of a deletion the line that follows."""
    return {file.path: frozenset(_written(file, tree[file.path])) for file in patch.files}


def _written(file: FilePatch, text: bytes) -> Iterator[int]:
    shift = 0
    for edit in file.edits:
        old, new = edit.old.count(b"\n"), edit.new.count(b"\n")
        first = text.count(b"\n", 0, edit.start) + shift
        yield from range(first, first + max(new, 1))
        shift += new - old
