"""Functions to learn from: what an environment's installed packages and the standard library hold, less what is excluded."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
import sysconfig
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

RUN = 12
"""Tokens in a row that count as overlap with an excluded text."""
_TOKEN = re.compile(r"\w+|[^\w\s]")
_DEFINED = re.compile(r"\bdef\s+(\w+)")
_CLASS_NAME = re.compile(r"\b[A-Z]\w*")
_SKIPPED_PARTS = frozenset(
    {"test", "tests", "testing", "_vendor", "vendor", "vendored", "lib2to3", "idlelib", "turtledemo", "site-packages"}
)


@dataclass(frozen=True, slots=True)
class Package:
    """One installed distribution, or the standard library, and the Python files it brought."""

    name: str
    version: str
    licence: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """One function or method, dedented."""

    package: str
    name: str
    text: str

    @property
    def key(self) -> str:
        """Equal for functions that differ in white space, comments' layout or class names only."""
        plain = _CLASS_NAME.sub("C", without_docstring(self.text))
        return hashlib.sha256(" ".join(plain.split()).encode()).hexdigest()


@dataclass(frozen=True)
class Exclusions:
    """Names and token runs that no function of the corpus may share."""

    names: frozenset[str] = frozenset()
    runs: frozenset[tuple[str, ...]] = frozenset()
    texts: int = 0

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Exclusions:
        """Take every string of every JSON line in `paths` as text to stay away from.

        Raises:
            OSError: a file cannot be read.
            json.JSONDecodeError: a line is not JSON.
        """
        texts = [
            text for path in paths for line in path.read_text("utf-8").splitlines() if line.strip() for text in strings(json.loads(line))
        ]
        names = frozenset(name for text in texts for name in _DEFINED.findall(text) if not name.startswith("__"))
        return cls(names, frozenset(run for text in texts for run in token_runs(text)), len(texts))

    def reason(self, function: Function) -> str | None:
        """Return why the function must not be used (`name` or `run`), or None."""
        if self.names.intersection([function.name, *_DEFINED.findall(function.text)]):
            return "name"
        if self.runs and any(run in self.runs for run in token_runs(function.text)):
            return "run"
        return None


@dataclass
class Corpus:
    """The functions kept, and the record of where they came from and what was dropped."""

    functions: list[Function] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def save(self, folder: Path) -> None:
        """Write the functions and the manifest to a folder that exists; a run that carries on reads them again."""
        rows = [json.dumps([function.package, function.name, function.text]) for function in self.functions]
        put(folder / "functions.jsonl", "\n".join(rows))
        put(folder / "corpus.json", json.dumps(self.manifest(), indent=1))

    @classmethod
    def load(cls, folder: Path) -> Corpus | None:
        """Read what `save` wrote, or return None when the folder holds no corpus; paths of the packages' files are not kept."""
        if not (folder / "corpus.json").exists():
            return None
        manifest = json.loads((folder / "corpus.json").read_text("utf-8"))
        rows = (folder / "functions.jsonl").read_text("utf-8").split("\n")
        packages = [Package(row["name"], row["version"], row["licence"], ()) for row in manifest["packages"]]
        return cls([Function(*json.loads(row)) for row in rows if row], packages, Counter(manifest["dropped"]))

    def manifest(self) -> dict[str, Any]:
        """Return package versions, licences, counts and the digest of all texts, ready for JSON."""
        counts = Counter(function.package for function in self.functions)
        rows = [
            {"name": package.name, "version": package.version, "licence": package.licence, "functions": counts[package.name]}
            for package in self.packages
            if counts[package.name]
        ]
        total = hashlib.sha256("\0".join(function.text for function in self.functions).encode()).hexdigest()
        return {"packages": rows, "functions": len(self.functions), "dropped": dict(sorted(self.dropped.items())), "sha256": total}


