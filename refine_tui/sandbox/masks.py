"""Which files of a project a candidate has no business reading: credentials.

Files shown empty inside the sandbox:
- `.env` and its kin (but `.env.example`, `.sample`, `.template`, `.dist` stay), `.envrc`, `.netrc`, `.pypirc`, `.npmrc`, `.pgpass`,
  `.my.cnf`, `.git-credentials`, `.htpasswd`
- `credentials.json`, client secrets, service-account files, `secrets.*` in configuration formats, Terraform variables and state
- SSH keys by name, key stores; and `*.pem` and `*.key` that hold a private key, except below a folder for tests (a key committed
  as a fixture is no secret)

Folders shown empty: `.ssh`, `.aws`, `.gnupg`, `.kube`, `.docker`, `.azure`, `.gcloud`.
`.git` is read-only, and its `config` is reduced to what git needs to read the repository: addresses with passwords stay outside.

`[sandbox] allow` in the settings names what is shown after all, by path patterns; a folder of credentials only as a whole.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from refine_tui.core.credentials import CREDENTIAL_FOLDERS, is_credential
from refine_tui.core.paths import matches

_KEYS = ("*.pem", "*.key")
SKIPPED = frozenset({".git", "node_modules", "site-packages", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
"""Folders that hold no source of the project."""
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "testdata", "fixtures"})
_GIT_KEYS = frozenset({"repositoryformatversion", "filemode", "bare", "ignorecase", "precomposeunicode", "symlinks", "autocrlf", "eol"})


@dataclass(frozen=True)
class Masks:
    """Project-relative paths."""

    files: tuple[str, ...] = ()
    """Shown empty."""
    folders: tuple[str, ...] = ()
    """Shown empty."""
    frozen: tuple[str, ...] = ()
    """Shown read-only."""
    replaced: dict[str, bytes] = field(default_factory=dict)
    """Shown with other content."""


@dataclass
class _Seen:
    changed_ns: int
    files: list[str]
    folders: list[str]
    below: list[str]


class MaskFinder:
    """Finds the masks of one project, and finds them again quickly: only folders that changed are read anew."""

    def __init__(self, project: Path, allow: Sequence[str] = ()) -> None:
        """Look in a project; what matches a pattern of `allow` is not masked."""
        self._project, self._allow = project, tuple(allow)
        self._seen: dict[str, _Seen] = {}

    def masks(self) -> Masks:
        """Return what to hide now. Folders that cannot be read are passed over: nobody inside can read them either."""
        files: list[str] = []
        folders: list[str] = []
        waiting = [""]
        while waiting:
            found = self._look(waiting.pop())
            files += found.files
            folders += found.folders
            waiting += found.below
        git = self._project / ".git"
        frozen = (".git",) if git.is_dir() and not git.is_symlink() else ()
        return Masks(self._kept(files), self._kept(folders), frozen, _git_config(git))

    def _kept(self, paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(path for path in paths if not matches(path, self._allow)))

    def _look(self, folder: str) -> _Seen:
        path = self._project / folder
        try:
            changed_ns = path.stat().st_mtime_ns
            known = self._seen.get(folder)
            if known is None or known.changed_ns != changed_ns:
                known = self._seen[folder] = _read_folder(path, folder, changed_ns)
        except OSError:
            return _Seen(0, [], [], [])
        return known


def _read_folder(path: Path, folder: str, changed_ns: int) -> _Seen:
    found = _Seen(changed_ns, [], [], [])
    prefix = f"{folder}/" if folder else ""
    in_tests = not _TEST_FOLDERS.isdisjoint(folder.split("/"))
    with os.scandir(path) as entries:
        for entry in entries:
            relative = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name in CREDENTIAL_FOLDERS:
                    found.folders.append(relative)
                elif entry.name not in SKIPPED:
                    found.below.append(relative)
            elif is_credential(entry.name) or (_may_be_key(entry.name) and not in_tests and _holds_key(entry)):
                found.files.append(relative)
    return found


def _may_be_key(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _KEYS)


def _holds_key(entry: os.DirEntry[str]) -> bool:
    if not entry.is_file():
        return False
    try:
        with open(entry.path, "rb") as file:  # noqa: PTH123 - the entry may be a link; its target is what counts
            return b"PRIVATE KEY" in file.read(65536)
    except OSError:
        return False


def _git_config(git: Path) -> dict[str, bytes]:
    config = git / "config"
    if git.is_symlink() or not config.is_file():
        return {}
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string("\n".join(line.strip() for line in config.read_text(errors="replace").splitlines()))
    except (configparser.Error, OSError):
        return {".git/config": b""}
    lines = []
    for section in ("core", "extensions"):
        if parser.has_section(section):
            kept = [(key, value) for key, value in parser.items(section) if section == "extensions" or key in _GIT_KEYS]
            lines += [f"[{section}]", *(f"\t{key} = {value}" for key, value in kept)]
    return {".git/config": "\n".join([*lines, ""]).encode()}
