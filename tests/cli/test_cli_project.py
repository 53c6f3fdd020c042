"""A project's path that leads nowhere is one sentence, for every command, and no work is begun."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refine_tui.cli import main

COMMANDS = (["fix"], ["eval"], ["history"], ["undo"], ["redo"], ["where"], ["review", __file__])


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "there is no such folder. Name the project's folder."),
        ("a file", "not a folder. Name the folder that holds the project."),
        ("closed", "the folder cannot be read. Check its permissions."),
    ],
)
def test_it_is_one_sentence_with_what_to_do(
    command: list[str], kind: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "shop"
    if kind == "a file":
        place.write_text("no folder")
    elif kind == "closed":
        place.mkdir()
        # Whoever runs the tests may be the one user who can read everything.
        monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != place)
    assert main([*command, "--project", str(place)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"refine-tui: {place}: {words}\n"
