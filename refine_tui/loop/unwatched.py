"""Where a bug may be when nobody watched which lines the tests execute: what failures name, what that calls, and everything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import Baseline, CaseResult
from refine_tui.core.scope import Scope
from refine_tui.core.suspicion import Suspicion
from refine_tui.core.text import SourceFile
from refine_tui.loop.ports.thinking import Syntax

NAMED = 0.8
"""Score of a function that a failure's text, or the test's own lines around the failure, names."""
CALLED = 0.7
"""What is left of a score from a function to those it names."""
LEAST = 0.2
"""Score of the other functions."""
OUTSIDE = 0.1
"""Score of lines outside functions."""
MOST_FILES = 400
LARGEST_BYTES = 256 << 10
AROUND = 2
"""Lines of a test, before and after the one that failed, that are read where its function has no scope of its own."""
_WORD = re.compile(r"[A-Za-z_]\w+")
_RUST_TESTS = re.compile(rb"^#\[cfg\(test\)\]", re.MULTILINE)


@dataclass(frozen=True)
class _Place:
    scope: Scope
    words: frozenset[str]

    @property
    def short(self) -> str:
        return self.scope.name.rpartition(".")[2]


@dataclass
class Unwatched:
    """The functions of a project that may change, with the words in them. Reads the files once, when it is asked first."""

    files: Callable[[], Iterable[str]]
    source: Callable[[str], SourceFile | None]
    syntax: Syntax
    editable: Callable[[str], bool]
    _places: list[_Place] | None = None
    _sources: dict[str, SourceFile] = field(default_factory=dict)

    def lines(self, baseline: Baseline, targets: Collection[str]) -> Suspicion:
        """Return the score of every line that may change, in functions and outside them."""
        cases = [case for node in targets if (case := baseline.suite.by_id.get(node)) is not None]
        places = self._all(baseline)
        scores = _spread(places, frozenset(word for case in cases for word in self._named_by(case)))
        found: Suspicion = {}
        for path, source in self._sources.items():
            last = _last_line(source)
            found |= {(path, line): OUTSIDE for line in range(last)}
        for place, score in zip(places, scores, strict=True):
            scope = place.scope
            for line in range(scope.first_line, scope.last_line + 1):
                found[scope.path, line] = max(found.get((scope.path, line), 0.0), score)
        for case in cases:
            # Innermost last: the deeper in a stack a line is, the nearer it is to what went wrong.
            for distance, frame in enumerate(reversed(case.frames)):
                if (frame.path, frame.line) in found:
                    found[frame.path, frame.line] = max(found[frame.path, frame.line], 1.0 - 0.1 * min(distance, 4))
        return found

    def _all(self, baseline: Baseline) -> list[_Place]:
        if self._places is None:
            files = [path for path in self.files() if self.syntax.handles(path) and self.editable(path)]
            self._places = [place for path in _likely_first(files, baseline) for place in self._in_file(path)]
        return self._places

    def _in_file(self, path: str) -> Iterator[_Place]:
        source = self.source(path) if len(self._sources) < MOST_FILES else None
        if source is None or len(source.data) > LARGEST_BYTES:
            return
        try:
            scopes = self.syntax.scopes(source)
        except ProjectError:
            return  # the grammar of its language is not installed
        self._sources[path] = source
        last = _last_line(source)
        for scope in scopes:
            if scope.kind in ("function", "method") and scope.first_line < last:
                text = source.data[scope.span.start : scope.span.end].decode("utf-8", "replace")
                yield _Place(scope, frozenset(_WORD.findall(text)))

    def _named_by(self, case: CaseResult) -> set[str]:
        """Return the words of a failure, and of the lines of the tests that it names."""
        words = set(_WORD.findall(f"{case.node_id}\n{case.message}\n{case.details}"))
        for frame in case.frames:
            if not self.editable(frame.path):
                words |= self._around(frame.path, frame.line)
        return words

    def _around(self, path: str, line: int) -> set[str]:
        source = self.source(path)
        if source is None or line >= len(source.line_starts):
            return set()
        rows = source.data.decode("utf-8", "replace").split("\n")
        first, last = line - AROUND, line + AROUND
        if self.syntax.handles(path) and (scope := self.syntax.scope_at(source, line)).kind != "module":
            first, last = scope.first_line, min(scope.last_line, line)
        return set(_WORD.findall("\n".join(rows[max(0, first) : last + 1])))


def _likely_first(files: list[str], baseline: Baseline) -> list[str]:
    """Return files in the order in which they are read: those in stack traces, those whose name failures mention, the others."""
    red = [case for case in baseline.suite.cases if case.is_red]
    framed = {frame.path for case in red for frame in case.frames}
    text = "\n".join((*(f"{case.node_id} {case.message} {case.details}" for case in red), *framed))
    words = {word.lower() for word in _WORD.findall(text)}
    return sorted(files, key=lambda path: (path not in framed, PurePosixPath(path).stem.lower() not in words))


def _spread(places: list[_Place], words: frozenset[str]) -> list[float]:
    """Score functions: those that are named, less for what they name in turn, and so on."""
    scores = [NAMED if place.short in words else 0.0 for place in places]
    score = NAMED
    reached = {place.short for place, found in zip(places, scores, strict=True) if found}
    while reached and score * CALLED > LEAST:
        score *= CALLED
        said = frozenset(word for place in places if place.short in reached for word in place.words)
        reached = set()
        for number, place in enumerate(places):
            if not scores[number] and place.short in said:
                scores[number] = score
                reached.add(place.short)
    return [score or LEAST for score in scores]


def _last_line(source: SourceFile) -> int:
    """Return the line at which a file's own tests begin; of a file without any, the number of its lines."""
    match = _RUST_TESTS.search(source.data) if source.path.endswith(".rs") else None
    return source.line_of(match.start()) if match else len(source.line_starts)
