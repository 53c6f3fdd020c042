"""The search proposer: edit operators at suspicious lines, most likely first."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import pairwise
from math import log

from refine_tui.core.errors import StaleBaseError
from refine_tui.core.patch import Edit, FilePatch, Patch, patch_between, splice
from refine_tui.core.proposal import OperatorEdit, Proposal, joined_edits
from refine_tui.core.scope import Scope
from refine_tui.core.suspicion import Suspicion
from refine_tui.core.text import SourceFile
from refine_tui.loop.planning import Suspects
from refine_tui.loop.ports.thinking import Syntax

ENOUGH = 4_000
"""Edits looked at in one round; beyond that the least suspicious scopes are left out."""
SECONDS = 100
"""Edits that are tried on top of one that did not help by itself, at most."""
SUSPICION_WEIGHT = 3.0
PRIOR_WEIGHT = 1.0
BY_HEART = -60.0
"""Added to the log score of an edit that puts in place of an expression just what a failing test wants to see: it is tried last of all."""
MENDED = 0.5
"""Suspicion of what nothing is known of, since it could not be parsed."""
_PLAIN = frozenset({"True", "False", "None", "0", "1", "-1", "0.0", "''", "[]", "{}", "()"})


@dataclass(frozen=True)
class Base:
    """A state of the tree to build on: the user's own, or a candidate's."""

    tree: Mapping[str, bytes]
    """The user's files, for making patches against."""
    patch: Patch
    candidate: str = ""
    """Id of the candidate whose patch this is; empty: the user's tree."""
    score: float = 0.0

    def text(self, path: str) -> bytes:
        """Return a file as it is in this state."""
        for file in self.patch.files:
            if file.path == path:
                return file.apply(self.tree[path])
        return self.tree[path]

    def with_edits(self, path: str, edits: Sequence[Edit]) -> Patch:
        """Return the patch from the user's tree to this state with further edits in one file."""
        new = {file.path: file.apply(self.tree[file.path]) for file in self.patch.files}
        new[path] = splice(self.text(path), edits)
        return patch_between({name: self.tree[name] for name in new}, new)


def propose_edits(base: Base, suspects: Suspects, syntax: Syntax) -> list[Proposal]:
    """Return every operator edit at the suspicious lines, best first by suspicion and the operator's prior."""
    found: list[tuple[float, Scope, OperatorEdit, SourceFile]] = []
    for scope, lines, source in _places(base, suspects, syntax):
        top = max(lines.values())
        for edit in _edits(scope, lines, source, suspects, syntax):
            suspicion = lines.get(edit.line, 0.3 * top)
            score = SUSPICION_WEIGHT * log(max(suspicion, 1e-3)) + PRIOR_WEIGHT * log(max(edit.prior, 1e-6))
            found.append((score + BY_HEART * knows_by_heart(edit, suspects.values), scope, edit, source))
        if len(found) > ENOUGH:
            break
    found.sort(key=lambda row: -row[0])
    proposals = []
    for score, scope, edit, source in found[:ENOUGH]:
        patch = base.with_edits(source.path, edit.edits)
        if not patch.is_empty:
            proposals.append(Proposal(patch, "search", edit.operator, edit.note, scope, edit.line, score + base.score))
    return proposals


def _edits(scope: Scope, lines: Mapping[int, float], source: SourceFile, suspects: Suspects, syntax: Syntax) -> Iterable[OperatorEdit]:
    if scope.path in suspects.unreadable and not syntax.is_valid(source):
        return syntax.mends(source)
    return syntax.edits(source, scope, tuple(lines), suspects.values)


def knows_by_heart(edit: OperatorEdit, values: Collection[str]) -> bool:
    """Say whether an edit gives a value that a failing test compared, as `repr` gave it, instead of computing it.

    A literal in place of another one is none of that, and what is as plain as 0 or an empty list may be an honest answer.
    """
    telling = {value for value in values if value not in _PLAIN}
    for one in edit.edits if telling else ():
        old, new = (text.decode("utf-8", "replace").strip().removeprefix("return ").replace('"', "'") for text in (one.old, one.new))
        if new in telling and old not in _PLAIN and re.search(r"[A-Za-z_]", re.sub(r"'[^']*'", "", old)):
            return True
    return False


def _places(base: Base, suspects: Suspects, syntax: Syntax) -> list[tuple[Scope, dict[int, float], SourceFile]]:
    """Return the suspicious scopes as they stand in `base`, with the lines of each; lines move when a candidate has changed the file."""
    places = [place for path in sorted(suspects.unreadable) for place in _whole(SourceFile(path, base.text(path)), syntax)]
    for scope in suspects.scopes:
        if scope.path in suspects.unreadable:
            continue
        source = SourceFile(scope.path, base.text(scope.path))
        now = scope_in(base, scope, syntax)
        if now is None:
            continue
        lines = _own_lines(suspects.lines, scope, syntax, SourceFile(scope.path, base.tree[scope.path]))
        for file in base.patch.files:
            if file.path == scope.path:
                lines = _moved(lines, file, base.tree[scope.path])
                lines = {line: score for line, score in lines.items() if now.holds_line(line)}
        if lines:
            places.append((now, lines, source))
    return places


