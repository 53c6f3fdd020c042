"""From what fails to tasks: which tests belong together, and which lines are under suspicion for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from refine_tui.core.evidence import Baseline, CaseResult, Coverage, LineMap
from refine_tui.core.scope import Scope
from refine_tui.core.suspicion import Suspicion, ochiai
from refine_tui.core.task import Budget, Task
from refine_tui.loop.pointing import Source, is_file, missing_names, named, reached, speaks_of_code, unreadable
from refine_tui.loop.ports.thinking import Syntax
from refine_tui.loop.unwatched import Unwatched

NEAR_TOP = 0.9
"""Scopes that reach this share of the highest score count as equally suspicious."""


@dataclass(frozen=True)
class Suspects:
    """Where a task's bug may be: scopes in order, and the lines of each with their score."""

    scopes: tuple[Scope, ...]
    lines: Suspicion
    values: tuple[str, ...] = ()
    """What the failing tests compared, as `repr` gave it, the expected side of each first; and the names that errors say are missing."""
    unreadable: frozenset[str] = frozenset()
    """Files that cannot be parsed: nothing is known of what is in them until they are mended."""


def plan_tasks(
    baseline: Baseline,
    source: Source,
    syntax: Syntax,
    *,
    editable: Callable[[str], bool],
    budget: Budget,
    seed: int,
    only: Collection[str] = (),
    unwatched: Unwatched | None = None,
) -> tuple[Task, ...]:
    """Group the failing tests into tasks: tests that share a most suspicious scope belong together.

    `only` limits the work to some node ids. Tests without any suspicious line form tasks of their own.
    """
    source = cache(source)  # the same few files, for every test
    red = [node for node in baseline.suite.red if not only or node in only]
    top = {node: _top_scopes(suspects_of(baseline, (node,), source, syntax, editable, unwatched=unwatched)) for node in red}
    tasks = []
    for number, group in enumerate(_grouped(red, top), start=1):
        suspects = suspects_of(baseline, group, source, syntax, editable, unwatched=unwatched)
        goal = f"make {_short(group[0])} pass" if len(group) == 1 else f"make {len(group)} tests pass, first {_short(group[0])}"
        tasks.append(Task(f"t{number}", goal, tuple(group), suspects.scopes[:12], budget=budget, seed=seed))
    return tuple(tasks)


def suspects_of(
    baseline: Baseline,
    targets: Collection[str],
    source: Source,
    syntax: Syntax,
    editable: Callable[[str], bool],
    within: Collection[Scope] = (),
    unwatched: Unwatched | None = None,
) -> Suspects:
    """Score the lines that the targets executed against the tests that pass.

    Other failing tests say nothing about these targets and are left out. A line that a target's traceback ends in counts as
    at least as suspicious as the best line. Where no function is known to have run, as without coverage or when a file cannot be
    collected, what the test's file imports is suspicious too, but little. `within` limits the answer to scopes.
    """
    cases = [case for node in targets if (case := baseline.suite.by_id.get(node))]
    broken = unreadable(cases, source, syntax, editable)
    lines = _executed(baseline, targets, editable, unwatched)
    lines = {place: score for place, score in lines.items() if place[0] not in broken}
    _add_spoken_of(lines, cases, source, syntax, editable)
    best, kept = _in_scopes(lines, source, syntax, within)
    for path, line in broken.items():
        if (file := source(path)) is not None:
            best[syntax.scopes(file)[0]], kept[path, line] = 1.0, 1.0
    for scope in within:
        _add_unexecuted(scope, best, kept)
    # Functions before modules: a module's lines are mostly definitions, executed by every test that imports it.
    order = sorted(best, key=lambda scope: (scope.kind == "module", -best[scope], scope.path, scope.span))
    return Suspects(tuple(order), kept, told_values(cases), frozenset(broken))


def _executed(baseline: Baseline, targets: Collection[str], editable: Callable[[str], bool], unwatched: Unwatched | None) -> Suspicion:
    """Score the lines that the targets executed; where nobody watched, all that may change, if there is somebody to tell of it."""
    if unwatched is not None and not baseline.coverage.lines:
        return unwatched.lines(baseline, targets)
    wanted = {case.node_id for case in baseline.suite.cases if not case.is_red}.union(targets)
    seen = Coverage({node: _without(files, editable) for node, files in baseline.coverage.lines.items() if node in wanted})
    lines = ochiai(seen, set(targets))
    _add_traceback(lines, baseline, targets, editable)
    return lines


