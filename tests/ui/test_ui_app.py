from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from textual._compositor import Compositor
from textual.command import CommandList
from textual.pilot import Pilot

from refine_tui.core.errors import RunnerError
from refine_tui.core.isolation import Level
from refine_tui.core.settings import Settings
from refine_tui.loop import events
from refine_tui.loop.session.state import QueueItem
from refine_tui.ui import _farewell, run
from refine_tui.ui.app import RefineApp
from refine_tui.ui.screens.help import HelpScreen
from refine_tui.ui.screens.house import HouseScreen
from refine_tui.ui.widgets.notice_bar import NoticeBar
from refine_tui.ui.widgets.pane import Pane
from refine_tui.ui.widgets.queue_list import QueueList
from tests.ui.conftest import settled, until
from tests.ui.ui_fakes import BASELINE, SUITE, ScriptedSession, make_candidate, make_review, ready, task_events
from tests.ui.ui_hands import Opened, press, said, text, until_held


def app_of(pilot: Pilot[int]) -> RefineApp:
    return cast("RefineApp", pilot.app)


def working(*, gate_after: int = 5) -> ScriptedSession:
    review = make_review()
    session = ready(queue=(QueueItem(review.task, "waiting"),))
    session.opening = []
    session.scripts = {"t1": task_events(review.task, review)}
    session.gate, session.gate_after = threading.Event(), gate_after
    return session


async def test_the_session_is_restored_then_surveyed_then_every_task_is_worked_on(opened: Opened) -> None:
    first, second = make_review(), make_review("p2")
    session = ScriptedSession(opening=[events.SurveyFinished(BASELINE, (first.task, second.task), Level.ISOLATED)])
    async with opened(session):
        assert [call[0] for call in session.calls] == ["restore", "survey", "work", "weigh", "work", "weigh"]


async def test_digits_and_tabs_go_to_the_screens(opened: Opened) -> None:
    async with opened(ready(make_review())) as pilot:
        for key, name in (("2", "loop"), ("3", "tests"), ("1", "review")):
            await press(pilot, key)
            assert name == cast("HouseScreen", pilot.app.screen).board.NAME
        await pilot.click("#tabs", offset=(28, 0))
        await settled(pilot)
        assert cast("HouseScreen", pilot.app.screen).board.NAME == "loop"


