"""The part of the composition root that everything else rests on: the project's folder, the places outside it, and which settings hold."""

from __future__ import annotations

import argparse
import os
import shlex
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from refine_tui.core.errors import ProjectError, UsageError
from refine_tui.core.settings import Settings, merge

APP = "refine-tui"


@dataclass(frozen=True)
class Places:
    """The files and folders outside the project."""

    config: Path = field(default_factory=lambda: _folder("config"))
    data: Path = field(default_factory=lambda: _folder("data"))
    state: Path = field(default_factory=lambda: _folder("state"))
    log: Path = field(default_factory=lambda: _folder("log"))
    cache: Path = field(default_factory=lambda: _folder("cache"))

    @property
    def config_file(self) -> Path:
        """The user's own settings."""
        return self.config / "refine.toml"

    @property
    def log_file(self) -> Path:
        """Where the tracebacks of our own defects go."""
        return self.log / "refine-tui.log"

    @property
    def trust_file(self) -> Path:
        """One trusted project folder a line."""
        return self.config / "trusted"

    def how_to_trust(self, root: Path) -> str:
        """Return the command line that makes a project a trusted one."""
        folder, file, project = (shlex.quote(str(path)) for path in (self.config, self.trust_file, root))
        return f"{'' if self.config.is_dir() else f'mkdir -p {folder} && '}echo {project} >> {file}"


def _folder(kind: str) -> Path:
    import platformdirs

    folder: Path = getattr(platformdirs, f"user_{kind}_path")(APP)
    return folder


def project_root(options: argparse.Namespace) -> Path:
    """Return the project's folder.

    Raises:
        ProjectError: it does not exist or cannot be read.
    """
    named = getattr(options, "path", None) or options.project or Path()
    try:
        root: Path = named.resolve(strict=True)
    except OSError as error:
        raise ProjectError(f"{named}: there is no such folder. Name the project's folder.") from error
    if not root.is_dir():
        raise ProjectError(f"{named}: not a folder. Name the folder that holds the project.")
    if not os.access(root, os.R_OK | os.X_OK):
        raise ProjectError(f"{root}: the folder cannot be read. Check its permissions.")
    return root


def read_settings(root: Path, places: Places) -> tuple[Settings, tuple[str, ...]]:
    """Return the user's settings with the project's laid over them, and sentences about what was left out.

    Raises:
        UsageError: a file is not TOML or holds something unknown.
    """
    settings, notices = Settings(), []
    if places.config_file.is_file():
        settings, _ = merge(settings, _toml(places.config_file), str(places.config_file), trusted=True)
    own = root / "refine.toml"
    if own.is_file():
        settings, ignored = merge(settings, _toml(own), "refine.toml", trusted=_is_trusted(root, places))
        if ignored:
            left_out = f"refine.toml: {', '.join(ignored)} left out: this project is not trusted."
            notices.append(f"{left_out} This trusts it: {places.how_to_trust(root)}")
    return settings, tuple(notices)


def settings_of(options: argparse.Namespace, places: Places) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings that hold for a command, its own options included, and sentences about what was left out.

    Raises:
        ProjectError: there is no such project.
        UsageError: as `read_settings`.
    """
    settings, notices = read_settings(project_root(options), places)
    return replace(settings, offline=settings.offline or options.offline), notices


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}.") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error


def _is_trusted(root: Path, places: Places) -> bool:
    try:
        return str(root) in places.trust_file.read_text("utf-8").splitlines()
    except OSError:
        return False
