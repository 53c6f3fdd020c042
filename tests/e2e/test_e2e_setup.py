"""Setup in a real terminal: from the model that ships to none, back, and to a model on a server, without leaving."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_e2e_terminal import Terminal
from tests.network.loopback import serving
from tests.remote.scripted_server import Scripted

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.fail("tmux is not installed: apt install tmux")
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST", "COV", "TMUX"))}
    env = {**kept, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    opened = Terminal(tmp_path, f"{sys.executable} -m refine_tui demo; echo left with status $?; exec cat", 80, 24, env)
    yield opened
    opened.close()


def test_the_model_is_changed_to_none_and_back_and_to_a_server_while_the_app_stays(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait("y accept")
    terminal.press("6")
    assert "search alone" in terminal.wait("here  ")
    terminal.press("j", "Enter")
    terminal.wait("No model is in use now")
    assert " no model | " in terminal.wait("No model: none was asked for")
    terminal.press("k", "Enter")
    terminal.wait("refine-line-edit-6m is in use now")
    terminal.wait("In use: ")
    scripted = Scripted(models=[{"id": "coder", "max_model_len": 8192}])
    with serving(scripted) as server:
        terminal.press("o")
        terminal.wait("Which server?")
        terminal.press(f"{server.url}/v1#coder", "Enter")
        terminal.wait("coder is in use now, on server")
        assert server.seen, "the server was asked what it has"
        terminal.press("1")
        terminal.wait("y accept")
        terminal.press("q")
        terminal.wait("left with status 0")
    (choice,) = (tmp_path / "home").rglob("model.json")
    assert "#coder" in choice.read_text()
