from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from refine_tui.core.errors import ProjectError, StaleBaseError
from refine_tui.core.isolation import Level
from refine_tui.loop import events
from refine_tui.loop.session.state import QueueItem
from refine_tui.ui import run_plain
from refine_tui.ui.plain.dialog import Dialog
from tests.ui.test_ui_hostile import harmless, hostile, hostile_review
from tests.ui.ui_fakes import BASELINE, RED, ScriptedSession, make_review, ready, suite_with, task_events


class Talk:
    """Answers in the order given, then nothing more to read; keeps what was told."""

    def __init__(self, *answers: str) -> None:
        self._answers: Iterator[str] = iter(answers)
        self.told: list[str] = []

    def read(self, question: str) -> str:
        self.told.append(question)
        answer = next(self._answers, None)
        if answer is None:
            raise EOFError
        return answer


def talked(session: ScriptedSession, *answers: str) -> list[str]:
    talk = Talk(*answers)
    Dialog(session, talk.read, talk.told.append).run()
    return talk.told


def test_it_tells_one_line_for_each_event_and_asks_about_what_is_ready() -> None:
    review = make_review()
    cases = [events.CaseFinished(case, n, 10) for n, case in enumerate((*RED, *BASELINE.suite.cases[3:]), 1)]
    session = ScriptedSession(opening=[events.SurveyStarted(9.0), *cases, events.SurveyFinished(BASELINE, (review.task,), Level.ISOLATED)])
    session.scripts = {"t1": task_events(review.task, review)}
    told = talked(session)
    assert "failed 1/10 test_quantity: assert 10 == 30" in told
    assert not any("test_sum" in line for line in told), "what passes is not worth a line"
    assert "7 passed, 3 failed, 0 skipped; 1 new task; isolated." in told
    assert "c3 helps: < to <=; 1 fixed, 0 broken." in told
    assert "Hunk 1 of 2, src/shop/cart.py line 16: undecided" in told
    assert "+             subtotal += item.price * item.quantity" in told
    assert all("\n" not in line for line in told)
    assert told[-1] == "number or word: "


def test_hunks_are_accepted_by_number_or_by_word_then_run_and_written() -> None:
    session = ready(make_review())
    session.outcomes[1] = suite_with(["test_quantity"])
    told = talked(session, "accept 1", "2 2", "apply")
    assert "hunk 1 accepted, hunk 2 rejected" in told
    assert session.called("verify") == [("p1",)]
    assert session.called("apply") == [("p1", False)]
    assert "Wrote #1: 1 change in src/shop/cart.py. take back undoes it." in told


def test_what_breaks_a_test_is_written_only_after_a_yes() -> None:
    session = ready(make_review(broken=["test_sum"]))
    told = talked(session, "accept", "apply", "no", "apply", "yes")
    assert "With these hunks test_sum breaks. Write all the same? yes or no: " in told
    assert session.called("apply") == [("p1", True)]


def test_take_back_and_write_again() -> None:
    session = ready(make_review())
    told = talked(session, "accept", "apply", "take back", "write again")
    assert [line for line in told if line.startswith(("Took", "Wrote again"))] == ["Took back #1.", "Wrote again #1."]


def test_later_goes_on_and_run_brings_it_back() -> None:
    told = talked(ready(make_review(), make_review("p2")), "later", "later", "run")
    shown = [line.partition(",")[0] for line in told if ", proposal " in line]
    assert shown == ["p1", "p2", "p1"]


def test_a_rejection_with_a_reason_is_worked_on_again() -> None:
    session = ready(make_review())
    told = talked(session, "refine", "refine keep the rounding")
    assert session.called("refine_with_note") == [("p1", "keep the rounding")]
    assert session.called("work") == [("t10",)]
    assert "Say what is wrong with it: refine keep the rounding" in told


@pytest.mark.parametrize("answer", ["", "frobnicate", "99", "accept 9", "accept x"])
def test_an_answer_that_means_nothing_changes_nothing(answer: str) -> None:
    session = ready(make_review())
    talked(session, answer)
    assert session.called("change") == []


def test_errors_are_told_and_the_dialog_goes_on() -> None:
    session = ready(make_review())
    session.fails = {"survey": ProjectError("No tests found."), "apply": StaleBaseError("cart.py is no longer the file.")}
    told = talked(session, "accept", "apply", "tests")
    assert [line for line in told if line.startswith("Error")] == ["Error: No tests found.", "Error: cart.py is no longer the file."]
    assert "failed test_quantity: assert 10 == 30" in told


def test_ctrl_c_stops_what_runs_and_keeps_it() -> None:
    review = make_review()
    session = ready(queue=(QueueItem(review.task, "waiting"),))
    session.opening, session.gate, session.gate_after = [], threading.Event(), 3
    session.scripts = {"t1": task_events(review.task, review)}

    def press() -> None:
        if session.is_held.wait(100):
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    told = talked(session)
    assert "Stopped. What is known is kept." in told
    assert session.current.queue[0].status == "cancelled"


def test_hostile_text_is_told_harmlessly() -> None:
    for text in hostile(30, seed=7):
        session = ready(hostile_review(text), branch=text)
        session.opening = [events.Notice(text, "error")]
        assert all(harmless(line) for line in talked(session)), repr(text)


def test_leaving_says_what_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("builtins.input", lambda question: "quit")
    assert run_plain(ready(make_review())) == 0
    assert capsys.readouterr().out.endswith("Kept for the next time: 2 undecided hunks.\n")

    def interrupted(question: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert run_plain(ready(make_review())) == 130


def test_an_answer_to_what_is_no_longer_true_is_not_taken() -> None:
    session = ready(make_review())
    talk = Talk("accept", "accept", "apply")

    def save_and_answer(question: str) -> str:
        answer = talk.read(question)
        if not session.called("files_changed"):
            dialog.saw(frozenset({"b.py", "a.py"}))
        return answer

    dialog = Dialog(session, save_and_answer, talk.told.append)
    dialog.run()
    assert "Saw that a.py and 1 more was saved." in talk.told
    assert "So your answer was not taken. Here is how things stand." in talk.told
    assert session.called("files_changed")[0] == (frozenset({"a.py", "b.py"}),)
    assert session.called("apply") == [("p1", False)], "the second answers count"
