"""The UI in a real terminal: tmux, keys only, the model that ships, from the demo's start to an applied and an undone patch."""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
PATIENCE_S = 180.0


class Terminal:
    """A tmux server of its own. It tells when something was drawn, so that nothing here sleeps."""

    def __init__(self, folder: Path, command: str, width: int, height: int, env: dict[str, str]) -> None:
        self._base = ["tmux", "-S", str(folder / "tmux.socket"), "-f", os.devnull]
        size = ["-x", str(width), "-y", str(height)]
        subprocess.run([*self._base, "new-session", "-d", "-s", "t", *size, command], env=env, check=True)
        self._events = subprocess.Popen([*self._base, "-C", "attach", "-t", "t"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.run("refresh-client", "-C", f"{width},{height}", check=False)
        assert self._events.stdout is not None
        os.set_blocking(self._events.stdout.fileno(), False)
        self._drawn = selectors.DefaultSelector()
        self._drawn.register(self._events.stdout, selectors.EVENT_READ)

    def run(self, *arguments: str, check: bool = True) -> str:
        return subprocess.run([*self._base, *arguments], check=check, capture_output=True, text=True).stdout

    def screen(self) -> str:
        return self.run("capture-pane", "-p", "-t", "t")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.run("send-keys", "-t", "t", key)

    def wait(self, *words: str) -> str:
        """Return the screen once it shows one of the words."""
        end = time.monotonic() + PATIENCE_S
        while not any(word in (shown := self.screen()) for word in words):
            left = end - time.monotonic()
            if left <= 0:
                pytest.fail(f"none of {words} appeared on:\n{shown}")
            for key, _ in self._drawn.select(min(left, 2.0)):
                os.read(key.fd, 1 << 20)
        return shown

    def close(self) -> None:
        self.run("kill-server", check=False)
        self._drawn.close()
        self._events.communicate()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST", "COV", "TMUX"))}
    more = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    return {**kept, **more, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


@pytest.fixture(params=[(80, 24), (140, 40)], ids=["80x24", "140x40"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path, env: dict[str, str]) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.fail("tmux is not installed: apt install tmux")
    width, height = request.param
    opened = Terminal(tmp_path, f"{sys.executable} -m refine_tui demo; echo left with status $?; exec cat", width, height, env)
    yield opened
    opened.close()


def sources(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(root.rglob("*.py"))}


def test_the_demo_from_start_to_an_applied_and_an_undone_patch_with_keys_only(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait("Running your tests", "fail")
    demo = next((tmp_path / "tmp").glob("refine-demo-*/*"))
    before = sources(demo)
    shown = terminal.wait("y accept")
    assert "undecided" in shown
    assert sources(demo) == before, "nothing is written before w"
    terminal.press("a")
    terminal.wait("accepted")
    terminal.press("w")
    terminal.wait("Wrote #1")
    after = sources(demo)
    assert len([name for name in before if before[name] != after[name]]) == 1
    terminal.press("U")
    terminal.wait("Took back #1")
    assert sources(demo) == before
    terminal.press("2")
    terminal.wait("Budget")
    terminal.press("3")
    terminal.wait("passed")
    terminal.press("1", "q")
    terminal.wait("left with status 0")
