"""The checks a project may use beside its tests: how each is found, called and read."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refine_tui.core.evidence import Finding, GateKind

_RUFF = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<rule>[\w-]+):? (?:\[\*\] )?(?P<message>.+)")
_MYPY = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?:(?P<column>\d+):)? error: (?P<message>.+?)(?:  \[(?P<rule>[\w-]+)\])?$")
_ANY = re.compile(r"(?P<path>[^\s:][^:]*):(?P<line>\d+):(?:(?P<column>\d+):)? (?P<message>.+)")


@dataclass(frozen=True)
class Said:
    """What a check printed and how it ended."""

    status: int | None
    """`None`: it had to be ended."""
    out: str
    errors: str
    """The end of its standard error."""
    stopped: str = ""
    """The limit at which it was ended."""


Read = Callable[[Said, Path], list[Finding] | None]
"""Returns the findings, or `None` when the check could not do its work."""


@dataclass(frozen=True)
class Checker:
    """One tool."""

    name: str
    kind: GateKind
    settings: tuple[str, ...]
    """Files of its own that say that a project uses it."""
    options: tuple[str, ...]
    read: Read
    everything: Callable[[Path], tuple[str, ...]]
    """The arguments that make it look at the whole project."""
    follows: bool = False
    """Whether an edit can cause findings in files that were not edited."""
    folders: tuple[str, ...] = ()
    """Folders of the project that may hold it, beside the environment."""

    def is_used(self, project: Path) -> bool:
        """Say whether the project configures it."""
        return any((project / name).is_file() for name in self.settings) or bool(section(project, self.name))

    def find(self, project: Path, environment: Path) -> Path | None:
        """Return the tool: of the project's environment, or of the project itself."""
        places = [environment / self.name, *(project / folder / self.name for folder in self.folders)]
        return next((place for place in places if place.is_file()), None)


def section(project: Path, name: str) -> dict[str, Any]:
    """Return what the project's shared configuration files say about a tool; empty when nothing, or when they cannot be read."""
    try:
        found = tomllib.loads((project / "pyproject.toml").read_text("utf-8")).get("tool", {}).get(name)
        if isinstance(found, dict):
            return found or {"": ""}
    except (OSError, ValueError, AttributeError):
        pass
    return _from_ini(project / "setup.cfg", name)


def _from_ini(file: Path, name: str) -> dict[str, Any]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(file.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return {}
    return dict(parser[name]) or {"": ""} if parser.has_section(name) else {}


def _ruff(said: Said, _project: Path) -> list[Finding] | None:
    return _lines(_RUFF, said) if said.status in (0, 1) else None


def _mypy(said: Said, _project: Path) -> list[Finding] | None:
    found = _lines(_MYPY, said)
    return found if said.status in (0, 1) or (said.status == 2 and found) else None  # 2: also a file that does not parse


def _lines(form: re.Pattern[str], said: Said) -> list[Finding]:
    matches = (form.match(line.rstrip()) for line in said.out.splitlines())
    return [_finding(match.groupdict()) for match in matches if match]


def _finding(parts: dict[str, str | None]) -> Finding:
    return Finding(
        path=str(parts["path"]).removeprefix("./"),
        line=max(0, int(parts["line"] or 1) - 1),
        message=str(parts["message"]),
        rule=parts.get("rule") or "",
        column=max(0, int(parts.get("column") or 1) - 1),
    )


def _pyright(said: Said, project: Path) -> list[Finding] | None:
    try:
        rows = json.loads(said.out)["generalDiagnostics"]
        return [_of_pyright(row, project) for row in rows if row["severity"] == "error"]
    except (ValueError, KeyError, TypeError):
        return None


def _of_pyright(row: dict[str, Any], project: Path) -> Finding:
    start = row["range"]["start"]
    path = _within(row.get("file") or row["uri"], project)
    return Finding(path, start["line"], " ".join(row["message"].split()), row.get("rule", ""), start["character"])


def _within(file: str, project: Path) -> str:
    """Return a path as the project spells it; the copy that was checked may lie elsewhere."""
    path = Path(file)
    if path.is_relative_to(project):
        return path.relative_to(project).as_posix()
    tails = (Path(*path.parts[start:]) for start in range(1, len(path.parts)))
    return next((tail.as_posix() for tail in tails if (project / tail).is_file()), file)


def of_command(said: Said, _project: Path) -> list[Finding] | None:
    """Read what a command of the user's printed, where it names places as compilers do."""
    return None if said.status is None else _lines(_ANY, Said(said.status, said.out + "\n" + said.errors, ""))


def _mypy_everything(project: Path) -> tuple[str, ...]:
    own = next((_from_ini(project / name, "mypy") for name in ("mypy.ini", ".mypy.ini") if (project / name).is_file()), None)
    known = section(project, "mypy") if own is None else own
    return () if {"files", "packages", "modules"} & known.keys() else (".",)


RUFF = Checker(
    "ruff", "lint", ("ruff.toml", ".ruff.toml"), ("check", "--no-cache", "--no-fix", "--output-format=concise"), _ruff, lambda _: (".",)
)
MYPY = Checker(
    "mypy",
    "types",
    ("mypy.ini", ".mypy.ini"),
    (
        *("--no-error-summary", "--hide-error-context", "--no-color-output", "--no-pretty", "--show-column-numbers"),
        *("--show-error-codes", "--cache-dir=/dev/null"),
    ),
    _mypy,
    _mypy_everything,
    follows=True,
)
PYRIGHT = Checker(
    "pyright", "types", ("pyrightconfig.json",), ("--outputjson",), _pyright, lambda _: (), follows=True, folders=("node_modules/.bin",)
)
CHECKERS: Sequence[Checker] = (RUFF, MYPY, PYRIGHT)
