"""Every attack at every level that can be reached; what happened is judged from outside where it can be."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.isolation import Level, Limits
from refine_tui.loop.ports.running import Launch, Sandbox
from refine_tui.sandbox.bubblewrap import own_interpreter
from refine_tui.sandbox.opening import Ladder

ATTACKS_FILE = Path(__file__).with_name("sandbox_attacks.py")
TOOLS = {path.name: path.read_bytes() for path in ATTACKS_FILE.parent.glob("sandbox_attacks*.py")}
TOKEN = "token-that-must-not-get-out"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("sandbox_attacks", ATTACKS_FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_ATTACKS = _load()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    root = tmp_path_factory.mktemp("world")
    outside, home, project = root / "outside", root / "home", root / "project"
    for folder in (outside, home / ".ssh", project / "config", project / ".aws", project / ".git"):
        folder.mkdir(parents=True)
    (outside / "kept").write_text("kept")
    for secret in (
        home / "secret",
        home / ".ssh" / "id_ed25519",
        project / ".env",
        project / "config/.env.local",
        project / ".aws/credentials",
    ):
        secret.write_text(TOKEN)
    (project / "deploy.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{TOKEN}\n")
    (project / ".git" / "config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = https://u:{TOKEN}@example.org/x\n')
    (project / "committed-link").symlink_to(outside)
    with contextlib.ExitStack() as stack:

        def listen(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> socket.socket:
            line = stack.enter_context(socket.socket(family, kind))
            line.bind(address)
            if kind == socket.SOCK_STREAM:
                line.listen()
            line.setblocking(False)
            return line

        listeners = {"port4": listen(socket.AF_INET, ("127.0.0.1", 0)), "port6": listen(socket.AF_INET6, ("::1", 0))}
        listeners["port_udp"] = listen(socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM)
        ports = {name: line.getsockname()[1] for name, line in listeners.items()}
        abstract = f"refine-tui-test-{os.getpid()}"
        listeners["abstract"] = listen(socket.AF_UNIX, "\0" + abstract)
        for folder in (outside, project):
            with contextlib.chdir(folder):  # the path of a socket has room for 108 bytes
                listeners[str(folder)] = listen(socket.AF_UNIX, "s")
        victim = stack.enter_context(
            subprocess.Popen(
                ["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=outside, env={"SECRET": TOKEN, "PATH": os.environ["PATH"]}
            )
        )
        stack.callback(victim.kill)
        yield {
            "place": {
                "outside": str(outside),
                "home": str(home),
                "project": str(project),
                "token": TOKEN,
                "abstract": abstract,
                "victim": victim.pid,
                "supervisor": os.getpid(),
                **ports,
            },
            "listeners": listeners,
            "victim": victim,
            "before": _picture(root),
            "root": root,
            "victim_before": _state(victim.pid),
        }


@pytest.fixture(scope="module")
def answers(place: dict[str, Any], ladder: Ladder) -> Callable[[Sandbox], dict[str, str]]:
    """Run every attack once at a level; the tests look at the answers one by one."""
    known: dict[Level, dict[str, str]] = {}

    def ask(sandbox: Sandbox) -> dict[str, str]:
        if sandbox.level not in known:
            known[sandbox.level] = _attack(sandbox, place["place"])
        return known[sandbox.level]

    return ask


def _attack(sandbox: Sandbox, place: dict[str, Any]) -> dict[str, str]:
    python, prefixes = own_interpreter()
    argv = (python, "-I", "-S", "{tools}/sandbox_attacks.py", json.dumps({**place, "level": sandbox.level.value}))
    tools, limits = TOOLS, Limits(wall_s=60, memory_bytes=256 << 20)
    with sandbox.launch(Launch(argv, Path(place["project"]), readable=prefixes, tools=tools, limits=limits)) as running:
        output = running.stdout.read().decode()
        assert running.wait() == 0, running.stderr_tail
    assert TOKEN not in output
    found: dict[str, str] = json.loads(output)
    return found


@pytest.mark.parametrize("name", list(_ATTACKS.ATTACKS))
def test_an_attack_is_refused(sandbox: Sandbox, name: str, answers: Callable[[Sandbox], dict[str, str]]) -> None:
    if sandbox.level is Level.CONFINED and name in _ATTACKS.NOT_AT_CONFINED:
        pytest.skip("no promise of this level")

    assert answers(sandbox)[name].startswith(("REFUSED", "ENDED 31"))


def test_the_attacks_left_no_trace_outside(sandbox: Sandbox, answers: Callable[[Sandbox], dict[str, str]], place: dict[str, Any]) -> None:
    assert len(answers(sandbox)) == len(_ATTACKS.ATTACKS)

    assert _picture(place["root"]) == place["before"]
    assert place["victim"].poll() is None
    assert _state(place["victim"].pid) == place["victim_before"]
    for line in place["listeners"].values():
        with pytest.raises(BlockingIOError):
            line.recv(1) if line.type == socket.SOCK_DGRAM else line.accept()


def test_the_attacks_succeed_where_nothing_is_kept_from_them(place: dict[str, Any], ladder: Ladder, tmp_path: Path) -> None:
    """Else the tests above would prove nothing."""
    harmless = (
        "read_a_secret_in_home",
        "list_home",
        "connect_to_the_host_by_ip4",
        "connect_to_an_abstract_socket",
        "make_a_netlink_socket",
    )
    python, prefixes = own_interpreter()
    code = f"""
