"""Lint and types, as far as the project uses them: only what a patch makes worse counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from refine_tui.core.evidence import GateResult
from refine_tui.core.isolation import Limits
from refine_tui.evaluation.settings import Place
from refine_tui.loop.ports.running import Launch, Sandbox

_LIMIT_S = 60.0
_COMMANDS = {
    "ruff": ("check", "--no-cache", "--no-fix", "--output-format=concise"),
    "mypy": ("--no-error-summary", "--hide-error-context", "--no-color-output", "--cache-dir=/dev/null"),
}
_FINDING = re.compile(r"(?P<path>[^:\s][^:]*):(?P<line>\d+):(?:\d+:)? (?P<text>.*)")


class Gates:
    """The checks that a project configures and whose tool its environment has."""

    def __init__(self, place: Place, sandbox: Sandbox) -> None:
        self._place = place
        self._sandbox = sandbox
        self._tools = tuple(name for name in _COMMANDS if uses(place.project, name) and tool(place, name).is_file())
        self._base: dict[tuple[str, tuple[str, ...]], Counter[str]] = {}

    def check(self, files: Mapping[str, bytes]) -> tuple[GateResult, ...]:
        """Compare the findings in these files, as changed, with those on the tree."""
        paths = tuple(sorted(path for path in files if path.endswith((".py", ".pyi"))))
        return tuple(self._compare(name, paths, files) for name in self._tools) if paths else ()

    def _compare(self, name: str, paths: tuple[str, ...], files: Mapping[str, bytes]) -> GateResult:
        if (name, paths) not in self._base:
            self._base[name, paths] = Counter(_without_line(finding) for finding in self._findings(name, paths, {}))
        allowed = self._base[name, paths].copy()
        new = []
        for finding in self._findings(name, paths, files):
            key = _without_line(finding)
            allowed[key] -= 1
            if allowed[key] < 0:
                new.append(finding)
        summary = "no new findings" if not new else f"{len(new)} new finding{'s' if len(new) > 1 else ''}"
        return GateResult(name, not new, summary, tuple(new[:20]))

    def _findings(self, name: str, paths: tuple[str, ...], files: Mapping[str, bytes]) -> list[str]:
        launch = Launch(
            argv=(str(tool(self._place, name)), *_COMMANDS[name], *paths),
            project=self._place.project,
            readable=self._place.interpreter.roots,
            files=files,
            environment=self._place.environment(),
            limits=Limits(wall_s=_LIMIT_S, cpu_s=_LIMIT_S),
        )
        with self._sandbox.launch(launch) as running:
            said = running.stdout.read().decode("utf-8", "replace")
            running.wait(_LIMIT_S)
        return [line for line in said.splitlines() if _FINDING.match(line) and ": note: " not in line]


def _without_line(finding: str) -> str:
    """A finding's identity: edits move lines."""
    match = _FINDING.match(finding)
    return f"{match['path']}: {match['text']}" if match else finding


def tool(place: Place, name: str) -> Path:
    """Return where the environment of the project has a command."""
    return place.interpreter.path.parent / name


def uses(project: Path, name: str) -> bool:
    """Say whether the project configures a tool."""
    own = {"ruff": ("ruff.toml", ".ruff.toml"), "mypy": ("mypy.ini", ".mypy.ini")}[name]
    if any((project / file).is_file() for file in own):
        return True
    sections = {"pyproject.toml": f"[tool.{name}", "setup.cfg": f"[{name}]"}
    return any(
        (project / file).is_file() and section in (project / file).read_text("utf-8", "replace") for file, section in sections.items()
    )
