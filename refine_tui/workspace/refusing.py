"""Which files no patch may be written to, and why."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable
from contextlib import suppress

from refine_tui.core.credentials import CREDENTIAL_FOLDERS, is_credential
from refine_tui.core.errors import ProjectError, SafetyError
from refine_tui.core.paths import matches
from refine_tui.workspace.beneath import open_folder, parts_of, read_at
from refine_tui.workspace.places import TEMPORARY_PREFIX

SIZE_LIMIT = 2 * 1024 * 1024
"""Bytes; a larger file is not written by hand."""
MISSING = "there is no such file"
_BINARY_PROBE = 8192
_RESERVED: tuple[tuple[str, frozenset[str]], ...] = (
    (
        "it steers continuous integration",
        frozenset([".circleci", ".travis.yml", ".drone.yml", ".woodpecker", ".woodpecker.yml", ".buildkite", ".ci", ".cirrus.yml"]),
    ),
    (
        "it steers continuous integration",
        frozenset(["jenkinsfile", "azure-pipelines.yml", "appveyor.yml", ".appveyor.yml", "bitbucket-pipelines.yml"]),
    ),
    (
        "it holds hooks that run by themselves",
        frozenset([".husky", ".pre-commit-config.yaml", ".lefthook", "lefthook.yml", ".lefthook.yml", ".overcommit.yml"]),
    ),
    (
        "it configures an editor",
        frozenset(
            [
                ".vscode",
                ".idea",
                ".vim",
                ".nvim",
                ".vimrc",
                ".nvimrc",
                ".exrc",
                ".emacs.d",
                ".dir-locals.el",
                ".zed",
                ".fleet",
                ".cursor",
                ".helix",
                ".kakrc",
            ]
        ),
    ),
    ("it configures an assistant", frozenset([".mcp.json", ".claude", ".codex", ".gemini", ".aider.conf.yml"])),
    ("it sets the environment", frozenset([".envrc", ".direnv"])),
    ("it configures refine-tui", frozenset(["refine.toml"])),
)


def refusal_by_name(path: str, protected: Iterable[str] = ()) -> str:
    """Return why the path as such is refused, or an empty string."""
    try:
        parts = parts_of(path)
    except SafetyError:
        return "it leads outside the project"
    folded = [_folded(part) for part in parts]
    if any(part.startswith((".git", "git~")) for part in folded):
        return "it belongs to git"
    if any(part.startswith(".env.") or is_credential(part) or part in CREDENTIAL_FOLDERS for part in folded):
        return "it may hold secrets"
    if any(part.startswith(TEMPORARY_PREFIX) for part in folded):
        return "it is a temporary file of refine-tui"
    if folded[-1].endswith((".code-workspace", ".sublime-project")):
        return "it configures an editor"
    reason = next((reason for reason, names in _RESERVED if not names.isdisjoint(folded)), "")
    return reason or next((f"it is protected by the pattern {pattern}" for pattern in protected if _names(pattern, path, folded)), "")


def _folded(part: str) -> str:
    """Return a name as a file system may read it that knows no case, drops what is not seen, or drops dots and blanks at an end."""
    seen = (char for char in unicodedata.normalize("NFKD", part) if unicodedata.category(char) != "Cf")
    return "".join(seen).casefold().rstrip(". ")


def _names(pattern: str, path: str, folded: list[str]) -> bool:
    return matches(path, [pattern], beneath=True) or matches("/".join(folded), [pattern.casefold()], beneath=True)


def refusal_by_file(root: int, path: str) -> str:
    """Return why the file found at `path` is refused, or an empty string; `root` is the project's open folder."""
    try:
        folder, name = open_folder(root, path)
    except SafetyError:
        return "it is reached through a link"
    except FileNotFoundError:
        return MISSING
    except OSError as error:
        return f"it cannot be reached: {error.strerror}"
    try:
        return _kind(root, folder, name) or _submodule(root, path) or _content(folder, name)
    except FileNotFoundError:
        return MISSING
    except (OSError, ProjectError, SafetyError) as error:
        return f"it cannot be read: {getattr(error, 'strerror', None) or error}"
    finally:
        os.close(folder)


def refusal_of_new(root: int, path: str) -> str:
    """Return why no file may be created at `path`, where there is none, or an empty string."""
    try:
        folder, _ = open_folder(root, path)
    except FileNotFoundError:
        return "its folder is not there"
    except (OSError, SafetyError) as error:
        return f"it cannot be reached: {getattr(error, 'strerror', None) or error}"
    try:
        if os.fstat(folder).st_dev != os.fstat(root).st_dev:
            return "it lies on another file system"
        return _submodule(root, path) or ("" if os.access(".", os.W_OK, dir_fd=folder) else "its folder is read-only")
    finally:
        os.close(folder)


def _kind(root: int, folder: int, name: str) -> str:
    """Judge by what the folder says about the file."""
    found = os.lstat(name, dir_fd=folder)
    checks = (
        (stat.S_ISLNK(found.st_mode), "it is a link"),
        (not stat.S_ISREG(found.st_mode), "it is no regular file"),
        (found.st_nlink > 1, "it has a second name (a hard link)"),
        (found.st_size > SIZE_LIMIT, f"it is larger than {SIZE_LIMIT // 1024 // 1024} MB"),
        (found.st_mode & 0o200 == 0, "it is read-only"),
        (os.geteuid() not in (0, found.st_uid), "it belongs to another user"),
        (found.st_dev != os.fstat(root).st_dev, "it lies on another file system"),
        (not os.access(".", os.W_OK, dir_fd=folder), "its folder is read-only"),
    )
    return next((reason for refused, reason in checks if refused), "")


def _submodule(root: int, path: str) -> str:
    """Judge by whether a folder on the way is a repository of its own."""
    *folders, _ = parts_of(path)
    for depth in range(len(folders)):
        with suppress(OSError):
            os.lstat("/".join([*folders[: depth + 1], ".git"]), dir_fd=root)
            return f"{'/'.join(folders[: depth + 1])} is a repository of its own"
    return ""


def _content(folder: int, name: str) -> str:
    content, _ = read_at(folder, name)
    return "it is not text" if b"\0" in content[:_BINARY_PROBE] else ""
