"""A change as the detectors see it: files before and after, with their syntax trees and functions."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from refine_tui.core.evidence import Flag

Function = ast.FunctionDef | ast.AsyncFunctionDef
RESHAPED = 5
"""Lines of code that a change takes away or alters before it counts as one that changes what there is to test."""
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "integration_tests", "unit_tests"})


def is_test_file(path: str) -> bool:
    """Say whether a file is one of the tests, helpers of theirs included."""
    name = PurePosixPath(path).name
    folders = set(PurePosixPath(path).parts[:-1])
    return name.startswith("test_") or name.endswith("_test.py") or name in ("conftest.py", "tests.py") or bool(folders & _TEST_FOLDERS)


@dataclass(frozen=True)
class Source:
    """One file at one time."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree; `None` when it cannot be read, as with syntax newer than ours."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError):
            return None

    @property
    def lines(self) -> list[str]:
        """Its lines of code, without indentation, blank lines and comments."""
        stripped = (line.strip() for line in self.text.splitlines())
        return [line for line in stripped if line and not line.startswith("#")]

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """Functions and methods by dotted name, those inside functions left out. Of several with one name the last counts, as in Python."""
        return dict(_functions(self.tree.body, "")) if self.tree else {}

    @cached_property
    def tests(self) -> Mapping[str, Function]:
        """The test functions among them."""
        return {name: node for name, node in self.functions.items() if name.rpartition(".")[2].startswith("test")}

    @cached_property
    def names(self) -> frozenset[str]:
        """What the file defines: functions, classes, methods, and what is assigned at its top and in classes; its own name too."""
        found = {name.rpartition(".")[2] for name in self.functions} | {PurePosixPath(self.path).stem}
        for node in ast.walk(self.tree) if self.tree else ():
            if isinstance(node, ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.id if isinstance(node, ast.Name) else node.attr)
        return frozenset(found)


def _functions(body: Iterable[ast.stmt], prefix: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _functions([one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)], prefix)


@dataclass(frozen=True)
class Change:
    """All files that change, and the tests that stay."""

    before: Mapping[str, Source]
    after: Mapping[str, Source]
    tests: Mapping[str, Source] = field(default_factory=dict)

    @classmethod
    def of(cls, before: Mapping[str, bytes | None], after: Mapping[str, bytes | None], tests: Mapping[str, bytes]) -> Change:
        """Read the files."""
        return cls(_read(before), _read(after), _read(tests))

    def pairs(self, *, tests: bool) -> Iterator[tuple[Source, Source]]:
        """Return each Python file as it was and as it is, tests or others; what was not there or is gone stands as an empty one."""
        for path in sorted({*self.before, *self.after}):
            if path.endswith(".py") and is_test_file(path) is tests:
                yield self.before.get(path, Source(path, "")), self.after.get(path, Source(path, ""))

    @cached_property
    def removed_names(self) -> frozenset[str]:
        """Names of the code, tests left out, that are defined no more."""
        before = frozenset().union(*(old.names for old, _ in self.pairs(tests=False)))
        gone = {PurePosixPath(old.path).stem for old, new in self.pairs(tests=False) if not new.text and old.text}
        return (before - frozenset().union(*(new.names for _, new in self.pairs(tests=False)))) | gone

    @cached_property
    def is_reshaped(self) -> bool:
        """Whether so much of the code is gone, tests left out, that tests may well have gone with it."""
        lost = sum((Counter(old.lines) - Counter(new.lines)).total() for old, new in self.pairs(tests=False))
        return lost >= RESHAPED

    def all_tests(self) -> Iterator[tuple[str, Function]]:
        """Return every test function as it is now, with its file."""
        for source in (*self.after.values(), *self.tests.values()):
            if source.path.endswith(".py") and is_test_file(source.path):
                yield from ((source.path, node) for node in source.tests.values())

    def is_said_in_tests(self, value: object) -> bool:
        """Say whether a test file holds a literal that is equal to a value and of its type."""
        trees = (source.tree for source in (*self.after.values(), *self.tests.values()) if is_test_file(source.path))
        wanted = dump(ast.parse(repr(value), mode="eval").body)
        return any(isinstance(node, ast.expr) and dump(node) == wanted for tree in trees if tree for node in ast.walk(tree))


def _read(files: Mapping[str, bytes | None]) -> dict[str, Source]:
    return {path: Source(path, data.decode("utf-8-sig", "replace")) for path, data in files.items() if data is not None}


def dump(node: ast.AST) -> str:
    """Return what a piece of code is, whatever its layout and place."""
    return ast.dump(node)


def names_in(node: ast.AST) -> frozenset[str]:
    """Return every name and attribute that a piece of code mentions."""
    found = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute):
            found.add(one.attr)
        elif isinstance(one, ast.keyword) and one.arg:
            found.add(one.arg)
        elif isinstance(one, ast.alias):
            found.update(one.name.split("."))
    return frozenset(found)


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a name or a chain of attributes, the function's for a call; empty for anything else."""
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def flag(rule: str, message: str, path: str, node: ast.AST | int) -> Flag:
    """Return a flag at a node or a 0-based line."""
    line = node if isinstance(node, int) else getattr(node, "lineno", 1) - 1
    return Flag("tampering", message, rule=rule, path=path, line=line)
