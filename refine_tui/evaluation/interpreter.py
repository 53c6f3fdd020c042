"""Finds the project's interpreter and asks it, inside the sandbox, what it is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from refine_tui.core.errors import ProjectError
from refine_tui.core.isolation import Limits
from refine_tui.evaluation.tools import stand_alone
from refine_tui.loop.ports.running import Launch, Sandbox

OLDEST_PYTHON = (3, 8)
OLDEST_PYTEST = 6
_SCRIPT = "python.exe" if os.name == "nt" else "python"
_FOLDER = "Scripts" if os.name == "nt" else "bin"


@dataclass(frozen=True)
class Interpreter:
    """The Python that runs the project's tests."""

    path: Path
    version: tuple[int, int, int]
    pytest: str
    """Version of pytest; empty: it has none, and unittest runs the tests."""
    roots: tuple[Path, ...]
    """Folders it must be able to read, beside the system's own and the project."""
    can_fork: bool = True
    has_pip: bool = True
    origin: str = ""
    """Why it is this one, where nothing of the project says so."""

    @property
    def runner(self) -> str:
        """What runs the tests, with its version."""
        return f"pytest {self.pytest}" if self.pytest else "unittest"

    def require_pytest(self, what: str) -> None:
        """Refuse what only pytest can do.

        Args:
            what: is done by it, in words.

        Raises:
            ProjectError: there is no pytest.
        """
        if not self.pytest:
            raise ProjectError(f"{self.path} has no pytest, by which {what}. {self.remedy}")

    @property
    def chosen(self) -> str:
        """Its path, and why it is this one."""
        return f"{self.path} ({self.origin})" if self.origin else str(self.path)

    @property
    def remedy(self) -> str:
        """How pytest gets there, in a sentence."""
        first = "" if self.has_pip else f"{self.path} -m ensurepip, then "
        return f"Install it: {first}{self.path} -m pip install pytest"

    @property
    def label(self) -> str:
        """The line on screen."""
        return f"{self.path} (Python {'.'.join(map(str, self.version))})"


def find(project: Path, chosen: Path | None, environment: Mapping[str, str]) -> Path:
    """Return the path of the interpreter to use; symbolic links stay, since they select the environment.

    Raises:
        ProjectError: the interpreter that was chosen is not there.
    """
    if chosen is not None:
        path = Path(os.path.normpath(project / chosen.expanduser()))  # links stay: they select the environment
        if path.is_dir():
            path = path / _FOLDER / _SCRIPT
        if not os.access(path, os.X_OK):
            raise ProjectError(f"No interpreter at {path}. Correct [project] python in refine.toml.")
        return path
    for folder in _environments(project, environment):
        if os.access(folder / _FOLDER / _SCRIPT, os.X_OK):
            return folder / _FOLDER / _SCRIPT
    return Path(sys.executable)


def _environments(project: Path, environment: Mapping[str, str]) -> list[Path]:
    """Return where the project's environment may be, the likeliest first."""
    active = environment.get("VIRTUAL_ENV")
    own = (project / ".venv", project / "venv")
    # Inside the sandbox a link out of the project leads nowhere; the folder itself can be shown.
    return [*([Path(active)] if active else []), *(folder.resolve() if folder.is_symlink() else folder for folder in own)]


def _origin(project: Path, path: Path) -> str:
    is_own = path == Path(sys.executable) and path.parent.parent not in _environments(project, os.environ)
    return "refine-tui's own: the project has no .venv and none is active" if is_own else ""


def probe(project: Path, path: Path, sandbox: Sandbox, environment: Mapping[str, str]) -> Interpreter:
    """Start the interpreter in the sandbox and return what it says about itself.

    Raises:
        ProjectError: it does not start, is too old, or has an old pytest.
    """
    roots = static_roots(project, path)
    launch = Launch(
        argv=(str(path), "{tools}/_probe.py"),
        project=project,
        readable=roots,
        tools={"_probe.py": stand_alone()["_probe.py"]},
        environment=environment,
        limits=Limits(wall_s=30.0),
    )
    with sandbox.launch(launch) as running:
        said = running.stdout.read()
        status = running.wait(30.0)
        tail = running.stderr_tail
    try:
        facts = json.loads(said)
    except ValueError as error:
        reason = tail.strip().splitlines()[-1:] or [f"exit status {status}"]
        raise ProjectError(f"{path} does not start: {reason[0]}. Choose another with [project] python in refine.toml.") from error
    return _checked(project, path, facts, roots)


def _checked(project: Path, path: Path, facts: Mapping[str, object], roots: tuple[Path, ...]) -> Interpreter:
    numbers = facts["version"]
    assert isinstance(numbers, list)
    version = (int(numbers[0]), int(numbers[1]), int(numbers[2]))
    pytest = str(facts["pytest"] or "")
    if version < OLDEST_PYTHON:
        raise ProjectError(f"{path} is Python {version[0]}.{version[1]}; 3.8 or later is needed. Choose another with [project] python.")
    if pytest and int(pytest.split(".")[0]) < OLDEST_PYTEST:
        raise ProjectError(f"{path} has pytest {pytest}; 6 or later is needed. Update it: {path} -m pip install -U pytest")
    paths = facts["paths"]
    assert isinstance(paths, list)
    more = (Path(str(one)) for one in paths)
    return Interpreter(
        path, version, pytest, narrowed(project, (*roots, *more)), bool(facts["fork"]), bool(facts["pip"]), _origin(project, path)
    )


def static_roots(project: Path, path: Path) -> tuple[Path, ...]:
    """Return what can be told from the file system alone: environment, links followed, the prefix it was made from."""
    return narrowed(project, tuple(_prefixes(path)))


def _prefixes(path: Path) -> Iterator[Path]:
    for _ in range(16):
        yield path.parent.parent
        settings = path.parent.parent / "pyvenv.cfg"
        if settings.is_file():
            for line in settings.read_text("utf-8", "replace").splitlines():
                key, _, value = line.partition("=")
                if key.strip() == "home" and value.strip():
                    yield Path(value.strip()).parent
                    yield Path(value.strip()).resolve().parent
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
    yield path.resolve().parent.parent


def narrowed(project: Path, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Drop what is missing, lies in the project, repeats, or would open the home folder or more."""
    home = Path.home().resolve()
    kept: list[Path] = []
    for path in paths:
        if not path.exists() or path.is_relative_to(project) or path in kept:
            continue
        if path.resolve() == home or home.is_relative_to(path.resolve()) or project.is_relative_to(path):
            continue
        kept.append(path)
    return tuple(path for path in kept if not any(path != other and path.is_relative_to(other) for other in kept))
