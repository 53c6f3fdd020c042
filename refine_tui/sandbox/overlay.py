# ruff: noqa: PTH101, PTH102, PTH103, PTH112, PTH113, PTH114, PTH116, PTH117, PTH118, PTH120, PTH123, SIM105
# Runs in any interpreter from 3.8 on; `os` says exactly what is called.
"""The file system of a copy: an overlay in place of the project, and fresh temporary folders.

One stand-alone file beside `inside.py`, which says what `launch.marshal` holds and gives it here as `spec`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

if TYPE_CHECKING or __package__:
    from refine_tui.sandbox import kernel  # elsewhere `inside.py` gives it

BASE = "/.base"
SCRATCH = "/.refine"
TEMPORARY = ("/tmp", "/var/tmp")
HOME = "/tmp/home"


def furnish(spec: dict[str, Any], files: Mapping[str, bytes], bounds: dict[str, float]) -> None:
    """Mount fresh temporary folders, and the project with `files` laid over at its own path."""
    project = spec["project"]
    kernel.mount("none", SCRATCH, "tmpfs", kernel.NOSUID | kernel.NODEV, f"size={int(bounds['disk_bytes'])},nr_inodes=400k,mode=0755")
    for name in ("upper", "work", "shm"):
        os.mkdir(os.path.join(SCRATCH, name))
    _lay_over(project, files, spec["masks"])
    for index, folder in enumerate(TEMPORARY):
        _fresh_temporary(os.path.join(SCRATCH, f"tmp{index}"), folder, project, spec["under_tmp"])
    os.chmod(os.path.join(SCRATCH, "shm"), 0o1777)
    kernel.mount(os.path.join(SCRATCH, "shm"), "/dev/shm", None, kernel.BIND)
    _mount_copy(project, overlays=spec["overlay"])
    for hidden in spec["hidden"]:
        kernel.mount(
            "none", os.path.join(project, hidden), "tmpfs", kernel.RDONLY | kernel.NOSUID | kernel.NODEV, "size=4k,nr_inodes=2,mode=0555"
        )
    for frozen in spec["frozen"]:
        path = os.path.join(project, frozen)
        kernel.mount(path, path, None, kernel.BIND)
        kernel.mount("none", path, None, kernel.REMOUNT | kernel.BIND | kernel.RDONLY | kernel.NOSUID | kernel.NODEV)


def _mount_copy(project: str, *, overlays: bool) -> None:
    upper = os.path.join(SCRATCH, "upper")
    if overlays:
        if os.stat(BASE).st_uid != os.getuid():
            _own_folders()
        try:
            layers = f"lowerdir={BASE},upperdir={upper},workdir={SCRATCH}/work,userxattr"
            kernel.mount("overlay", project, "overlay", kernel.NOSUID | kernel.NODEV, layers)
            return
        except kernel.SetUpError as error:
            # The kernel overlays no folder in which something else is mounted.
            os.write(2, f"{error}; the project's files are copied instead\n".encode())
    _copy_below(upper)
    kernel.mount(upper, project, None, kernel.BIND)


def _own_folders() -> None:
    """Make every folder in the upper layer, where this user owns it: in another user's folder nothing could be written."""
    for folder, _folders, _names in os.walk(BASE):
        _make_upper_folder(os.path.relpath(folder, BASE) if folder != BASE else "")


def _fresh_temporary(scratch: str, folder: str, project: str, carried: Sequence[str]) -> None:
    os.mkdir(scratch)
    os.chmod(scratch, 0o1777)
    if project.startswith(folder + "/"):
        os.makedirs(scratch + project[len(folder) :])
    for path in carried:
        if path.startswith(folder + "/"):
            place = scratch + path[len(folder) :]
            os.makedirs(place if os.path.isdir(path) else os.path.dirname(place), exist_ok=True)
            if not os.path.isdir(path):
                open(place, "wb").close()  # what a file is bound to
            kernel.mount(path, place, None, kernel.BIND | kernel.REC)
    kernel.mount(scratch, folder, None, kernel.BIND | kernel.REC)


def _lay_over(project: str, files: Mapping[str, bytes], masks: Sequence[str]) -> None:
    """Write into the upper layer: there a file replaces the project's without its content being copied first."""
    for mask in masks:
        _write_upper(mask, b"", 0o444)
    for name, content in files.items():
        path = _within_project(project, name)
        try:
            mode = os.stat(os.path.join(BASE, path)).st_mode & 0o777
        except OSError:
            mode = 0o644
        _write_upper(path, content, mode | 0o600)


def _within_project(project: str, name: str) -> str:
    """Follow the project's own symbolic links, so that content lands where the user's editor would put it."""
    if os.path.isabs(name) or ".." in name.split("/") or not name:
        raise kernel.SetUpError(f"{name!r} is not a path inside the project")
    resolved = os.path.realpath(os.path.join(BASE, name))
    for root in (BASE, project):
        if resolved.startswith(root + "/"):
            return resolved[len(root) + 1 :]
    raise kernel.SetUpError(f"{name!r} leads out of the project by a symbolic link")


def _write_upper(name: str, content: bytes, mode: int) -> None:
    path = os.path.join(SCRATCH, "upper", name)
    _make_upper_folder(os.path.dirname(name))
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def _make_upper_folder(name: str) -> None:
    path = os.path.join(SCRATCH, "upper", name)
    if not name or os.path.isdir(path):
        return
    _make_upper_folder(os.path.dirname(name))
    os.mkdir(path)
    try:
        os.chmod(path, os.stat(os.path.join(BASE, name)).st_mode & 0o777 | 0o700)
    except FileNotFoundError:
        pass


def _copy_below(target: str) -> None:
    """Copy what the upper layer does not have from the base: the slow way where overlays do not work."""
    import shutil

    for folder, folders, names in os.walk(BASE):
        there = os.path.join(target, os.path.relpath(folder, BASE))
        os.makedirs(there, exist_ok=True)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in [*names, *links]:
            source, copy = os.path.join(folder, name), os.path.join(there, name)
            if not os.path.lexists(copy) and (os.path.islink(source) or os.path.isfile(source)):
                shutil.copy2(source, copy, follow_symlinks=False)