def _in_scopes(lines: Suspicion, source: Source, syntax: Syntax, within: Collection[Scope]) -> tuple[dict[Scope, float], Suspicion]:
    """Return the best score of each scope that holds a line, and the lines that are there; of scopes `within` some, if there are any."""
    best: dict[Scope, float] = defaultdict(float)
    kept: Suspicion = {}
    for (path, line), score in lines.items():
        file = source(path)
        if file is None or not syntax.handles(path) or line >= len(file.line_starts):
            continue
        scope = syntax.scope_at(file, line)
        if within and not any(allowed.path == path and allowed.span.contains(scope.span) for allowed in within):
            continue
        best[scope] = max(best[scope], score)
        kept[path, line] = score
    return best, kept


def told_values(cases: Iterable[CaseResult]) -> tuple[str, ...]:
    """Return what failing tests compared and what their errors say is missing, as `repr` gives it."""
    found = (value for case in cases for value in (*reversed(case.values or ()), *map(repr, missing_names(case))))
    return tuple(dict.fromkeys(found))


def _add_spoken_of(lines: Suspicion, cases: Iterable[CaseResult], source: Source, syntax: Syntax, editable: Callable[[str], bool]) -> None:
    """Add what failures name, and, where no line inside a function is known, everything they can have to do with."""
    for case in cases:
        more = named(case, source, syntax, editable)
        if speaks_of_code(case, editable) and (is_file(case.node_id) or not any(_is_inside(place, source, syntax) for place in lines)):
            more = {**reached(case, source, syntax, editable), **more}
        for place, score in more.items():
            lines.setdefault(place, score)


def _is_inside(place: tuple[str, int], source: Source, syntax: Syntax) -> bool:
    file = source(place[0]) if syntax.handles(place[0]) else None
    return file is not None and place[1] < len(file.line_starts) and syntax.scope_at(file, place[1]).kind != "module"


def _add_unexecuted(scope: Scope, best: dict[Scope, float], kept: Suspicion) -> None:
    if any(scope.span.contains(found.span) and scope.path == found.path for found in best):
        return
    best[scope] = 0.5
    for line in range(scope.first_line, scope.last_line + 1):
        kept.setdefault((scope.path, line), 0.5)


def _add_traceback(lines: Suspicion, baseline: Baseline, targets: Iterable[str], editable: Callable[[str], bool]) -> None:
    top = max(lines.values(), default=1.0)
    for node in targets:
        case = baseline.suite.by_id.get(node)
        frames = [frame for frame in case.frames if editable(frame.path)] if case else []
        for distance, frame in enumerate(reversed(frames)):
            place = (frame.path, frame.line)
            lines[place] = max(lines.get(place, 0.0), top * (1.0 - 0.2 * min(distance, 4)))


def _without(files: LineMap, editable: Callable[[str], bool]) -> Mapping[str, frozenset[int]]:
    return {path: lines for path, lines in files.items() if editable(path)}


def _top_scopes(suspects: Suspects) -> frozenset[Scope]:
    """Return the functions nearly as suspicious as the most suspicious one; classes where there is no function.

    A class holds what all of its methods do, and its own lines run whenever it is imported: it would join tests that share nothing.
    """
    functions = [scope for scope in suspects.scopes if scope.kind not in ("module", "class")]
    best: dict[Scope, float] = {}
    for scope in functions or [scope for scope in suspects.scopes if scope.kind == "class"]:
        best[scope] = max(
            (score for (path, line), score in suspects.lines.items() if path == scope.path and scope.holds_line(line)), default=0.0
        )
    highest = max(best.values(), default=0.0)
    return frozenset(scope for scope, score in best.items() if score >= NEAR_TOP * highest)


def _grouped(red: list[str], top: Mapping[str, frozenset[Scope]]) -> list[list[str]]:
    groups: list[tuple[list[str], set[Scope]]] = []
    for node in red:
        mine = [group for group in groups if group[1] & top[node]]
        merged: tuple[list[str], set[Scope]] = ([], set(top[node]))
        for group in mine:
            groups.remove(group)
            merged[0].extend(group[0])
            merged[1].update(group[1])
        merged[0].append(node)
        groups.append(merged)
    order = {node: index for index, node in enumerate(red)}
    return sorted((sorted(nodes, key=order.__getitem__) for nodes, _ in groups), key=lambda nodes: order[nodes[0]])


def _short(node_id: str) -> str:
    """Return a test's own name; a command, or what else is no single word, in quotes."""
    name = node_id.rsplit("::", 1)[-1]
    return name if " " not in name else f"`{name}`"
