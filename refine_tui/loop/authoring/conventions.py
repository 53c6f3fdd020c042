"""How a Python project writes its tests, as far as its files tell: where they lie, what they are called, how they import."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from refine_tui.core.errors import ProjectError
from refine_tui.core.patch import Edit, Patch, edit_file
from refine_tui.core.paths import matches
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
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


@dataclass(frozen=True)
class Host:
    """A file of tests that is there and imports the function: one test more belongs into it."""

    source: SourceFile
    bound: Mapping[str, str]
    """The names at its top → what they import, as `module.name`; empty for what it defines itself."""

    def patch_with(self, code: str, about: str) -> Patch | None:
        """Return the patch that adds functions below everything else; `None` where they need imports or names that are not to be had.

        Args:
            code: a module of functions and imports.
            about: a comment above them, one line.
        """
        body = ast.parse(code).body
        imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
        functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
        wanted = {name: origin for node in imports for name, origin in _imported(node)}
        wanted |= {"pytest": "pytest"} if "pytest." in code else {}
        if any(self.bound.get(name) != origin for name, origin in wanted.items()) or not self.bound.keys().isdisjoint(functions):
            return None
        dropped = {line for node in imports for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
        kept = "\n".join(line for number, line in enumerate(code.split("\n"), start=1) if number not in dropped).strip()
        end = "\r\n" if b"\r\n" in self.source.data else "\n"
        lines = [*([""] * (not self.source.data.endswith(b"\n"))), "", "", f"# {about}", *kept.split("\n"), ""]
        return edit_file(self.source, [Edit(len(self.source.data), b"", end.join(lines).encode())])


def host_of(scope: Scope, workspace: Workspace, manner: Manner) -> Host | None:
    """Return the file in which the function's module is tested already, as far as it imports the function and may be written to."""
    module = scope.path.rpartition("/")[2].removesuffix(".py")
    name, origin = scope.name.split(".")[0], f"{manner.module}.{scope.name.split('.')[0]}"
    if manner.imports_module:
        name, origin = manner.module.split(".")[0], manner.module
    for path in _own_files(module, files_of_tests(workspace.files())):
        source = workspace.read(path)
        nodes = _top(source.text)
        bound = {name: origin for node in nodes for name, origin in _bound(node)}
        tests = any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in nodes)
        if tests and bound.get(name) == origin and "\ufffd" not in source.text and not workspace.refuses(path):
            return Host(source, bound)
    return None


def _top(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return []


def _bound(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the names that a statement at the top of a file binds, each with what it imports."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _imported(node)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, ""
    else:
        yield from ((inner.id, "") for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    for one in node.names:
        if isinstance(node, ast.ImportFrom):
            yield one.asname or one.name, f"{'.' * node.level}{node.module or ''}.{one.name}"
        else:
            yield one.asname or one.name.split(".")[0], one.name


def _own_files(module: str, tests: Sequence[str]) -> list[str]:
    return [path for path in tests if path.rpartition("/")[2] in (f"test_{module}.py", f"{module}_test.py")]


def _folder(module: str, tests: Sequence[str], files: Sequence[str]) -> str:
    folders = Counter(path.rpartition("/")[0] for path in _own_files(module, tests) or tests)
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
