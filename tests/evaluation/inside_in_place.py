"""What `inside.py` of the sandbox does for a warm parent, without any isolation: candidates run in the project itself, one at a time,
and the project is put back afterwards. For tests that are about evaluation and not about the sandbox.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from typing import Callable, Mapping, Sequence


def become_parent() -> None:
    """Nothing to set up here."""


def end_with_parent() -> None:
    """Ask the kernel for it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def snapshot(project: str | os.PathLike[str]) -> dict[str, bytes]:
    """Return the content of every file below `project`, environments left out."""
    found = {}
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if name != ".venv"]
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    found[path] = file.read()
    return found


def restore(project: str | os.PathLike[str], before: Mapping[str, bytes]) -> None:
    """Make the files below `project` what they were."""
    now = snapshot(project)
    for path in now:
        if path not in before:
            os.unlink(path)
    for path, content in before.items():
        if now.get(path) != content:
            with open(path, "wb") as file:
                file.write(content)


def lay(project: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write `files` over the project."""
    for name, content in files.items():
        with open(os.path.join(project, name), "wb") as file:
            file.write(content)


def fork_copy(files: Mapping[str, bytes], work: Callable[[], int] | None, limits: Mapping[str, float], keep_fds: Sequence[int]) -> int:
    """Run `work` with `files` laid over the project; the returned process puts the project back and exits like `work`."""
    project = os.getcwd()
    outer = os.fork()
    if outer:
        return outer
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = snapshot(project)
    lay(project, files)
    child = os.fork()
    if child == 0:
        os.setsid()
        end_with_parent()  # which puts the project back
        if work is None:
            return 0
        status = 1
        try:
            status = work()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(status & 0xFF)

    def end(*_: object) -> None:
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    restore(project, before)
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def kill(pid: int) -> None:
    """End a candidate."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    os.execv(sys.argv[2], sys.argv[2:])
