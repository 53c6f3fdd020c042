"""The canary: a real attempt to get out of a level, judged by what can be seen outside afterwards."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from refine_tui.core.errors import IsolationError
from refine_tui.core.isolation import Limits
from refine_tui.loop.ports.running import Launch, Running
from refine_tui.sandbox.bubblewrap import own_interpreter

_LIMITS = Limits(wall_s=20.0, cpu_s=10.0, memory_bytes=512 << 20, disk_bytes=16 << 20)

_ATTEMPT = """
import os, signal, socket, sys
outside, secret, port, name, pid = sys.argv[1:]
def attempt(word, action):
    try:
        print(word, action())
    except Exception as error:
        print("refused", word, type(error).__name__)
def write():
    open(outside, "w").write("out")
    return "wrote"
def reach(family, address):
    with socket.socket(family) as line:
        line.settimeout(2)
        line.connect(address)
    return "reached"
def end():
    os.kill(int(pid), signal.SIGKILL)
    return "sent"
open("inside.txt", "w").write("in")
attempt("write", write)
attempt("read", lambda: open(secret).read())
attempt("connect", lambda: reach(socket.AF_INET, ("127.0.0.1", int(port))))
attempt("connect", lambda: reach(socket.AF_UNIX, chr(0) + name))
attempt("signal", end)
print("alive", open("inside.txt").read())
"""


class Launcher(Protocol):
    """The part of a sandbox the canary needs."""

    def launch(self, launch: Launch) -> Running:
        """Start a process."""


@dataclass(frozen=True)
class _Trap:
    project: Path
    outside: Path
    secret: Path
    token: str
    port: int
    name: str
    listeners: Sequence[socket.socket]
    victim: subprocess.Popen[bytes]


def fly(sandbox: Launcher, state_dir: Path) -> str:
    """Try to get out of a sandbox in four ways.

    Returns:
        Why the level does not hold; empty when it holds.
    """
    with _trap(state_dir) as trap:
        python, prefixes = own_interpreter()
        words = (str(trap.outside), str(trap.secret), str(trap.port), trap.name, str(trap.victim.pid))
        launch = Launch((python, "-I", "-S", "-c", _ATTEMPT, *words), trap.project, readable=prefixes, limits=_LIMITS)
        try:
            with sandbox.launch(launch) as running:
                output = running.stdout.read().decode(errors="replace")
                status = running.wait()
                tail = running.stderr_tail.strip()
        except IsolationError as error:
            return str(error)
        if "alive in" not in output:
            return f"it could not be started (exit status {status}): {tail or running.stopped or 'no message'}"
        return _escapes(trap, output)


def _escapes(trap: _Trap, output: str) -> str:
    found = []
    if trap.outside.exists() or (trap.project / "inside.txt").exists():
        found.append("wrote a file outside the copy")
    if trap.token in output:
        found.append("read a file in the home folder")
    if any(_was_reached(listener) for listener in trap.listeners):
        found.append("reached a program of this machine over the network")
    if trap.victim.poll() is not None:
        found.append("ended a process outside")
    return f"the canary {' and '.join(found)}" if found else ""


def _was_reached(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@contextmanager
def _trap(state_dir: Path) -> Iterator[_Trap]:
    with contextlib.ExitStack() as stack:
        state_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="canary-", dir=state_dir))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        project = folder / "project"
        project.mkdir()
        token = secrets.token_hex(16)
        secret = stack.enter_context(_planted(folder, token))
        name = f"refine-tui-{token[:8]}"
        listeners = [stack.enter_context(_listening(socket.AF_INET, ("127.0.0.1", 0)))]
        if sys.platform == "linux":
            listeners.append(stack.enter_context(_listening(socket.AF_UNIX, "\0" + name)))
        # It lives until its standard input closes, whatever happens to this program.
        victim = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        stack.callback(_end, victim)
        yield _Trap(project, folder / "written", secret, token, listeners[0].getsockname()[1], name, listeners, victim)


@contextmanager
def _planted(folder: Path, token: str) -> Iterator[Path]:
    """Plant a secret in the home folder, or where our own state is when home cannot be written."""
    home = Path.home()
    secret = (home if os.access(home, os.W_OK) else folder) / f".refine-tui-canary-{token[:8]}"
    secret.write_text(token)
    try:
        yield secret
    finally:
        secret.unlink(missing_ok=True)


def _listening(family: int, address: object) -> socket.socket:
    listener = socket.socket(family)
    listener.bind(address)  # type: ignore[arg-type]
    listener.listen()
    listener.setblocking(False)
    return listener


def _end(victim: subprocess.Popen[bytes]) -> None:
    assert victim.stdin is not None
    victim.stdin.close()
    victim.kill()
    victim.wait()
