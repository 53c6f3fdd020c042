"""Where the edit that undoes an injected bug stands among all that search offers: in the order of the file, and as they are ranked.

No test is run and every line is as suspicious as the next: what is measured is the order alone. A function stands by itself here, as
in the model's training data; which packages that data never held is on the model's card.
"""

from __future__ import annotations

import random
import statistics
import textwrap
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from refine_tui.bench.measuring import TIMES, Row, rounded
from refine_tui.core.patch import Patch, splice
from refine_tui.core.proposal import OperatorEdit, Proposal
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop.planning import Suspects
from refine_tui.loop.ports.thinking import Generator, LineEditing, Syntax
from refine_tui.loop.ranking import rank_by_model
from refine_tui.loop.search import Base, propose_edits

LINES = range(3, 46)
LONGEST = 900
"""Characters of a function, so that a model can rank it."""
FIRST = 10
TIMES_UNRANKED = 3.0
"""So many times as often as in the order of the file the right edit is to be among the first."""


@dataclass(frozen=True)
class Injected:
    """A function with one bug."""

    source: SourceFile
    scope: Scope
    right: str
    """The function without the bug, normalised."""
    family: str
    """Of the operator that made the bug."""


@dataclass(frozen=True)
class Ranks:
    """The place of the right edit, from 1 on; `None` where no edit undoes the bug."""

    candidates: int
    in_file: int | None
    """By the place they change, first to last."""
    by_search: int | None
    by_model: int | None = None
    """Also `None` without a model."""


def inject(files: Iterable[SourceFile], syntax: Syntax, count: int, seed: int) -> Iterator[Injected]:
    """Yield up to `count` functions of the files with one bug each, drawn so that no family of operators comes much more often."""
    chance, drawn = random.Random(seed), Counter[str]()
    functions = sorted({text for file in files for text in _functions(file, syntax)})
    chance.shuffle(functions)
    for text in functions:
        if drawn.total() == count:
            return
        source = SourceFile("function.py", text.encode())
        if not syntax.is_valid(source):
            continue
        families = _edits(source, syntax)
        if not families:
            continue
        family = min(sorted(families), key=lambda name: (drawn[name], chance.random()))
        edit = chance.choices(families[family], [one.prior for one in families[family]])[0]
        broken = SourceFile(source.path, splice(source.data, edit.edits))
        right = syntax.normalised(source)
        if syntax.is_valid(broken) and syntax.normalised(broken) != right:
            drawn[family] += 1
            yield Injected(broken, _whole(broken, syntax), right, family)


def _functions(file: SourceFile, syntax: Syntax) -> Iterator[str]:
    for scope in syntax.scopes(file):
        if scope.kind in ("function", "method") and scope.last_line - scope.first_line + 1 in LINES:
            start = file.data.rfind(b"\n", 0, scope.span.start) + 1
            text = textwrap.dedent(file.data[start : scope.span.end].decode("utf-8", "replace")) + "\n"
            if len(text) <= LONGEST and "\r" not in text and not text.startswith((" ", "\t")):
                yield text


def _edits(source: SourceFile, syntax: Syntax) -> Mapping[str, list[OperatorEdit]]:
    """Return the edits of a function by the operators' families."""
    families: dict[str, list[OperatorEdit]] = defaultdict(list)
    for edit in syntax.edits(source, _whole(source, syntax)):
        families[edit.operator.partition(".")[0]].append(edit)
    return families


def _whole(source: SourceFile, syntax: Syntax) -> Scope:
    """Return the function that a file consists of; the file itself when a bug left none."""
    scopes = syntax.scopes(source)
    return next((scope for scope in scopes if scope.kind in ("function", "method")), scopes[0])


def ranks(case: Injected, syntax: Syntax, generator: Generator | None, editing: LineEditing) -> Ranks:
    """Return where the right edit stands in each order.

    Raises:
        ModelError: the model cannot rank the function.
    """
    path, scope = case.source.path, case.scope
    base = Base({path: case.source.data}, Patch())
    lines = {(path, line): 1.0 for line in range(scope.first_line, scope.last_line + 1)}
    proposals = propose_edits(base, Suspects((scope,), lines), syntax)
    right = {one.patch.key for one in proposals if syntax.normalised(SourceFile(path, one.patch.apply(base.tree)[path])) == case.right}
    found = Ranks(len(proposals), _place(_in_file(proposals), right), _place(proposals, right))
    if generator is None:
        return found

    def failed(_: Scope, error: Exception) -> bool:
        raise error

    return replace(found, by_model=_place(rank_by_model(proposals, base, generator, editing, lambda: False, failed), right))


def _in_file(proposals: Sequence[Proposal]) -> list[Proposal]:
    return sorted(proposals, key=lambda one: [(edit.start, edit.old, edit.new) for edit in one.patch.files[0].edits])


def _place(proposals: Sequence[Proposal], right: set[str]) -> int | None:
    return next((place for place, one in enumerate(proposals, start=1) if one.patch.key in right), None)


def report(found: Sequence[Ranks]) -> Iterator[Row]:
    """Return the rows: each order's median place, how often it has the right edit among the first, and that against the file's order."""
    if not found:
        return
    orders: list[tuple[str, Callable[[Ranks], int | None]]] = [("the file's order", lambda one: one.in_file)]
    orders.append(("search", lambda one: one.by_search))
    if any(one.by_model for one in found):
        orders.append(("search and model", lambda one: one.by_model))
    unranked = _share(orders[0][1], found)
    candidates = statistics.median(one.candidates for one in found)
    for name, place in orders:
        places = [at if (at := place(one)) is not None else one.candidates + 1 for one in found]
        note = f"of {candidates:g} candidates"
        yield Row(
            f"median place of the right edit: {name}", rounded(statistics.median(places)), "", runs=len(found), note=note, basis="count"
        )
    for name, place in orders:
        share = _share(place, found)
        row = Row(f"right edit among the first {FIRST}: {name}", rounded(share), "share", runs=len(found), basis="count")
        row = replace(row, note=f"{round(share * len(found))} of {len(found)}")
        if place is not orders[0][1]:
            row = replace(row, baseline=rounded(unranked), ratio=rounded(share / unranked) if unranked else None)
        if place is orders[-1][1]:
            row = replace(row, target=f"≥ {TIMES_UNRANKED:g} {TIMES} the file's order", ok=share >= TIMES_UNRANKED * unranked)
        yield row


def _share(place: Callable[[Ranks], int | None], found: Sequence[Ranks]) -> float:
    return sum((at := place(one)) is not None and at <= FIRST for one in found) / len(found)
