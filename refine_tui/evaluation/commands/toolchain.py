"""What a test command needs of the machine beside the system's own folders: compilers and interpreters under the home folder.

Nothing is started to find that out. Of the user's `PATH` those folders are taken in which a known tool lies, or a word of the command;
what they need is shown read-only, and never a folder that holds credentials.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from refine_tui.core.credentials import CREDENTIAL_FOLDERS, is_credential
from refine_tui.evaluation.interpreter import narrowed

TOOLS = frozenset(
    """
    bun cargo clang cmake composer dart deno dotnet elixir erl gcc ghc go gradle java javac julia lua make meson mix mvn ninja node npm
    npx nim ocaml php pnpm R ruby rustc sbt scala swift tsc yarn zig
    """.split()  # noqa: SIM905  # a list of so many words is harder to read
)
SYSTEM = ("/usr", "/bin", "/sbin", "/opt/homebrew")
_PRIVATE = frozenset({".cargo", ".local", ".config", ".npm-global"})
"""Folders, mostly in a home folder, that hold programs beside things that are nobody's business: only their `bin` is shown."""
_PARTS = ("lib", "lib64", "libexec", "share")
"""What lies beside the `bin` of a tool that was installed."""


@dataclass(frozen=True)
class Toolchain:
    """What to add to a launch."""

    path: tuple[str, ...] = ()
    """Folders for `PATH`, in order."""
    readable: tuple[Path, ...] = ()
    environment: Mapping[str, str] | None = None


def find_toolchain(command: str, project: Path, environment: Mapping[str, str]) -> Toolchain:
    """Return what a command needs, judged by its words and by the user's `PATH`."""
    words = TOOLS | set(re.findall(r"[\w.+-]+", command))
    home = Path.home()
    path: list[str] = []
    readable: list[Path] = []
    added: dict[str, str] = {}
    for name in environment.get("PATH", "").split(os.pathsep):
        folder = Path(name)
        if not name or not folder.is_absolute() or str(folder).startswith(SYSTEM) or folder.is_relative_to(project):
            continue
        if (folder / "rustup").is_file():
            rust, shown = _rust(folder.parent, environment)
            path += rust
            readable += shown
            added["CARGO_HOME"] = str(folder.parent)
        elif any(os.access(folder / word, os.X_OK) and not (folder / word).is_dir() for word in words):
            path.append(name)
            readable += _shown(folder, home, words)
    readable += sorted(Path("/etc").glob("java-*-openjdk"))  # where Debian keeps what Java cannot start without
    kept = tuple(folder for folder in readable if not _is_broad(folder))
    return Toolchain(tuple(dict.fromkeys(path)), narrowed(project, kept), added)


def _shown(folder: Path, home: Path, words: frozenset[str]) -> Iterator[Path]:
    """Yield a folder of programs, what it is part of, and where the links in it lead: a program alone, unless it is part of a tool."""
    yield from _with_prefix(folder, home)
    for word in words:
        real = Path(os.path.realpath(folder / word))
        if real.is_file() and not real.is_relative_to(folder):
            yield from _with_prefix(real.parent, home) if real.parent.name == "bin" else (real,)


def _with_prefix(folder: Path, home: Path) -> Iterator[Path]:
    yield folder
    if folder.name == "bin" and _is_tool(folder.parent.resolve(), home.resolve()):
        yield folder.parent


def _is_tool(prefix: Path, home: Path) -> bool:
    """Say whether the folder around a `bin` is a tool and nothing else, as far as the names in it tell."""
    if prefix.name in _PRIVATE or not CREDENTIAL_FOLDERS.isdisjoint(prefix.parts):
        return False
    try:
        with os.scandir(prefix) as entries:
            folders = {entry.name: entry.is_dir() for entry in entries}
    except OSError:
        return False
    if any(is_credential(name) or name in CREDENTIAL_FOLDERS or name.startswith("credentials") for name in folders):
        return False
    if "node_modules" in prefix.parts or any(folders.get(part) for part in _PARTS):
        return True
    return not prefix.is_relative_to(home) and not any(is_folder and name.startswith(".") for name, is_folder in folders.items())


def _is_broad(folder: Path) -> bool:
    """Say whether a folder is somebody's home, or one right below the root, as `/opt`: such a one holds more than a tool."""
    return len(folder.parts) < 3 or str(folder.parent) in ("/home", "/Users")


def _rust(cargo: Path, environment: Mapping[str, str]) -> tuple[list[str], list[Path]]:
    """Return the folders of Rust's default toolchain itself: rustup's own programs want to write, and cargo's folder holds keys."""
    rustup = Path(environment.get("RUSTUP_HOME") or cargo.parent / ".rustup")
    try:
        name = str(tomllib.loads((rustup / "settings.toml").read_text("utf-8")).get("default_toolchain", ""))
    except (OSError, ValueError):
        name = ""
    found = [rustup / "toolchains" / name] if name else sorted((rustup / "toolchains").glob("stable*"))
    shown = [folder for folder in found[:1] if (folder / "bin").is_dir()]
    downloads = [cargo / "registry", cargo / "git"]
    return [str(folder / "bin") for folder in shown], [*shown, *(folder for folder in downloads if folder.is_dir())]
