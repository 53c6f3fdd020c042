"""Words of the command line: numbers with their nouns, times as clocks show them, and mistakes answered with what to do next."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from refine_tui.bootstrap_settings import Places, read_settings
from refine_tui.cli import main
from refine_tui.cli.keeping import _clock
from refine_tui.cli.parser import COMMANDS
from refine_tui.core.amounts import counted


def test_one_thing_and_several_are_told_apart() -> None:
    assert [counted(count, "task") for count in (0, 1, 2, 1200)] == ["0 tasks", "1 task", "2 tasks", "1,200 tasks"]


@pytest.mark.parametrize("before", [(), ("--offline",), ("--project", "/")])
def test_a_command_that_is_none_is_answered_with_those_there_are(before: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*before, "frobnicate"])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"there is no command 'frobnicate'. Commands: {', '.join(COMMANDS)}" in said
    assert "learn" not in said


def test_help_lists_every_command_and_tells_where_the_options_of_the_ui_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    said = capsys.readouterr().out
    listed = [line.split()[0] for line in said.splitlines() if line.startswith("    ") and line[4] != " "]
    assert ended.value.code == 0
    assert listed == list(COMMANDS)
    assert "refine-tui [PATH]" in said
    with pytest.raises(SystemExit):
        main(["open", "--help"])
    assert "--model" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["doctor", "fix", "history"])
def test_an_option_that_a_command_does_not_know_is_answered_with_those_it_knows(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--frobnicate", "7"])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"usage: refine-tui {command} ")
    assert f"refine-tui {command}: error: unrecognized arguments: --frobnicate" in said


def test_what_is_no_number_of_an_application_is_answered_with_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["undo", "x"])
    assert "'x' is no number; `refine-tui history` lists the numbers" in capsys.readouterr().err


def test_the_line_that_trusts_a_project_does_so_when_it_is_run_as_it_is_told(tmp_path: Path) -> None:
    root, places = tmp_path / "it's here", Places(config=tmp_path / "my settings")
    root.mkdir()
    (root / "refine.toml").write_text('[test]\ncommand = "make check"\n')
    settings, (notice,) = read_settings(root, places)
    assert settings.test_command == ""
    subprocess.run(["sh", "-c", notice.partition("This trusts it: ")[2]], check=True)
    settings, notices = read_settings(root, places)
    assert (settings.test_command, notices) == ("make check", ())


def test_history_shows_the_time_of_clocks_here_to_the_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Zurich")
    time.tzset()
    try:
        assert _clock("2026-01-05T12:34:56.789+00:00") == "2026-01-05 13:34"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_file_that_is_no_model_is_answered_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    (tmp_path / "bad.gguf").write_bytes(b"not a model")
    assert main(["models", "use", str(tmp_path / "bad.gguf")]) != 0
    assert "is not a GGUF file: it does not begin with the letters GGUF. Fetch it again, or name another." in capsys.readouterr().err
