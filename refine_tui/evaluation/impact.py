"""Which tests a patch can affect, from what each test executed on the base."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from refine_tui.core.evidence import Coverage, LineMap
from refine_tui.core.patch import FilePatch, Patch
from refine_tui.core.text import SourceFile
from refine_tui.evaluation.stream import Gathered


def coverage_of(gathered: Gathered) -> Coverage:
    """Join what tests executed with what importing their files executed.

    A line that runs at import is counted for every test whose file imports that file, however indirectly.
    """
    imported = {path: frozenset(lines) for path, lines in gathered.imported.items()}
    reached: dict[str, dict[str, frozenset[int]]] = {}
    result: dict[str, LineMap] = {}
    for node in gathered.cases:
        file = node.split("::", 1)[0]
        if file not in reached:
            reached[file] = {path: imported[path] for path in _closure(file, gathered.edges, imported) if path in imported}
        lines = dict(reached[file])
        for path, own in gathered.coverage.get(node, {}).items():
            lines[path] = frozenset(own) | imported.get(path, frozenset())
        result[node] = lines
    return Coverage(result, frozenset(gathered.in_part))


def _closure(file: str, edges: Mapping[str, Sequence[str]], known: Mapping[str, object]) -> set[str]:
    folders = [str(parent) for parent in PurePosixPath(file).parents]
    conftests = ["conftest.py" if folder == "." else f"{folder}/conftest.py" for folder in folders]
    todo, seen = [file, *(one for one in conftests if one in known)], set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += edges.get(path, ())
    return seen


def affected(coverage: Coverage, patch: Patch, tree: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the tests that a patch can affect, in the order of the base run; `tree` holds the bases.

    An edit inside function bodies affects the tests that ran any line of those bodies. Any other edit, and any in a file that is
    no Python or does not parse, affects the tests that ran or imported the file.
    """
    lines: dict[str, frozenset[int]] = {}
    whole: set[str] = set()
    for file in patch.files:
        bodies = _edited_bodies(file, tree[file.path])
        if bodies is None:
            whole.add(file.path)
        else:
            lines[file.path] = bodies
    chosen = set(coverage.tests_touching(lines)) | set(coverage.tests_touching_files(whole))
    if any(PurePosixPath(path).name == "conftest.py" or not path.endswith(".py") for path in whole):
        folders = [str(PurePosixPath(path).parent) for path in whole]
        chosen |= {node for node in coverage.lines for folder in folders if folder == "." or node.startswith(folder + "/")}
    return tuple(node for node in coverage.lines if node in chosen)


def _edited_bodies(file: FilePatch, data: bytes) -> frozenset[int] | None:
    """Return the 0-based lines of the outermost functions' bodies that hold all edits, or `None` when one lies outside."""
    try:
        bodies = _bodies(ast.parse(data))
    except (SyntaxError, ValueError):
        return None
    source = SourceFile(file.path, data)
    found: set[int] = set()
    for edit in file.edits:
        first, last = source.line_of(edit.start), source.line_of(max(edit.start, edit.start + len(edit.old) - 1))
        body = next((body for body in bodies if first in body and last in body), None)
        if body is None:
            return None
        found |= set(body)
    return frozenset(found)


def _bodies(tree: ast.AST) -> list[range]:
    found: list[range] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(range(node.body[0].lineno - 1, node.end_lineno or node.lineno))
        else:
            found += _bodies(node)
    return found
