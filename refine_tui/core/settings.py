"""What can be set, with defaults, and the reading of it from a parsed file.

A project's own `refine.toml` may tighten and describe; what loosens (an interpreter, a command, sandbox exceptions) counts only
from the user's configuration or when the user trusts the project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from refine_tui.core.errors import UsageError
from refine_tui.core.task import Budget

DEFAULT_PROTECTED = (
    "test_*.py",
    "*_test.py",
    "conftest.py",
    "*_test.go",
    "*.test.*",
    "*.spec.*",
    "__tests__/**",
    "*Test.java",
    "test_*.c",
    "*_test.c",
    "test_*.cpp",
    "*_test.cpp",
    "*_test.cc",
    "tests/**",
    "test/**",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    "refine.toml",
    ".git*/**",
)
LOOSENS = frozenset({"python", "sandbox_allow", "environment", "gates", "timed", "plain_http", "test_command", "test_filter"})


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; the names are those of `refine.toml` with the table as prefix where it says so."""

    python: str = ""
    """`[project] python`: the project's interpreter; empty: found as documented."""
    tests: tuple[str, ...] = ()
    """`[test] paths`: what to collect; empty: pytest's own configuration."""
    test_command: str = ""
    """`[test] command`: what runs the tests, for `/bin/sh`; empty: pytest, else unittest."""
    test_filter: str = ""
    """`[test] filter`: the same for some tests; `{names}` and `{pattern}` stand for them."""
    test_junit: str = ""
    """`[test] junit`: the JUnit XML that the command writes, a path or a pattern."""
    test_format: str = ""
    """`[test] format`: how the command's output is read; empty: found out."""
    markers: str = ""
    """`[test] markers`: a pytest `-m` expression."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """`[test] environment`: variables for the tests."""
    test_timeout_s: float = 5.0
    """`[test] timeout`: seconds one test may take."""
    survey_limit_s: float = 900.0
    """`[test] survey_limit`: seconds the first whole run may take."""
    gates: tuple[str, ...] = ()
    """`[gates] commands`: shell commands that a change must not make fail."""
    timed: tuple[str, ...] = ()
    """`[gates] timed`: shell commands that a change must not make slower."""
    protected: tuple[str, ...] = ()
    """`[project] protected`: patterns no patch may touch, beside the tests and packaging files; a project's add to the user's."""
    sandbox_allow: tuple[str, ...] = ()
    """`[sandbox] allow`: masked files that the tests may read after all."""
    model: str = ""
    """`[model] use`: a name, a path, a server's address, or `none`; empty: the chosen or shipped one."""
    gpu_layers: int | None = None
    """`[model] gpu_layers`: layers to offload; `None`: as many as fit."""
    plain_http: tuple[str, ...] = ()
    """`[model] plain_http`: hosts (`HOST` or `HOST:PORT`) of model servers that may be reached without encryption."""
    offline: bool = False
    """`offline`: any use of the network is an error."""
    budget: Budget = field(default_factory=Budget)
    """`[budget]`: rounds, seconds, tokens, changed_lines."""
    theme: str = ""
    """`[ui] theme`: a theme's name."""


_SECONDS = (int, float)
_KEYS: dict[tuple[str, str], tuple[str, type | tuple[type, ...], str]] = {
    ("project", "python"): ("python", str, "a path"),
    ("project", "protected"): ("protected", list, "a list of path patterns"),
    ("test", "paths"): ("tests", list, "a list of paths"),
    ("test", "command"): ("test_command", str, "a shell command"),
    ("test", "filter"): ("test_filter", str, "a shell command with {names} or {pattern} in it"),
    ("test", "junit"): ("test_junit", str, "a path in the project"),
    ("test", "format"): ("test_format", str, "tap, cargo, go, junit or exit"),
    ("test", "markers"): ("markers", str, "a pytest -m expression"),
    ("test", "environment"): ("environment", dict, "a table of strings"),
    ("test", "timeout"): ("test_timeout_s", _SECONDS, "seconds, more than 0"),
    ("test", "survey_limit"): ("survey_limit_s", _SECONDS, "seconds, more than 0"),
    ("gates", "commands"): ("gates", list, "a list of shell commands"),
    ("gates", "timed"): ("timed", list, "a list of shell commands"),
    ("sandbox", "allow"): ("sandbox_allow", list, "a list of path patterns"),
    ("model", "use"): ("model", str, "a model's name, a path, or none"),
    ("model", "gpu_layers"): ("gpu_layers", int, "a number of layers"),
    ("model", "plain_http"): ("plain_http", list, "a list of hosts"),
    ("", "offline"): ("offline", bool, "true or false"),
    ("ui", "theme"): ("theme", str, "a theme's name"),
}


def merge(settings: Settings, document: Mapping[str, Any], where: str, *, trusted: bool) -> tuple[Settings, tuple[str, ...]]:
    """Return `settings` with a parsed file laid over it, and the keys that were left out because the file is not trusted.

    Raises:
        UsageError: an unknown key or a value of the wrong kind; the message names file and key.
    """
    ignored = []
    for table, values in document.items():
        if ("", table) in _KEYS:
            table, values = "", {table: values}
        if not isinstance(values, Mapping):
            raise UsageError(f"{where}: {table}: expected a table such as [test].")
        if table == "budget":
            settings = replace(settings, budget=_budget(settings.budget, values, where))
            continue
        for key, value in values.items():
            shown = f"{table}.{key}".removeprefix(".")
            if (table, key) not in _KEYS:
                known = (
                    ", ".join(sorted(name for place, name in _KEYS if place == table)) or "project, test, gates, sandbox, model, budget, ui"
                )
                raise UsageError(f"{where}: {shown}: there is no such setting. Known: {known}.")
            name, kind, expected = _KEYS[table, key]
            if not _fits(value, kind):
                raise UsageError(f"{where}: {shown}: expected {expected}.")
            if not trusted and _loosens(name, value):
                ignored.append(shown)
            else:
                settings = _with(settings, name, value)
    return settings, tuple(ignored)


def _fits(value: Any, kind: Any) -> bool:
    """Say whether a value is of its kind: lists and tables hold strings, and seconds can be waited for."""
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        return False
    if kind is _SECONDS:
        return 0 < float(value) < float("inf")
    each = value.values() if kind is dict else value if kind is list else ()
    return all(isinstance(one, str) for one in each)


def _with(settings: Settings, name: str, value: Any) -> Settings:
    held = tuple(value) if isinstance(value, list) else value
    if name == "protected":
        held = tuple(dict.fromkeys((*settings.protected, *held)))
    changed: dict[str, Any] = {name: held}
    return replace(settings, **changed)


def _loosens(name: str, value: Any) -> bool:
    """Say whether a setting gives more than defaults allow: a model that is no mere name may be a hostile file or another machine."""
    if name == "model":
        return "/" in value or "\\" in value or value.endswith(".gguf")
    return name in LOOSENS or (name == "offline" and not value)


def _budget(budget: Budget, values: Mapping[str, Any], where: str) -> Budget:
    known = {field.name for field in fields(Budget)}
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"{where}: budget.{key}: there is no such setting. Known: {', '.join(sorted(known))}.")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            raise UsageError(f"{where}: budget.{key}: expected a number above 0.")
    changed: dict[str, Any] = {key: value if key == "seconds" else int(value) for key, value in values.items()}
    return replace(budget, **changed)
