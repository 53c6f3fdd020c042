"""What the machine itself must have before anything is installed, and how to get what is missing.

This file also runs on Pythons that are too old, to say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
COMPILERS = ("c++", "g++", "clang++")

MANAGERS = {
    "apt-get": "apt-get install",
    "dnf": "dnf install",
    "pacman": "pacman -S",
    "zypper": "zypper install",
    "apk": "apk add",
    "brew": "brew install",
}
"""The package managers that are looked for, in this order, and how each installs something."""


@dataclass(frozen=True)
class Need:
    """Something the system has to bring."""

    name: str
    why: str
    packages: dict[str, str]
    """The package that holds it, by package manager; where a manager has no entry, the name is the package."""
    optional: bool = False
    """Whether `WITHOUT` may name it: something works less well, nothing breaks."""


PYTHON = Need(
    "Python 3.11 or newer",
    "runs refine_tui",
    {
        "apt-get": "python3 python3-venv",
        "dnf": "python3.12",
        "pacman": "python",
        "zypper": "python312",
        "apk": "python3",
        "brew": "python@3.12",
    },
)
VENV = Need(
    "Python's venv and ensurepip",
    "keep what is installed inside this folder",
    {"apt-get": f"python3-venv python{sys.version_info[0]}.{sys.version_info[1]}-venv", "apk": "py3-pip"},
)
GIT = Need("git", "gives facts about a project, and makes patches", {})
COMPILER = Need(
    "a C++ compiler",
    "compiles llama.cpp, once",
    {"apt-get": "g++", "dnf": "gcc-c++", "pacman": "gcc", "zypper": "gcc-c++", "apk": "g++ libc-dev linux-headers", "brew": "gcc"},
)
BUBBLEWRAP = Need("bubblewrap", "seals off the code that is tried out", {}, optional=True)
TMUX = Need("tmux", "lets the tests drive the real terminal UI", {}, optional=True)


def _lacks_cuda() -> str:
    return "" if shutil.which("nvcc") else "needs NVIDIA's CUDA toolkit: its compiler nvcc is not on the PATH."


def _lacks_vulkan() -> str:
    return "" if shutil.which("glslc") else "needs the Vulkan SDK: its compiler glslc is not on the PATH."


def _lacks_metal() -> str:
    return "" if sys.platform == "darwin" else "needs macOS."


BACKENDS: dict[str, tuple[str, Callable[[], str]]] = {
    "cpu": ("", lambda: ""),
    "cuda": ("-DGGML_CUDA=on", _lacks_cuda),
    "metal": ("-DGGML_METAL=on", _lacks_metal),
    "vulkan": ("-DGGML_VULKAN=on", _lacks_vulkan),
    "rpc": ("", lambda: ""),  # part of every build
}
"""What llama.cpp can compute on: the CMake flags, and a function that says what this machine lacks to compile it."""


def nvcc_version() -> str:
    """The last line of what CUDA's compiler says of itself."""
    try:
        asked = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (asked.stdout.strip().splitlines() or [""])[-1]


def missing(*, tests: bool, engine_is_built: bool, without: frozenset[str]) -> list[Need]:
    """What this machine lacks; `without` holds the optional names the person chose to do without."""
    found = [
        (PYTHON, sys.version_info >= OLDEST),
        (VENV, _has_modules("venv", "ensurepip")),
        (GIT, bool(shutil.which("git"))),
        (COMPILER, engine_is_built or compiler() is not None),
        (BUBBLEWRAP, not sys.platform.startswith("linux") or bool(shutil.which("bwrap"))),
        (TMUX, not tests or bool(shutil.which("tmux"))),
    ]
    return [need for need, there in found if not there and not (need.optional and need.name in without)]


def compiler() -> str | None:
    """The C++ compiler CMake will take, or None."""
    chosen = os.environ.get("CXX")
    candidates = (chosen,) if chosen else COMPILERS
    return next((path for name in candidates if (path := shutil.which(name))), None)


def newer_python() -> str | None:
    """A Python on the path that is new enough, when this one is not."""
    question = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    for name in NEWER:
        path = shutil.which(name)
        # A version manager's shim may stand there without a Python behind it.
        if path and subprocess.run([path, "-c", question], capture_output=True, check=False).returncode == 0:
            return path
    return None


def explain(needs: list[Need]) -> str:
    """What is missing and the command that brings it."""
    lines = ["refine_tui needs something this machine does not have yet:", ""]
    lines += [f"  {need.name:<28} {need.why}" for need in needs]
    if PYTHON in needs:
        lines += ["", f"  (this is Python {sys.version.split()[0]}; `make PYTHON=/path/to/python3.12 …` takes another one)"]
    lines += ["", "Get it with:"] + [f"  {command}" for command in _commands(needs)]
    optional = [need.name for need in needs if need.optional]
    if optional:
        lines += ["", f'Or go on without, less well sealed off or less tested: add WITHOUT="{" ".join(optional)}" to the make command.']
    return "\n".join(lines)


def _commands(needs: list[Need]) -> list[str]:
    present = [name for name in MANAGERS if shutil.which(name)]
    return [_command(name, needs) for name in present[:1] or MANAGERS]


def _command(manager: str, needs: list[Need]) -> str:
    packages = " ".join(need.packages.get(manager, need.name) for need in needs if manager in need.packages or " " not in need.name)
    root = manager == "brew" or (hasattr(os, "geteuid") and os.geteuid() == 0)
    return f"{'' if root else 'sudo '}{MANAGERS[manager]} {packages}"


def _has_modules(*names: str) -> bool:
    # Debian ships venv without ensurepip: only the import of both tells.
    try:
        for name in names:
            __import__(name)
    except ImportError:
        return False
    return True
