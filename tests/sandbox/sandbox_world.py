"""What the attacks are aimed at, and whoever looks at it afterwards: secrets, listeners, victims, and files that must stay as they are.

Standard library and the package only: `python FILE FOLDER LEVEL...` runs all attacks at those levels as whatever user it is started as, and
prints one JSON object from the level to what `assault` returned.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import json
import os
import platform
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from refine_tui.core.errors import IsolationError
from refine_tui.core.isolation import Level, Limits
from refine_tui.loop.ports.running import Launch, Sandbox
from refine_tui.sandbox import kernel
from refine_tui.sandbox.bubblewrap import own_interpreter
from refine_tui.sandbox.opening import Ladder

HERE = Path(__file__).parent
TOOLS = {path.name: path.read_bytes() for path in HERE.glob("sandbox_attacks*.py")}
REFUSED = ("REFUSED", "ENDED 31")
"""An error, or the end that the filter for system calls has for calls of a foreign table."""
HOSTS_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")

_libc = ctypes.CDLL(None)
_ARM = platform.machine() == "aarch64"


@dataclass
class World:
    """One place to attack."""

    roots: tuple[Path, ...]
    place: dict[str, Any]
    listeners: dict[str, socket.socket]
    victims: list[subprocess.Popen[bytes]]
    before: list[object] = field(default_factory=list)

    def changes(self) -> list[str]:
        """Say in words what is not as it was before the attacks."""
        found = [f"changed: {entry}" for entry in set(map(str, self.picture())) ^ set(map(str, self.before))]
        found += [f"{name} heard something" for name, line in self.listeners.items() if _hears(line)]
        found += [f"a victim ended with {victim.returncode}" for victim in self.victims if victim.poll() is not None]
        return found + [f"{folder} holds what was planted" for folder in HOSTS_TEMPORARY if Path(folder, self.place["planted"]).exists()]

    def picture(self) -> list[object]:
        """Return everything that an escape could change and that keeps still."""
        files = [_facts(path) for root in self.roots for path in sorted(root.rglob("*"))]
        return [*files, *(_state(victim.pid) for victim in self.victims if victim.poll() is None)]


@contextmanager
def world(root: Path) -> Iterator[World]:
    """Make a place to attack below an empty folder; clear away what lies elsewhere."""
    token = secrets.token_hex(16)
    outside, home, project = root / "outside", root / "home", root / "project"
    _plant(outside, home, project, token)
    with ExitStack() as stack:
        planted = stack.enter_context(_planted(token))
        beside = Path(stack.enter_context(TemporaryDirectory(prefix="refine-tui-beside-", dir="/dev/shm")))
        (beside / "kept").write_text("kept")
        listeners, names = _listeners(stack, outside, project)
        queue = int(token[:7], 16)
        stack.enter_context(_queues(queue, f"refine-tui-{token}"))
        variable = f"REFINE_TUI_{token[:6].upper()}"
        stack.enter_context(_in_environment({variable: token, "SSH_AUTH_SOCK": str(outside / "s")}))
        victims = [stack.enter_context(_victim(outside, token, name)) for name in ("victim", "supervisor")]
        place = {"outside": str(outside), "home": str(home), "project": str(project), "token": token, **names, "queue": queue}
        place |= {"named_queue": f"refine-tui-{token}", "variable": variable, "planted": f"planted-{token}", "temporary": str(planted)}
        place |= {"victim": victims[0].pid, "supervisor": victims[1].pid}
        place["beside"] = str(beside)
        made = World((root, beside), place, listeners, victims)
        made.before = made.picture()
        yield made
        for folder in HOSTS_TEMPORARY:
            Path(folder, place["planted"]).unlink(missing_ok=True)


def assault(sandbox: Sandbox, place: World, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run attacks at one level, all when none is named; return what they say, what is seen outside, and whether the secret got out."""
    python, prefixes = own_interpreter()
    argv = (python, "-I", "-S", "{tools}/sandbox_attacks.py", json.dumps({**place.place, "level": sandbox.level.value}), *names)
    limits = Limits(wall_s=60, memory_bytes=256 << 20)
    launch = Launch(argv, Path(place.place["project"]), readable=prefixes, tools=TOOLS, limits=limits)
    with sandbox.launch(launch) as running:
        output = running.stdout.read().decode()
        status, said = running.wait(), running.stderr_tail
    answers = json.loads(output) if status == 0 else {}
    return {"answers": answers, "outside": place.changes(), "told": place.place["token"] in output, "status": status, "said": said}