async def test_going_to_another_screen_is_one_layout_and_keeps_the_place_in_every_pane(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts: list[int] = []
    reflow = Compositor.reflow

    def counted(compositor: Compositor, *arguments: object) -> object:
        layouts.append(1)
        return reflow(compositor, *arguments)  # type: ignore[arg-type]

    async with opened(ready(make_review())) as pilot:
        await press(pilot, "2", "3", "1", "down", "down")
        pane = pilot.app.screen.query_one("#diff", Pane)
        place = pane.scroll_offset
        assert place.y > 0
        monkeypatch.setattr(Compositor, "reflow", counted)
        for key in "231":
            layouts.clear()
            await press(pilot, key)
            assert len(layouts) == 1
        assert pane.scroll_offset == place
        assert pilot.app.focused is pane


async def test_a_key_that_changes_no_number_of_lines_needs_no_layout(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    layouts: list[int] = []
    async with opened(ready(make_review(prices=True))) as pilot:
        await press(pilot, "j", "k")
        monkeypatch.setattr(Compositor, "reflow", lambda *arguments: layouts.append(1))
        await press(pilot, "j", "k")
        assert layouts == []


async def test_a_key_in_the_key_line_can_be_clicked(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await pilot.click("#keys", offset=(3, 0))
        await settled(pilot)
        assert session.current.review("p1").accepted


@pytest.mark.parametrize("key", ["c", "escape"])
async def test_cancel_stops_what_runs_keeps_it_and_p_goes_on(opened: Opened, key: str) -> None:
    session = working()
    async with opened(session, waits=False) as pilot:
        await until_held(pilot, session)
        await press(pilot, key)
        assert session.current.queue[0].status == "cancelled"
        assert session.called("stop_loading") == [()]
        assert "p goes on" in said(pilot)
        assert app_of(pilot).desk.paused
        session.gate = None
        session.current = session.current.with_item(replace(session.current.queue[0], status="waiting"))
        await press(pilot, "p")
        assert len(session.called("work")) == 2


async def test_cancelling_a_survey_keeps_the_results_that_came(opened: Opened) -> None:
    session = ScriptedSession(opening=[events.SurveyStarted(9.0), *(events.CaseFinished(c, n, 10) for n, c in enumerate(SUITE.cases, 1))])
    session.gate, session.gate_after = threading.Event(), 4
    async with opened(session, waits=False) as pilot:
        await until_held(pilot, session)
        assert "3 of 10" in text(pilot, "#diff")
        await press(pilot, "escape", "3")
        assert len(pilot.app.screen.query_one("#cases", QueueList).shown) == 3


async def test_an_error_of_the_loop_is_a_notice_and_the_review_stays(opened: Opened) -> None:
    session = ready(make_review(), queue=(QueueItem(make_review("p2").task, "waiting"),))
    session.fails["work"] = RunnerError("The test process was killed. Press p to try again.")
    session.opening = []
    async with opened(session) as pilot:
        assert "was killed" in said(pilot)
        assert "decisions are kept" in said(pilot)
        await press(pilot, "y")
        assert session.current.review("p1").accepted


async def test_a_save_is_looked_at_with_all_paths_that_came_meanwhile(opened: Opened) -> None:
    class Hand:
        def start(self, on_change: Callable[[frozenset[str]], None]) -> None:
            self.tell = on_change

        def stop(self) -> None:
            self.stopped = True

    hand = Hand()
    session = working()
    async with opened(session, waits=False, watcher=hand) as pilot:
        await until_held(pilot, session)
        hand.tell(frozenset({"a.py"}))
        hand.tell(frozenset({"b.py"}))
        await pilot.pause()
        assert session.gate is not None
        session.gate.set()
        await settled(pilot)
        assert session.called("files_changed") == [(frozenset({"a.py", "b.py"}),)]
    assert hand.stopped


async def test_the_loop_screen_follows_the_end_only_while_it_is_there(opened: Opened) -> None:
    session = working(gate_after=13)
    session.scripts["t1"] = session.scripts["t1"][:2] + [events.CandidateJudged("t1", make_candidate(n)) for n in range(60)]
    session.gate_after = 42
    async with opened(session, waits=False) as pilot:
        await until_held(pilot, session)
        await pilot.press("2")
        await pilot.pause()
        pane = pilot.app.screen.query_one("#candidates", Pane)
        await pilot.pause()
        assert pane.scroll_offset.y == pane.max_scroll_y
        pane.scroll_to(y=0, animate=False)
        await pilot.pause()
        assert session.gate is not None
        session.gate.set()
        await settled(pilot)
        assert pane.scroll_offset.y == 0
        assert pane.unseen == 20
        assert "20 new below" in str(pane.border_title)


async def test_the_loop_screen_shows_goal_step_critique_and_text(opened: Opened) -> None:
    session = working(gate_after=18)
    async with opened(session, waits=False) as pilot:
        await until_held(pilot, session)
        await pilot.press("2")
        await pilot.pause()
        await pilot.pause()
        goal = str(pilot.app.screen.query_one("#goal").render())
        assert "make test_quantity and test_empty pass" in goal
        assert "[refine]" in goal
        assert "price * item.quantity" in text(pilot, "#stream")
        assert "0.82 src/shop/cart.py:16" in text(pilot, "#critique")


async def test_the_tests_screen_filters_moves_and_runs_all_again(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "3")
        listed = pilot.app.screen.query_one("#cases", QueueList)
        assert len(listed.shown) == 10
        await press(pilot, "f")
        assert len(listed.shown) == 3
        await press(pilot, "j")
        assert "test_empty" in text(pilot, "#details")
        await press(pilot, "k")
        assert "left  10" in text(pilot, "#details")
        assert "src/shop/cart.py:16 in total" in text(pilot, "#details")
        assert "executes src/shop/cart.py (3 lines)" in text(pilot, "#details")
        await press(pilot, "t")
        assert len(session.called("survey")) == 2


async def test_flaky_tests_are_labelled(opened: Opened) -> None:
    review = make_review()
    review = replace(review, candidate=replace(review.candidate, flags=("flaky: tests/test_cart.py::test_sum",)))
    async with opened(ready(review)) as pilot:
        await press(pilot, "3")
        prompts = [row.plain for row in pilot.app.screen.query_one("#cases", QueueList).shown]
        assert [prompt for prompt in prompts if "flaky" in prompt] == ["ok     0.01 s tests/test_cart.py::test_sum flaky"]


async def test_help_lists_the_keys_that_are_valid_now(opened: Opened) -> None:
    async with opened(ready(replace(make_review(), state="stale"))) as pilot:
        await press(pilot, "question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        shown = "\n".join(row.plain for row in pilot.app.screen._rows())
        assert "next hunk" in shown
        assert "accept" not in shown
        assert "page down" not in shown
        assert "tab goes to the next pane; arrows and page keys move in it" in shown
        assert pilot.app.screen.query_one("#help").border_subtitle == "esc closes · ↓ more"
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, HelpScreen)


async def test_the_palette_finds_an_action_and_does_it(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "colon", *"accept rest".replace(" ", ""))
        found = pilot.app.screen.query_one(CommandList)
        await until(pilot, lambda: found.option_count > 0 and all(worker.is_finished for worker in pilot.app.workers), times=3)
        await press(pilot, "down", "enter")
        assert [decision for _, decision in session.current.review("p1").marks] == ["accepted", "accepted"]


@pytest.mark.parametrize(("typed", "found"), [("theme", 1), ("screenshot", 1), ("maximize", 0)])
async def test_of_the_librarys_own_commands_the_palette_finds_themes_and_screenshots(opened: Opened, typed: str, found: int) -> None:
    async with opened(ready(make_review())) as pilot:
        await press(pilot, "colon", *typed)
        listed = pilot.app.screen.query_one(CommandList)
        await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers), times=3)
        told = [str(listed.get_option_at_index(n).prompt).lower() for n in range(listed.option_count)]
        assert sum(typed in line for line in told) == found


async def test_a_screenshot_shows_the_screen_and_is_told_where_it_is(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DOWNLOAD_DIR", raising=False)
    async with opened(ready(make_review())) as pilot:
        await press(pilot, "colon", *"screenshot")
        listed = pilot.app.screen.query_one(CommandList)
        await until(pilot, lambda: listed.option_count == 1 and all(worker.is_finished for worker in pilot.app.workers), times=3)
        await press(pilot, "enter")
        await until(pilot, lambda: said(pilot) != "", times=3)
        ((place, drawn),) = pictures(tmp_path)
        assert f"Saved {place}." in said(pilot).replace("\n", "")
        assert "src/shop/cart.py" in drawn
        assert "🔎" not in drawn


def pictures(folder: Path) -> list[tuple[Path, str]]:
    return [(file, file.read_text("utf-8")) for file in folder.glob("*.svg")]


async def test_nothing_can_be_decided_in_a_terminal_too_small_to_see(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session, (59, 24)) as pilot:
        await press(pilot, "y", "a", "w", "g", "2")
        assert session.called("change") == []
        assert pilot.app.screen.query_one("#too-small").display
        await pilot.resize_terminal(60, 16)
        await settled(pilot)
        assert not pilot.app.screen.query_one("#too-small").display
        await press(pilot, "y")
        assert session.current.review("p1").accepted


async def test_ctrl_c_twice_and_q_leave(opened: Opened) -> None:
    async with opened(ready(make_review())) as pilot:
        await press(pilot, "ctrl+c")
        assert "once more" in said(pilot)
        assert pilot.app.is_running
        await pilot.press("ctrl+c")
        assert pilot.app.return_code == 0
    async with opened(ready(make_review())) as pilot:
        await pilot.press("q")
        assert pilot.app.return_code == 0


async def test_leaving_ends_a_running_job(opened: Opened) -> None:
    session = working()
    async with opened(session, waits=False) as pilot:
        await until_held(pilot, session)
        await pilot.press("q")
    await asyncio.get_running_loop().shutdown_default_executor()
    assert session.current.queue[0].status == "cancelled"


def test_leaving_says_what_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _farewell(ready().current, "w") == ""
    decided = make_review().decide("h1", "accepted").decide("h2", "rejected")
    assert _farewell(ready(decided).current, "w") == "1 accepted change is not written yet (w writes it).\n"
    assert _farewell(ready(decided, decided.decide("h2", "accepted")).current, "apply").startswith("3 accepted changes are not written yet")
    monkeypatch.setattr(RefineApp, "run", lambda self: 0)
    assert run(ready(make_review()), settings=Settings()) == 0
    assert capsys.readouterr().out == "Kept for the next time: 2 undecided hunks.\n"


async def test_warnings_wait_behind_one_another_and_a_remark_hides_none(opened: Opened) -> None:
    session = ready(make_review())
    session.opening = [events.Notice("one", "warning"), events.Notice("two", "error"), events.Notice("three"), events.Notice("four")]
    async with opened(session) as pilot:
        assert "four" in said(pilot)
        assert "esc shows 2 more" in said(pilot)
        await press(pilot, "escape")
        assert "two" in said(pilot)
        await press(pilot, "escape", "escape")
        assert not pilot.app.screen.query_one(NoticeBar).is_shown


async def test_an_unknown_theme_is_a_notice_and_the_default_is_used(opened: Opened) -> None:
    session = ready(make_review())
    session.opening = []
    async with opened(session, theme="neon") as pilot:
        assert pilot.app.theme == "ansi-dark"
        assert "no theme neon" in said(pilot)


async def test_a_thousand_events_in_a_burst_are_few_repaints(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refine_tui.ui.carrying.REPAINT_S", 0.1)
    shows: list[int] = []
    original = RefineApp.show_all

    def counted(app: RefineApp) -> None:
        shows.append(1)
        original(app)

    monkeypatch.setattr(RefineApp, "show_all", counted)
    review = make_review()
    session = ready(queue=(QueueItem(review.task, "waiting"),))
    session.opening = [events.Notice("x")] * 3
    session.scripts = {"t1": [events.TaskStarted(review.task), *(events.CandidateJudged("t1", make_candidate(n)) for n in range(1000))]}
    async with opened(session, waits=False) as pilot:
        while app_of(pilot).desk.live.judged < 1000:
            await pilot.pause(0.02)
        assert len(shows) < 100