def _whole(source: SourceFile, syntax: Syntax) -> list[tuple[Scope, dict[int, float], SourceFile]]:
    """Return all of a file that could not be parsed before: each scope with its own lines, or just the file when it still cannot be."""
    scopes = syntax.scopes(source)
    if not syntax.is_valid(source):
        return [(scopes[0], {scopes[0].first_line: MENDED}, source)]
    lines: dict[Scope, dict[int, float]] = {scope: {} for scope in sorted(scopes, key=lambda scope: scope.kind == "module")}
    for line in range(len(source.line_starts)):
        lines[syntax.scope_at(source, line)][line] = MENDED
    return [(scope, own, source) for scope, own in lines.items() if own]


def _moved(lines: Mapping[int, float], file: FilePatch, text: bytes) -> dict[int, float]:
    """Return lines with their scores as they are numbered after a patch; what it wrote is as suspicious as what it wrote over."""
    moved: dict[int, float] = {}
    floor, at, shift = min(lines.values(), default=0.5), 0, 0
    for edit in file.edits:
        first = text.count(b"\n", 0, edit.start)
        old, new = edit.old.count(b"\n"), edit.new.count(b"\n")
        moved |= {line + shift: score for line, score in lines.items() if at <= line < first}
        score = max((lines[line] for line in range(first, first + old) if line in lines), default=floor)
        moved |= dict.fromkeys(range(first + shift, first + shift + max(new, 1)), score)
        at, shift = first + old, shift + new - old
    return moved | {line + shift: score for line, score in lines.items() if line >= at}


def scope_in(base: Base, scope: Scope, syntax: Syntax) -> Scope | None:
    """Return a scope of the user's tree as it stands in `base`, or `None` when it is gone.

    Of several with one name, as a property and its setter have, it is the one with the same place among them.
    """

    def namesakes(data: bytes) -> list[Scope]:
        return [s for s in syntax.scopes(SourceFile(scope.path, data)) if (s.name, s.kind) == (scope.name, scope.kind)]

    before, now = namesakes(base.tree[scope.path]), namesakes(base.text(scope.path))
    index = before.index(scope) if scope in before else 0
    return now[index] if index < len(now) else None


def _own_lines(lines: Suspicion, scope: Scope, syntax: Syntax, source: SourceFile) -> dict[int, float]:
    """Return the scope's suspicious lines that do not belong to a smaller scope inside it."""
    own = {line: score for (path, line), score in lines.items() if path == scope.path and scope.holds_line(line)}
    return {line: score for line, score in own.items() if syntax.scope_at(source, line).span == scope.span}


def scope_lines(text: bytes, scope: Scope) -> list[str]:
    """Return the lines of a scope as text, its indentation kept."""
    start = text.rfind(b"\n", 0, scope.span.start) + 1
    return _lines(text[start : scope.span.end])


def _lines(data: bytes) -> list[str]:
    """Return lines without their line ends. Only a line feed ends one: a form feed in a string does not."""
    return [line.removesuffix("\r") for line in data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")]


def is_plain(lines: Sequence[str]) -> bool:
    """Say whether lines can be shown to a model as they are: no control characters, nothing that is not UTF-8."""
    return all(line.replace("\t", "").isprintable() for line in lines)


def edited_scope(base: Base, proposal: Proposal, scope: Scope) -> list[str]:
    """Return the lines of the scope after a proposal that was made from `base` and changes nothing outside the scope."""
    before = base.text(scope.path)
    after = next((file.apply(base.tree[scope.path]) for file in proposal.patch.files if file.path == scope.path), base.tree[scope.path])
    start = before.rfind(b"\n", 0, scope.span.start) + 1
    return _lines(after[start : scope.span.end + len(after) - len(before)])


def pair_up(firsts: Sequence[Proposal], tree: Mapping[str, bytes], suspects: Suspects, syntax: Syntax) -> Iterator[Proposal]:
    """Yield edits on top of each of `firsts`, likeliest pairs first; an edited state is looked at only when its turn comes."""
    waiting = sorted(firsts, key=lambda first: -first.score)
    likeliest = max((first.score for first in waiting), default=0.0)
    heap: list[tuple[float, int, list[Proposal]]] = []
    begun = 0
    while heap or begun < len(waiting):
        if begun < len(waiting) and (not heap or waiting[begun].score + likeliest >= -heap[0][0]):
            number, seconds = begun, _on_top(waiting[begun], tree, suspects, syntax)
            begun += 1
        else:
            _, number, (found, *seconds) = heappop(heap)
            yield found
        if seconds:
            heappush(heap, (-seconds[0].score, number, seconds))


def _on_top(first: Proposal, tree: Mapping[str, bytes], suspects: Suspects, syntax: Syntax) -> list[Proposal]:
    base = Base(tree, first.patch, score=first.score)
    return [
        replace(
            second,
            proposer="combination",
            operator="combine",
            note=f"{first.note}; {second.note}",
            detail=(joined_edits(first, second),),
        )
        for second in propose_edits(base, suspects, syntax)[:SECONDS]
    ]


def merge(first: Patch, second: Patch, base: Base) -> Patch | None:
    """Return both patches as one, or `None` when they touch the same lines. Both are against the user's tree."""
    new: dict[str, bytes] = {}
    for path in sorted({*first.paths, *second.paths}):
        edits = sorted({edit for patch in (first, second) for file in patch.files if file.path == path for edit in file.edits})
        if any(one.span.end > two.start or one.start == two.start for one, two in pairwise(edits)):
            return None
        try:
            new[path] = splice(base.tree[path], edits)
        except StaleBaseError:
            return None
    return patch_between({path: base.tree[path] for path in new}, new)
