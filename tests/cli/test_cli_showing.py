"""`where`, `doctor` and what is said of a defect."""

from __future__ import annotations

from pathlib import Path

import pytest

from refine_tui.bootstrap import open_project
from refine_tui.bootstrap_models import make_generator, make_registry
from refine_tui.bootstrap_settings import Places
from refine_tui.cli import main, showing
from refine_tui.cli.parser import parse
from refine_tui.cli.recording import LONGEST_BYTES
from refine_tui.core.errors import ModelError
from refine_tui.core.settings import Settings
from refine_tui.loop.defects import in_words
from refine_tui.ui.session_worker import Delivery, Job, JobEnded, JobQueue, carry_out
from tests.network.loopback import serving
from tests.remote.scripted_server import Scripted


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of its own, and a project to stand in."""
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def log_of(home: Path) -> Path:
    (found,) = home.rglob("refine-tui.log")
    return found


def test_where_names_the_choice_of_a_model_the_logs_and_the_cache(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where"]) == 0
    named = capsys.readouterr().out
    for file in ("model.json", "model.log", "refine-tui.log", str(home / "cache" / "refine-tui"), "refine.toml"):
        assert file in named


@pytest.mark.parametrize("wanted", ["none", "http://127.0.0.1:1/v1#coder", "no-such-model"])
def test_doctor_speaks_of_the_model_that_the_settings_name(wanted: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = home / "config" / "refine-tui" / "refine.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[model]\nuse = "{wanted}"\n')
    showing.say_model(parse(["doctor"]))
    assert wanted in capsys.readouterr().out


def test_a_defect_is_a_sentence_that_names_the_log_with_its_traceback(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise KeyError("odd")

    monkeypatch.setattr(showing, "run_where", broken)
    assert main(["where"]) == 1
    said = capsys.readouterr().err
    assert said == f"refine-tui: KeyError: 'odd'. This is a defect of refine_tui; {log_of(home)} says where.\n"
    assert "in broken" in log_of(home).read_text()
    with pytest.raises(KeyError):
        main(["--debug", "where"])


def test_a_defect_on_the_worker_of_the_ui_leaves_its_traceback_in_the_log(home: Path) -> None:
    def broken(_: object) -> None:
        raise ValueError("odd")

    assert main(["where"]) == 0
    queue, heard = JobQueue(), list[Delivery]()
    queue.put(Job("work", broken))  # type: ignore[arg-type]
    carry_out(queue, heard.append)
    assert isinstance(heard[-1], JobEnded)
    assert heard[-1].error == f"ValueError: odd. This is a defect of refine_tui; {log_of(home)} says where. Decisions are kept."
    assert "in broken" in log_of(home).read_text()


def test_a_long_log_is_begun_anew_and_one_that_cannot_be_written_stands_in_no_ones_way(home: Path) -> None:
    main(["where"])
    in_words(ValueError("first"))
    log = log_of(home)
    log.write_text("x" * (LONGEST_BYTES + 1))
    main(["where"])
    in_words(ValueError("second"))
    assert log.stat().st_size < 1000
    log.unlink()
    log.mkdir()
    main(["where"])
    assert "ValueError: third" in in_words(ValueError("third"))


@pytest.mark.parametrize("is_there", [True, False])
def test_the_key_of_a_server_is_asked_for_where_somebody_is_there(is_there: bool, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refine_tui.network.keys.from_keyring", lambda _: ("", ""))
    monkeypatch.setattr("getpass.getpass", lambda _: "secret")
    monkeypatch.setattr("sys.stdin.isatty", lambda: is_there)
    (home / "project" / "test_a.py").write_text("def test_a():\n    pass\n")
    with serving(Scripted(key="secret")) as server:
        options = parse(["fix", "--model", f"{server.url}/v1#coder"])
        if is_there:
            with open_project(options, writes=False) as project:
                assert project.parts.generator is not None
        else:
            with pytest.raises(ModelError, match="wants a key"), open_project(options, writes=False):
                pass


@pytest.mark.parametrize(("name", "value"), [("REFINE_TUI_API_KEY", "sec\nret"), ("https_proxy", "http://proxy:abc")])
def test_a_chosen_server_that_cannot_be_spoken_to_is_a_reason_to_go_on_without(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    make_registry(Places()).use("https://models.example/v1#coder")
    generator, reason = make_generator("", Settings(), Places())
    assert generator is None
    assert name in reason
    assert "sec" not in reason