def put(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, wherever the run is killed."""
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def strings(value: Any) -> Iterator[str]:
    """Yield every string inside a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from strings(part)


def token_runs(text: str) -> Iterator[tuple[str, ...]]:
    """Yield each run of `RUN` tokens: words and single signs."""
    tokens = _TOKEN.findall(text)
    for start in range(len(tokens) - RUN + 1):
        yield tuple(tokens[start : start + RUN])


def standard_library() -> Package:
    """Return the running interpreter's standard library."""
    root = Path(sysconfig.get_path("stdlib"))
    files = tuple(path for path in sorted(root.rglob("*.py")) if _wanted(path.relative_to(root)))
    return Package("python", sys.version.split()[0], "PSF-2.0", files)


def installed(site: Path) -> Iterator[Package]:
    """Yield the distributions of a site-packages folder that hold Python files, by name."""
    for found in sorted(distributions(path=[str(site)]), key=lambda each: each.metadata["Name"].lower()):
        files = tuple(site / path for path in sorted(map(str, found.files or ())) if path.endswith(".py") and _wanted(Path(path)))
        if files:
            yield Package(found.metadata["Name"].lower(), found.version, _licence(found), files)


def _licence(found: Distribution) -> str:
    classified = [line.rsplit(" :: ", 1)[1] for line in found.metadata.get_all("Classifier") or () if line.startswith("License ::")]
    said = [*(found.metadata.get_all("License-Expression") or ()), *classified, *(found.metadata.get_all("License") or ()), "unknown"]
    return str(said[0]).splitlines()[0][:120]


def _wanted(path: Path) -> bool:
    return not _SKIPPED_PARTS.intersection(path.parts) and not path.name.startswith(("test_", "conftest"))


def functions_of(package: Package, lines: range) -> Iterator[Function]:
    """Yield the functions and methods with a number of lines in `lines`; files that do not parse are passed over."""
    for path in package.files:
        try:
            source = path.read_text("utf-8")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(source)
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        rows = source.split("\n")
        for node in definitions(tree):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            if (node.end_lineno or 0) - first + 1 in lines:
                yield Function(package.name, node.name, textwrap.dedent("\n".join(rows[first - 1 : node.end_lineno])) + "\n")


def definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield functions of the module and of its classes, not those inside other functions."""
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef | ast.If | ast.Try):
            todo[:0] = node.body


def without_docstring(text: str) -> str:
    """Return the function without its docstring, or unchanged when it has none or nothing else."""
    node = ast.parse(text).body[0]
    body = getattr(node, "body", [])
    first = body[0] if body else None
    if (
        len(body) < 2
        or not isinstance(first, ast.Expr)
        or not isinstance(first.value, ast.Constant)
        or not isinstance(first.value.value, str)
    ):
        return text
    rows = text.split("\n")
    if rows[first.lineno - 1][: first.col_offset].strip() or body[1].lineno <= (first.end_lineno or 0):
        return text
    return "\n".join(rows[: first.lineno - 1] + rows[first.end_lineno :])


def usable(function: Function, longest: int, widest: int = 140) -> str | None:
    """Return why the text is no use for learning (`long`, `wide`, `broken`, `trivial`), or None.

    Args:
        function: the function looked at.
        longest: characters in all.
        widest: characters a line.
    """
    text = function.text
    if len(text) > longest:
        return "long"
    if "\r" in text or "\t" in text or "<|" in text or any(len(row) > widest for row in text.split("\n")):
        return "wide"
    try:
        without_docstring(text)
        body = getattr(ast.parse(text).body[0], "body", [])
    except (SyntaxError, ValueError):
        return "broken"
    return "trivial" if all(isinstance(each, ast.Expr | ast.Pass | ast.Raise) for each in body) else None


def collect(packages: Sequence[Package], exclusions: Exclusions, *, lines: range, longest: int, at_most: int) -> Corpus:
    """Return the corpus of these packages, in their order, each function once.

    Args:
        packages: where to look.
        exclusions: what to stay away from.
        lines: how many lines a function may have.
        longest: how many characters a function may have.
        at_most: functions a package may give; of a larger one every n-th is taken.
    """
    corpus = Corpus(packages=list(packages))
    seen: set[str] = set()
    for package in packages:
        kept: list[Function] = []
        for function in functions_of(package, lines):
            reason = usable(function, longest) or exclusions.reason(function)
            reason = reason or ("repeated" if function.key in seen else None)
            if reason:
                corpus.dropped[reason] += 1
                continue
            seen.add(function.key)
            kept.append(function)
        spread = _spread(kept, at_most)
        corpus.dropped["over the package's limit"] += len(kept) - len(spread)
        corpus.functions += spread
    return corpus


def _spread(kept: list[Function], at_most: int) -> list[Function]:
    if len(kept) <= at_most:
        return kept
    return [kept[index * len(kept) // at_most] for index in range(at_most)]