def one_by_one(sandbox: Sandbox, folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Make each attack in a world of its own; return what it says and what it changed, empty when it got nothing."""
    found = {}
    for name in names:
        (folder / name).mkdir()
        with world(folder / name) as place:
            said = assault(sandbox, place, (name,))
        answer = str(said["answers"].get(name, "GOT the runner"))
        found[name] = "" if answer.startswith(REFUSED) and not said["outside"] else f"{answer[:80]} {said['outside'][:2]}"
    return found


def attacks() -> Any:
    """Load the attacks here, to know their names."""
    spec = importlib.util.spec_from_file_location("sandbox_attacks", HERE / "sandbox_attacks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _plant(outside: Path, home: Path, project: Path, token: str) -> None:
    for folder in (outside / "empty", home / ".ssh", *(project / name for name in ("config", "pkg", ".aws", ".kube", ".git/hooks"))):
        folder.mkdir(parents=True)
    (outside / "kept").write_text("kept")
    (project / "pkg" / "mod.py").write_text("VALUE = 1\n")
    masked = (".env", ".env.renamed", ".env.linked", "config/.env.local", ".aws/credentials", ".kube/config")
    for secret in (home / "secret", home / ".ssh" / "id_ed25519", *(project / name for name in masked)):
        secret.write_text(token)
    (project / "deploy.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{token}\n")
    (project / ".git" / "config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = https://u:{token}@example.org/x\n')
    (project / "committed-link").symlink_to(outside)


@contextmanager
def _planted(token: str) -> Iterator[Path]:
    secret = Path(f"/tmp/refine-tui-secret-{token[:8]}")
    secret.write_text(token)
    try:
        yield secret
    finally:
        secret.unlink()


def _listeners(stack: ExitStack, outside: Path, project: Path) -> tuple[dict[str, socket.socket], dict[str, Any]]:
    """Open sockets of every kind that something on a machine listens on; return them, and where they are."""

    def listen(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> socket.socket:
        line = stack.enter_context(socket.socket(family, kind))
        line.bind(address)
        if kind == socket.SOCK_STREAM:
            line.listen()
        line.setblocking(False)
        return line

    listeners = {"port4": listen(socket.AF_INET, ("127.0.0.1", 0)), "port6": listen(socket.AF_INET6, ("::1", 0))}
    listeners["port_udp"] = listen(socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM)
    listeners["port_all"] = listen(socket.AF_INET, ("0.0.0.0", 0))
    places: dict[str, Any] = {name: line.getsockname()[1] for name, line in listeners.items()}
    for name, kind in (("abstract", socket.SOCK_STREAM), ("abstract_datagrams", socket.SOCK_DGRAM)):
        places[name] = f"refine-tui-{name}-{secrets.token_hex(4)}"
        listeners[name] = listen(socket.AF_UNIX, "\0" + places[name], kind)
    for folder in (outside, project):
        with contextlib.chdir(folder):  # the path of a socket has room for 108 bytes
            listeners[str(folder)] = listen(socket.AF_UNIX, "s")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        places["port_free"] = free.getsockname()[1]
    return listeners, {**places, "address": _own_address()}


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line, contextlib.suppress(OSError):
        line.connect(("192.0.2.1", 9))  # sends nothing, only asks for the way
        return str(line.getsockname()[0])
    return ""


@contextmanager
def _queues(key: int, name: str) -> Iterator[None]:
    """Make a message queue, semaphores and shared memory that every user may reach."""
    create = 0o1666
    made = [(_libc.msgctl, _libc.msgget(key, create), (0, None)), (_libc.semctl, _libc.semget(key, 1, create), (0, 0))]
    made.append((_libc.shmctl, _libc.shmget(key, 4096, create), (0, None)))
    named = _libc.syscall(180 if _ARM else 240, name.encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
    try:
        yield
    finally:
        for control, number, words in made:
            control(number, *words)
        if named >= 0:
            os.close(named)
            _libc.syscall(181 if _ARM else 241, name.encode())


@contextmanager
def _in_environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({name: value} if value is not None else {})


@contextmanager
def _victim(outside: Path, token: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of the same user that says into a file whatever it is told, and lives until it is ended."""
    environment = {"SECRET": token, "PATH": os.environ["PATH"]}
    with (outside / f"said-by-{name}").open("wb") as said:
        # Without the rights of root, as what runs inside has none: else the kernel would keep it apart for that alone.
        start = functools.partial(kernel.drop_rights, b"")
        victim = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=said, cwd=outside, env=environment, preexec_fn=start)
    with victim:
        yield victim
        victim.kill()


def _facts(path: Path) -> tuple[object, ...]:
    facts = path.lstat()
    content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    return str(path), facts.st_mode, facts.st_uid, facts.st_mtime_ns, facts.st_nlink, content


def _state(pid: int) -> tuple[object, ...]:
    limits = Path(f"/proc/{pid}/limits").read_text()
    return limits, sorted(os.sched_getaffinity(pid)), os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid)


def _hears(line: socket.socket) -> bool:
    listens = line.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    hear: Callable[[], object] = (lambda: line.accept()[0].close()) if listens else (lambda: line.recv(1))
    try:
        hear()
    except BlockingIOError:
        return False
    return True


def main() -> int:
    folder, found = Path(sys.argv[1]), {}
    ladder = Ladder(folder / "state")
    for word in sys.argv[2:]:
        level = Level(word)
        probe = ladder.probe(level)
        (folder / word).mkdir()
        if level is Level.UNSAFE:
            found[word] = one_by_one(ladder.at(level), folder / word, attacks().ATTACKS)
            continue
        with world(folder / word) as place, contextlib.suppress(IsolationError):
            found[word] = {**assault(ladder.at(level), place), "reason": probe.reason}
    print(json.dumps(found))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
