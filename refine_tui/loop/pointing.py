"""What a failure speaks of when no executed line tells: names in its text, and what its test file imports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import CaseResult, SuiteResult, uncollected
from refine_tui.core.scope import Scope
from refine_tui.core.suspicion import Suspicion
from refine_tui.core.text import SourceFile
from refine_tui.loop.ports.thinking import Syntax

NAMED, REACHED = 0.3, 0.1
"""Suspicion of what the failure names, and of everything else that its file imports; what failing tests execute has up to 1."""
MOST_FILES = 20
SPEAKS_OF_NAMES = frozenset({"NameError", "AttributeError", "ImportError", "ModuleNotFoundError", "KeyError", "UnboundLocalError"})
"""Errors whose text names what is missing, in quotes."""
UNREADABLE = frozenset({"SyntaxError", "IndentationError", "TabError"})

Source = Callable[[str], SourceFile | None]


def is_file(node_id: str) -> bool:
    """Say whether a node id is that of a test file that could not be collected."""
    return "::" not in node_id


def refuse_uncollected(suite: SuiteResult, python: str = "", advice: str = "") -> None:
    """Raise what a person can act on when no test of a suite could be collected; `python` ran it, `advice` says what to do next.

    Raises:
        ProjectError: there are only files in error, no tests.
    """
    if suite.cases and all(is_file(case.node_id) and case.is_red for case in suite.cases):
        raise ProjectError("\n".join(filter(None, (uncollected(suite.cases, python), advice))))


def missing_names(case: CaseResult) -> tuple[str, ...]:
    """Return the names in quotes in the text of an error that says that something is not there."""
    found = re.findall(r"'([^\W\d]\w*)'", case.message) if case.error in SPEAKS_OF_NAMES else []
    return tuple(dict.fromkeys(found))


def unreadable(cases: Iterable[CaseResult], source: Source, syntax: Syntax, editable: Callable[[str], bool]) -> dict[str, int]:
    """Return the files that cannot be parsed, by what a failure says, each with the 0-based line; then others that its file imports."""
    stopped = [case for case in cases if case.error in UNREADABLE and case.frames and editable(case.frames[-1].path)]
    found = {case.frames[-1].path: case.frames[-1].line for case in stopped}
    for path in dict.fromkeys(path for case in stopped for path in _imported(case, source, syntax)):
        file = source(path) if editable(path) and path not in found else None
        if file is not None and not syntax.is_valid(file):
            found[path] = 0
    return found


def speaks_of_code(case: CaseResult, editable: Callable[[str], bool]) -> bool:
    """Say whether a failure has to do with code that may change; else the test itself is wrong, or something is not installed."""
    return any(editable(frame.path) for frame in case.frames) or case.error not in {*UNREADABLE, "NameError", "ModuleNotFoundError"}


def named(case: CaseResult, source: Source, syntax: Syntax, editable: Callable[[str], bool]) -> Suspicion:
    """Score the heads of definitions that are called like what is missing: misspelt, they are never executed."""
    names = missing_names(case)
    found: Suspicion = {}
    for path, scope in _scopes(case, source, syntax, editable) if names else ():
        if get_close_matches(_last(scope), names, 1, 0.7):
            found |= {(path, line): NAMED for line in _head(scope, source)}
    return found


def reached(case: CaseResult, source: Source, syntax: Syntax, editable: Callable[[str], bool]) -> Suspicion:
    """Score every line of what the test's file imports, functions that the failure's text names first."""
    words = set(re.findall(r"[^\W\d]\w*", f"{case.message} {case.details}"))
    found: Suspicion = {}
    for path, scope in _scopes(case, source, syntax, editable):
        score = NAMED if scope.kind != "module" and _last(scope) in words else REACHED
        for line in range(scope.first_line, scope.last_line + 1):
            found[path, line] = max(score, found.get((path, line), 0.0))
    return found


def _scopes(case: CaseResult, source: Source, syntax: Syntax, editable: Callable[[str], bool]) -> Iterator[tuple[str, Scope]]:
    for path in _imported(case, source, syntax):
        file = source(path)
        if file is not None and editable(path):
            yield from ((path, scope) for scope in syntax.scopes(file))


def _imported(case: CaseResult, source: Source, syntax: Syntax) -> list[str]:
    """Return the project's files that the test's file imports, however indirectly, nearest first."""
    seen = dict.fromkeys([case.node_id.split("::", 1)[0], *(frame.path for frame in case.frames)])
    todo = list(seen)
    while todo and len(seen) < MOST_FILES:
        file = source(todo.pop(0))
        if file is None or not syntax.handles(file.path):
            continue
        fresh = [path for path in syntax.imports(file) if path not in seen and source(path) is not None]
        seen |= dict.fromkeys(fresh)
        todo += fresh
    return list(seen)[:MOST_FILES]


def _last(scope: Scope) -> str:
    return scope.name.rpartition(".")[2]


def _head(scope: Scope, source: Source) -> Iterator[int]:
    """Yield the lines of a definition down to that of its name: the first that is no decorator."""
    file = source(scope.path)
    for line in range(scope.first_line, scope.last_line + 1):
        yield line
        if file and not file.line(line).lstrip().startswith(b"@"):
            return