import json, sys
sys.path.insert(0, sys.argv[1])
import sandbox_attacks
print([sandbox_attacks.attempt(name, json.loads(sys.argv[2]))[:3] for name in {harmless}])
"""
    argv = (python, "-I", "-S", "-c", code, "{tools}", json.dumps({**place["place"], "level": "unsafe"}))
    tools = TOOLS
    with ladder.at(Level.UNSAFE).launch(Launch(argv, Path(place["place"]["project"]), readable=prefixes, tools=tools)) as running:
        output = running.stdout.read().decode()
    for line in place["listeners"].values():
        with contextlib.suppress(BlockingIOError):
            line.accept()[0].close() if line.type == socket.SOCK_STREAM else None

    assert output == f"{['GOT'] * len(harmless)}\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_the_attacks_are_refused_to_an_ordinary_user_too(tmp_path_factory: pytest.TempPathFactory, ladder: Ladder) -> None:
    tester = _python_of_everybody()
    if not tester:
        pytest.skip("no interpreter that an ordinary user can run and that is new enough")
    state = tmp_path_factory.mktemp("ordinary")
    for folder in (state, *state.parents[:-1]):
        if folder.stat().st_uid == 0 and folder.name.startswith(("pytest-", "popen-", "ordinary")):
            folder.chmod(0o755)
    os.chown(state, 65534, 65534)
    program = Path(__file__).with_name("sandbox_ordinary_user.py")
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    found = subprocess.run(
        [*user, tester, str(program), str(ATTACKS_FILE), str(state)],
        env={"PATH": os.environ["PATH"], "HOME": str(state), "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stderr
    got = json.loads(found.stdout)
    assert got["holds"] == [level.value for level in (Level.ISOLATED, Level.CONFINED) if ladder.probe(level).holds], got["reasons"]
    assert got["escapes"] == {}
    assert got["tried"] > 50


def _python_of_everybody() -> str:
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        check = "import sys, refine_tui.sandbox; assert sys.version_info >= (3, 11)"
        done = (
            subprocess.run([*user, path, "-c", check], cwd=Path(__file__).parents[2], capture_output=True, check=False)
            if Path(path).exists()
            else None
        )
        if done is not None and done.returncode == 0:
            return path
    return ""


def _picture(root: Path) -> list[tuple[str, int, int, int, int, bytes]]:
    """Everything below a folder that an escape could change."""
    found = []
    for path in sorted(root.rglob("*")):
        facts = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found.append((str(path), facts.st_mode, facts.st_uid, facts.st_mtime_ns, facts.st_nlink, content))
    return found


def _state(pid: int) -> tuple[str, object, int]:
    limits = Path(f"/proc/{pid}/limits").read_text()
    return limits, sorted(os.sched_getaffinity(pid)), os.getpriority(os.PRIO_PROCESS, pid)


if sys.platform != "linux":
    pytest.skip("the attacks are written for Linux", allow_module_level=True)
