"""Which command would run the tests of a project that is not Python, judged by the files in its folder."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from refine_tui.core.errors import ProjectError
from refine_tui.core.sanitize import shorten

COMMANDS = {
    "Cargo.toml": "cargo test --offline",
    "go.mod": "go test -v ./...",
    "package.json": "node --test --test-reporter=tap",
    "pom.xml": "mvn -o -q test",
    "build.gradle": "gradle --offline test",
    "build.gradle.kts": "gradle --offline test",
    "CMakeLists.txt": "cmake -B build && cmake --build build && ctest --test-dir build",
    "Makefile": "make test",
}
"""A file that gives a project away, and what usually runs its tests; those that say most come first."""
_JUNIT = {"pom.xml": "target/surefire-reports/*.xml", "build.gradle": "build/test-results/test/*.xml"}
_RUNNERS = {
    "node --test": COMMANDS["package.json"],
    "vitest": "node_modules/.bin/vitest run --reporter=tap-flat",
    "mocha": "node_modules/.bin/mocha --reporter tap",
}
"""A word of the script `test`, and the command with results that can be read one by one."""
_PYTHON = ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", "requirements.txt", "conftest.py")
_FOLDERS = (".", "src", "test", "tests")
_RULE = re.compile(r"^([\w./-]+(?:[ \t]+[\w./-]+)*)[ \t]*::?(?!=)", re.MULTILINE)


def refuse_without_command(project: Path, settings_file: Path, trust: str) -> None:
    """Refuse a project that is clearly not Python's, with the lines to write.

    Args:
        project: its folder.
        settings_file: the user's own settings.
        trust: the command line that makes the project a trusted one.

    Raises:
        ProjectError: it has another language's project file, or a command that does not count yet, and nothing of Python.
    """
    if is_python(project):
        return
    if command := _own_command(project):
        raise ProjectError(
            f"{project / 'refine.toml'} says that `{shorten(command, 80)}` runs the tests, and a command counts only in a project that you "
            f"trust. Read it; this trusts the project:\n  {trust}"
        )
    found = next((name for name in COMMANDS if (project / name).is_file()), None)
    if found is None:
        return
    command = _OWN[found](project) if found in _OWN else COMMANDS[found]
    asked = "" if command else " Neither `test` nor `check` is a target of it: which one runs the tests?"
    command = command or "make TARGET"
    lines = [f"command = {quoted(command)}"]
    if junit := _JUNIT.get(found.removesuffix(".kts")):
        lines.append(f"junit = {quoted(junit)}")
    raise ProjectError(
        f"{project} has a {found} and no Python tests: say how its tests are run.{asked} Write into {project / 'refine.toml'}:\n"
        "  [test]\n  " + "\n  ".join(lines) + "\n"
        f"It counts once you trust the project:\n  {trust}\nWhat stands in {settings_file} counts at once, in every project."
    )


def _own_command(project: Path) -> str:
    """Return the command that the project's own settings name; empty when none, or when they cannot be read."""
    try:
        table = tomllib.loads((project / "refine.toml").read_text("utf-8")).get("test", {})
    except (OSError, ValueError):
        return ""
    return str(table.get("command", "")) if isinstance(table, dict) else ""


def _of_package(project: Path) -> str:
    """Return what runs the tests of a JavaScript package so that they can be told apart, where its runner is known."""
    try:
        script = str(json.loads((project / "package.json").read_text("utf-8"))["scripts"]["test"])
    except (OSError, ValueError, KeyError, TypeError):
        return COMMANDS["package.json"]
    known = next((command for runner, command in _RUNNERS.items() if runner in script), "")
    return known or "npm test"


def _of_makefile(project: Path) -> str:
    """Return how make runs the tests; empty when no target says so: for one that is not there make may have a rule of its own."""
    targets = {name for names in _RULE.findall((project / "Makefile").read_text("utf-8", "replace")) for name in names.split()}
    return next((f"make {name}" for name in ("test", "check") if name in targets), "")


_OWN = {"package.json": _of_package, "Makefile": _of_makefile}
"""What is told more exactly by what stands in the file."""


def quoted(text: str) -> str:
    """Return text as a TOML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def is_python(project: Path) -> bool:
    """Say whether there is a sign of a Python project: its settings, or a Python file where code or tests lie."""
    if any((project / name).is_file() for name in _PYTHON):
        return True
    return any(next((project / folder).glob("*.py"), None) is not None for folder in _FOLDERS)
