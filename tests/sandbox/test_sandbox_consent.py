"""Running without isolation takes a sentence, typed at a terminal; showing a credential takes its name in the settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refine_tui.core.isolation import Level
from refine_tui.loop.ports.running import Launch
from refine_tui.sandbox.confined import Confined
from refine_tui.sandbox.isolated import Isolated, find_bubblewrap
from refine_tui.sandbox.masks import MaskFinder
from refine_tui.sandbox.opening import Ladder
from tests.sandbox.conftest import reach

PROGRAM = """
import sys
from pathlib import Path
from refine_tui.bootstrap import make_sandbox
from refine_tui.cli.parser import parse
from refine_tui.sandbox import kernel, opening
opening.find_bubblewrap = lambda: None
kernel.landlock_version = lambda: 0
options = parse(["fix", *sys.argv[2:]])
levels = [make_sandbox(unsafe=options.unsafe, state_dir=Path(sys.argv[1])).level.value for _ in range(2)]
print("LEVELS", *levels, flush=True)
"""


def levels_after(typed: str | None, state: Path, *words: str) -> tuple[list[str], str]:
    """Return the levels two openings of one session get, and what was said. `None`: there is no terminal."""
    command = [sys.executable, "-c", PROGRAM, str(state), *words]
    ours, theirs = os.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with os.fdopen(ours, "wb", buffering=0) as keyboard:
        if typed is not None:
            keyboard.write(f"{typed}\n".encode())
        terminal = subprocess.DEVNULL if typed is None else theirs
        done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, env=environment, check=True)
        os.close(theirs)
    return done.stdout.split()[1:], done.stderr


@pytest.mark.parametrize(
    ("typed", "words", "expected", "asked"),
    [
        ("run it unprotected", ("--unsafe",), "unsafe", 1),
        ("yes", ("--unsafe",), "static", 1),
        ("", ("--unsafe",), "static", 1),
        ("run it unprotected", (), "static", 0),
        (None, ("--unsafe",), "static", 0),
    ],
)
def test_without_isolation_only_a_typed_sentence_lets_code_run(
    typed: str | None, words: tuple[str, ...], expected: str, asked: int, tmp_path: Path
) -> None:
    levels, said = levels_after(typed, tmp_path, *words)

    assert levels == [expected, expected]
    assert said.count("to go on for this session") == asked
    assert ("bubblewrap is not installed" in said) is bool(asked)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [], "consent is written nowhere"


@pytest.mark.parametrize(
    ("allow", "hidden"),
    [
        ((), [".aws", ".env", "config/.env.test", "deploy.pem"]),
        ((".env.test",), [".aws", ".env", "deploy.pem"]),
        (("config/*",), [".aws", ".env", "deploy.pem"]),
        (("*/.env", "c*t", "config", "*env*/*"), [".aws", ".env", "config/.env.test", "deploy.pem"]),
        ((".aws", "*.pem"), [".env", "config/.env.test"]),
    ],
)
def test_the_settings_name_credentials_that_are_shown(allow: tuple[str, ...], hidden: list[str], tmp_path: Path) -> None:
    _plant(tmp_path)

    masks = MaskFinder(tmp_path, allow).masks()

    assert sorted([*masks.files, *masks.folders]) == hidden


@pytest.mark.parametrize("level", [Level.ISOLATED, Level.CONFINED], ids=lambda level: level.value)
def test_what_is_allowed_can_be_read_and_the_rest_cannot(level: Level, ladder: Ladder, project: Path, tmp_path: Path) -> None:
    reach(ladder, level)
    _plant(project)
    allow = ("config/.env.test", ".aws")
    isolated = Isolated(find_bubblewrap() or "", allow=allow)
    sandbox = isolated if level is Level.ISOLATED else Confined(level, tmp_path / "state", allow=allow)
    argv = ("sh", "-c", "cat .env config/.env.test .aws/credentials deploy.pem 2>&1")

    with sandbox.launch(Launch(argv, project)) as running:
        lines = running.stdout.read().decode().splitlines()

    assert [line for line in lines if line.startswith("SECRET")] == ["SECRET of config/.env.test", "SECRET of .aws/credentials"]


def _plant(project: Path) -> None:
    for name in (".env", "config/.env.test", ".aws/credentials", "deploy.pem"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(f"SECRET of {name}\n-----BEGIN PRIVATE KEY-----\n")


if sys.platform != "linux":
    pytest.skip("written for Linux", allow_module_level=True)
