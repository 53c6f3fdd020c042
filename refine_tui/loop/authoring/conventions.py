"""How a Python project writes its tests, as far as its files tell: where they lie, what they are called, how they import."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from refine_tui.core.errors import ProjectError
from refine_tui.core.paths import matches
from refine_tui.core.scope import Scope
from refine_tui.loop.authoring.spelling import Manner, snake
from refine_tui.loop.ports.keeping import Workspace

TESTS = ("test_*.py", "*_test.py")
_READ = 40
"""Test files that are read for their manner."""


def files_of_tests(files: Iterable[str]) -> tuple[str, ...]:
    """Return the files that pytest collects by its usual rules."""
    return tuple(path for path in files if matches(path, TESTS))


def bodies_of_tests(workspace: Workspace, scope: Scope) -> frozenset[str]:
    """Return what the test functions do that lie in files which name a function, each as `body_of` gives it."""
    texts = (workspace.read(path).text for path in files_of_tests(workspace.files()))
    own = [text for text in texts if scope.name.rpartition(".")[2] in text]
    return frozenset(_said(node.body) for text in own for node in _nodes(text) if isinstance(node, ast.FunctionDef))


def body_of(lines: Sequence[str]) -> str:
    """Return what lines of a function do, however they are laid out and quoted."""
    return _said(ast.parse("\n".join(lines)).body)


def _said(body: Sequence[ast.stmt]) -> str:
    return "\n".join(map(ast.dump, body))


def _nodes(text: str) -> Iterator[ast.AST]:
    try:
        yield from ast.walk(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return


def new_test_path(scope: Scope, files: Sequence[str]) -> str:
    """Return a path for a new test file, beside the tests of the same module, else where most tests lie; its name is new in the project."""
    tests = files_of_tests(files)
    names = [path.rpartition("/")[2] for path in tests]
    as_suffix = sum(name.endswith("_test.py") for name in names) > len(names) / 2
    module = scope.path.rpartition("/")[2].removesuffix(".py")
    folder = _folder(module, tests, files)
    symbol = snake(scope.name)
    stem = symbol if symbol.startswith(snake(module)) else f"{snake(module)}_{symbol}"
    taken = {path.rpartition("/")[2] for path in files}
    for number in range(1, 1000):
        stem_now = stem if number == 1 else f"{stem}_{number}"
        name = f"{stem_now}_test.py" if as_suffix else f"test_{stem_now}.py"
        if name not in taken:
            return f"{folder}/{name}" if folder else name
    raise ProjectError(f"There are a thousand test files for {scope.label} already. Remove some.")


def _folder(module: str, tests: Sequence[str], files: Sequence[str]) -> str:
    own = [path for path in tests if path.rpartition("/")[2] in (f"test_{module}.py", f"{module}_test.py")]
    folders = Counter(path.rpartition("/")[0] for path in own or tests)
    if folders:
        return min(folders, key=lambda folder: (-folders[folder], len(folder), folder))
    return next((name for name in ("tests", "test") if any(path.startswith(f"{name}/") for path in files)), "")


def manner_of(scope: Scope, workspace: Workspace, module: str) -> Manner:
    """Return how a test of a function is to be written here."""
    source = workspace.read(scope.path).text
    texts = [workspace.read(path).text for path in files_of_tests(workspace.files())[:_READ]]
    named = rf"^\s*(import {re.escape(module)}\b|from {re.escape(module)} import)"
    imports = Counter(match[1].split(" ")[0] for text in texts for match in re.finditer(named, text, re.MULTILINE))
    quotes = Counter(mark for text in texts for mark in re.findall(r"[\"'](?=[\w ]*[\"'])", text.replace('"""', "")))
    parameters, is_property = _parameters(source, scope)
    return Manner(
        module,
        imports_module=imports["import"] > imports["from"],
        double_quotes=quotes['"'] >= quotes["'"],
        parameters=parameters,
        is_property=is_property,
        errors=_names(source),
    )


def _parameters(source: str, scope: Scope) -> tuple[tuple[str, ...], bool]:
    """Return the names of a function's positional parameters without its receiver, and whether it is a property."""
    name = scope.name.rpartition(".")[2]
    for node in ast.walk(ast.parse(source)):
        first = min([getattr(node, "lineno", 0), *(mark.lineno for mark in getattr(node, "decorator_list", ()))])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name and first == scope.first_line + 1:
            marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            return tuple(names["." in scope.name and "staticmethod" not in marks :]), bool(marks & {"property", "cached_property"})
    return (), False


def _names(source: str) -> frozenset[str]:
    """Return the classes that a module defines or imports by name, at its top."""
    found: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            found.update(one.asname or one.name for one in node.names)
    return frozenset(found)


def statement_lines(source: str, scope: Scope) -> frozenset[int]:
    """Return the 0-based lines on which statements of a function begin, its doc string and nested definitions' heads left out."""
    inside = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt) and scope.holds_line(node.lineno - 1)]
    kept = (
        node for node in inside if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Global | ast.Nonlocal)
    )
    return frozenset(node.lineno - 1 for node in kept if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)))
