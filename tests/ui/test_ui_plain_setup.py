"""Setup without a screen: the same models and the same ways to them, as answers of the dialog."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.ui.plain.dialog import Dialog
from tests.ui.setup_fakes import CARD, HALF_WAY, HERE, ScriptedShelf
from tests.ui.test_ui_plain import Talk
from tests.ui.ui_fakes import MODEL, ScriptedSession, ready


def talked(shelf: ScriptedShelf, *answers: str, session: ScriptedSession | None = None, key: str = "") -> list[str]:
    talk = Talk(*answers)

    def ask(question: str) -> str:
        talk.told.append(question)
        return key

    Dialog(session or ready(), talk.read, talk.told.append, shelf, ask).run()
    return talk.told


def test_models_tells_a_line_for_each_and_what_fits() -> None:
    told = talked(ScriptedShelf(), "models")
    assert "repair-small, in use, llama, Q8_0, 11.9 MB, needs 201.6 MB, fits" in told
    assert "coder-32b, qwen2, Q4_K_M, 19.80 GB, needs 26.10 GB, TOO BIG for now" in told
    assert "torn, cannot be used" in told
    assert "none, search alone" in told
    assert "coder-0.5b, not here, Q8_0, 531.0 MB, needs at least 681.0 MB" in told
    assert "8.00 GB of memory are free." in told


def test_models_with_a_name_tells_all_that_is_known_of_it() -> None:
    told = talked(ScriptedShelf(), "models coder-0.5b", "models coder")
    assert "licence  Apache-2.0" in told
    assert "source   https://models.example/coder" in told
    assert any(line.startswith("coder is no model of these: repair-small, ") for line in told)


def test_another_model_is_used_at_once_and_what_it_warns_of_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ready()
    monkeypatch.setattr("tests.ui.setup_fakes.MODEL", replace(MODEL, warnings=("THE MODEL RUNS ON THE CPU.",)))
    told = talked(ScriptedShelf(), "use coder-32b", session=session)
    assert session.called("use_model") == [("coder-32b",)]
    assert told.index("Loading coder-32b.") < told.index("Warning: THE MODEL RUNS ON THE CPU.")


def test_a_server_and_no_model_are_used_like_a_file() -> None:
    session = ready()
    told = talked(ScriptedShelf(), "use http://127.0.0.1:8080/v1#coder", "use none", session=session)
    assert session.called("use_model") == [("http://127.0.0.1:8080/v1#coder",), ("none",)]
    assert "No model is in use now; search alone proposes patches." in told


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("use", "Say which one: use NAME, use none, or use http://HOST:PORT/v1#NAME for one on a server"),
        ("use torn", "torn cannot be used: /models/torn.gguf ends in the middle of its tensors."),
        ("use coder-0.5b", "coder-0.5b is not here yet: fetch coder-0.5b brings it."),
        ("fetch", "Say which one: fetch NAME, or fetch hf:OWNER/REPO/FILE.gguf, or the https address of a file"),
        ("add", "Say which file: add ~/models/coder.gguf"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_next_step(answer: str, said: str) -> None:
    session = ready()
    assert said in talked(ScriptedShelf(), answer, session=session)
    assert session.called("use_model") == []


def test_what_goes_wrong_is_told_and_the_dialog_goes_on() -> None:
    shelf = ScriptedShelf(fails={"lost": ModelError("There is no model lost."), "gone": ModelError("gone is not to be had.")})
    told = talked(shelf, "use lost", "fetch gone", "add /models/mine.gguf")
    assert [line for line in told if line.startswith("Error")] == ["Error: There is no model lost.", "Error: gone is not to be had."]
    assert "mine was added; its file stays where it is. use mine uses it." in told


def test_a_model_is_fetched_with_its_progress_in_lines_of_text() -> None:
    told = talked(ScriptedShelf(), "fetch coder-0.5b", "models")
    assert "50% of 531.0 MB  3.1 MB/s  1 min 26 s left  coder-0.5b.Q8_0.gguf" in told
    assert "coder-0.5b is here and was checked. use coder-0.5b uses it." in told


def test_one_that_does_not_fit_is_fetched_only_after_a_yes() -> None:
    told = talked(ScriptedShelf(), "fetch coder-70b", "no", "fetch coder-70b", "yes")
    assert "coder-70b needs at least 42.15 GB of memory, and less is free. Fetch it all the same? yes or no: " in told
    assert told.index("Nothing was fetched.") < told.index("coder-70b is here and was checked. use coder-70b uses it.")


@pytest.mark.parametrize(("key", "end"), [("secret", "coder-0.5b is here and was checked."), ("", "Error: hub.example hands it out")])
def test_a_key_is_asked_for_where_nothing_shows_it(key: str, end: str) -> None:
    shelf = ScriptedShelf(asks="Key for hub.example (kept for this session only): ")
    told = talked(shelf, "fetch coder-0.5b", key=key)
    assert shelf.answers == [key]
    assert "This machine has no system keyring. Set HF_TOKEN, or type the key for each session." in told
    assert any(line.startswith(end) for line in told)
    assert not any("secret" in line for line in told)


def test_ctrl_c_stops_a_download_and_what_has_arrived_is_kept() -> None:
    shelf = ScriptedShelf(gate=threading.Event())

    def press() -> None:
        if shelf.is_held.wait(100):
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    told = talked(shelf, "fetch coder-0.5b")
    assert shelf.closed == ["coder-0.5b"]
    assert "What has arrived of it is kept: fetch coder-0.5b goes on from there." in told


def test_hostile_names_and_notes_are_told_harmlessly() -> None:
    evil = "\x1b[2Jevil\x07"
    shelf = ScriptedShelf(rows=(replace(HERE, wish=evil, kind="broken", note=evil), replace(CARD, wish="fine", note=evil)))
    told = talked(shelf, "models", "models fine", f"use {evil}")
    assert not any(letter in line for line in told for letter in "\x1b\x07")
    assert HALF_WAY.file not in told
