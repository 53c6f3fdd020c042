"""The command line of bubblewrap: what of the machine is visible inside, and where."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from refine_tui.core.errors import IsolationError
from refine_tui.sandbox import overlay

TOOLS = "/.tools"
"""What `{tools}` becomes."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store", "/run/current-system")
_ETC_FOLDERS = ("alternatives", "fonts", "ld.so.conf.d", "pki/tls/certs", "pki/ca-trust", "ssl/certs", "static", "xml")
_ETC_FILES = (
    "ca-certificates.conf",
    "debian_version",
    "gai.conf",
    "host.conf",
    "ld.so.cache",
    "ld.so.conf",
    "locale.alias",
    "locale.conf",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "protocols",
    "services",
    "ssl/openssl.cnf",
    "timezone",
)
_MADE = {
    "/etc/passwd": b"root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nuser:x:1000:1000:user:/tmp/home:/bin/sh\n",
    "/etc/group": b"root:x:0:\nuser:x:1000:\n",
    "/etc/hosts": b"127.0.0.1 localhost sandbox\n::1 localhost\n",
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
    "/etc/resolv.conf": b"",
}


# A fresh /proc for each copy may only be mounted where a fully visible one exists. The first one lies under a mount that nobody inside
# can remove, so it is there for the kernel's check and for nothing else.
_PROCESSES = (
    "--dir",
    f"{overlay.SCRATCH}/proc",
    "--bind",
    "/proc",
    f"{overlay.SCRATCH}/proc",
    "--tmpfs",
    overlay.SCRATCH,
    "--proc",
    "/proc",
)


def own_interpreter() -> tuple[str, tuple[Path, ...]]:
    """Return the interpreter this program runs on, without its virtual environment, and the folders it needs."""
    executable = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    return executable, tuple({Path(os.path.realpath(prefix)) for prefix in (sys.base_prefix, sys.base_exec_prefix)})


def arguments(
    bwrap: str, project: Path, readable: Sequence[Path], contents: Mapping[str, int], own_environment: Path | None = None
) -> list[str]:
    """Return the start of the command, up to and including `--`.

    Args:
        bwrap: the program.
        project: absolute; its folder is bound to `/.base`, an empty folder appears at its own path.
        readable: absolute folders and files, bound read-only at their own paths (and where their links lead).
        contents: absolute path of a small file inside → open file that holds its content.
        own_environment: the one folder of the project that is there at its own path, read-only, until a copy is laid over the project.

    Raises:
        IsolationError: a readable folder would show the home folder or the whole machine.
    """
    words = [bwrap, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    words += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += _system()
    words += ["--dev", "/dev", "--tmpfs", "/dev/shm"]
    words += _PROCESSES
    for folder in overlay.TEMPORARY:
        words += ["--tmpfs", folder]
    for path in bound_paths(project, readable):
        words += ["--ro-bind", str(path), str(path)]
    words += ["--ro-bind", str(project), overlay.BASE]
    if not _is_inside(project, bound_paths(project, readable)):
        words += ["--dir", str(project)]
        words += ["--ro-bind", str(own_environment), str(own_environment)] if own_environment else []
    for name, fd in contents.items():
        words += ["--perms", "0555", "--file", str(fd), name]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]
    return words


def small_files() -> dict[str, bytes]:
    """Return the files of `/etc`, some of them written for the sandbox: path → content. Copying is quicker than a mount for each."""
    found = dict(_MADE)
    for name in _ETC_FILES:
        with contextlib.suppress(OSError):
            found[f"/etc/{name}"] = Path("/etc", name).read_bytes()
    return found


def bound_paths(project: Path, readable: Sequence[Path]) -> list[Path]:
    """Return the folders to bind, outermost first, without those the system's or the project's own binding shows."""
    wanted = {Path.cwd() / path for path in readable} | {Path(os.path.realpath(path)) for path in readable}
    for path in wanted:
        if path == Path("/") or Path(os.path.realpath(path)) in private_folders():
            raise IsolationError(
                f"the sandbox will not show {path}: it holds your private files; name the folder of the interpreter instead"
            )
    shown = [Path("/usr"), Path(os.path.realpath("/usr")), project]
    chosen: list[Path] = []
    for path in sorted(wanted, key=lambda path: len(path.parts)):
        if path.exists() and not _is_inside(path, [*shown, *chosen]):
            chosen.append(path)
    return chosen


def under_temporary(project: Path, readable: Sequence[Path]) -> list[str]:
    """Return the bound folders that lie in a temporary folder: a copy's fresh one must show them too."""
    return [str(path) for path in bound_paths(project, readable) if str(path).startswith(tuple(f"{t}/" for t in overlay.TEMPORARY))]


def private_folders() -> set[Path]:
    """Home folders and everything above them."""
    homes = {Path(os.path.realpath(Path.home())), Path("/root"), Path("/home")}
    return homes | {parent for home in homes for parent in home.parents}


def refuse_private(project: Path) -> None:
    """Refuse to run in a home folder or above one: nobody could list all that must be hidden there.

    Raises:
        IsolationError: the project is such a folder.
    """
    if Path(os.path.realpath(project)) in private_folders():
        raise IsolationError(f"{project} holds your private files, so nothing is run in it; work in the folder of one project instead")


def system_paths() -> list[str]:
    """Return what of the system may be read, as paths on the host; some may not exist."""
    return [*_SYSTEM, *(f"/etc/{name}" for name in (*_ETC_FOLDERS, *_ETC_FILES)), *_MADE]


def _is_inside(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _system() -> list[str]:
    words: list[str] = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        elif path.exists():
            words += ["--ro-bind", name, name]
    for name in _ETC_FOLDERS:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return [*words, "--dir", "/run", "--dir", "/var"]
