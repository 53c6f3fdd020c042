from __future__ import annotations

from pathlib import Path

import pytest

from refine_tui.core.errors import UsageError
from refine_tui.core.isolation import Level
from refine_tui.core.review import Decision
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.session.state import QueueItem
from refine_tui.ui.messages import ResumeWork
from refine_tui.ui.widgets.pane import Pane
from refine_tui.ui.widgets.prompt_bar import PromptBar
from tests.ui.ui_fakes import BASELINE, HANDOFF, ScriptedSession, make_review, ready, task_events
from tests.ui.ui_hands import Opened, board, decisions, press, said, text


async def test_y_accepts_and_goes_to_the_next_undecided_hunk(opened: Opened) -> None:
    session = ready(make_review(prices=True))
    async with opened(session) as pilot:
        await press(pilot, "y")
        assert decisions(session) == ["accepted", "undecided", "undecided"]
        assert board(pilot).selection.hunk == "h2"


async def test_n_rejects_and_after_the_last_hunk_the_first_undecided_one_is_next(opened: Opened) -> None:
    session = ready(make_review(prices=True))
    async with opened(session) as pilot:
        await press(pilot, "J", "J", "n")
        assert decisions(session) == ["undecided", "undecided", "rejected"]
        assert board(pilot).selection.hunk == "h1"


async def test_space_toggles_both_ways_and_stays(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "space")
        assert decisions(session) == ["accepted", "undecided"]
        await press(pilot, "space")
        assert decisions(session) == ["undecided", "undecided"]
        assert board(pilot).selection.hunk == "h1"


@pytest.mark.parametrize(("key", "decision"), [("a", "accepted"), ("d", "rejected")])
async def test_a_and_d_decide_on_the_rest_of_the_file_only(opened: Opened, key: str, decision: Decision) -> None:
    session = ready(make_review(prices=True))
    async with opened(session) as pilot:
        await press(pilot, key)
        assert decisions(session) == [decision, decision, "undecided"]


async def test_u_and_ctrl_r_take_decisions_back_and_make_them_again(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "y", "n", "u")
        assert decisions(session) == ["accepted", "undecided"]
        await press(pilot, "u", "ctrl+r", "ctrl+r")
        assert decisions(session) == ["accepted", "rejected"]


async def test_s_splits_a_hunk_of_several_lines_and_is_not_offered_for_one_line(opened: Opened) -> None:
    review = make_review(new=make_review().tree["src/shop/cart.py"].replace(b"subtotal = 0\n        for", b"subtotal = 0.0\n        FOR"))
    session = ready(review)
    async with opened(session) as pilot:
        await press(pilot, "s")
        assert [hunk.id for hunk in session.current.review("p1").hunks] == ["h1.1", "h1.2"]
        assert board(pilot).selection.hunk == "h1.1"
        await press(pilot, "s")
        assert len(session.current.review("p1").hunks) == 2
        await press(pilot, "u")
        assert board(pilot).selection.hunk == "h1"


async def test_moving_goes_by_hunk_by_undecided_hunk_by_file_and_by_proposal(opened: Opened) -> None:
    async with opened(ready(make_review(prices=True), make_review("p2"))) as pilot:

        async def at(*keys: str) -> tuple[str, str]:
            await press(pilot, *keys)
            return board(pilot).selection.item, board(pilot).selection.hunk

        assert await at("j") == ("p1", "h2")
        assert await at("k", "k") == ("p1", "h1")
        assert await at("]") == ("p1", "h3")
        assert await at("]", "[") == ("p1", "h1")
        assert await at("j", "y", "k", "k", "J") == ("p1", "h3")
        assert await at("K") == ("p1", "h1")
        assert await at(".") == ("p2", "h1")
        assert await at(",") == ("p1", "h1")


async def test_the_list_moves_the_selection_with_the_arrow_keys(opened: Opened) -> None:
    async with opened(ready(make_review(), make_review("p2")), (140, 40)) as pilot:
        pilot.app.screen.query_one("#list").focus()
        await press(pilot, "down")
        assert board(pilot).selection.hunk == "h2"
        await press(pilot, "down")
        assert board(pilot).selection.item == "p2"


async def test_r_rejects_with_a_reason_and_the_task_is_tried_again(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "r", *"keep", "space", *"it", "enter")
        assert session.called("refine_with_note") == [("p1", "keep it")]
        assert session.called("work") == [("t10",)]


async def test_letters_typed_into_the_prompt_decide_nothing_and_escape_closes_it(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "r", "y", "w", "a", "q", "1", "escape")
        assert decisions(session) == ["undecided", "undecided"]
        assert not pilot.app.screen.query_one(PromptBar).is_open
        assert session.called("refine_with_note") == []


async def test_g_states_a_goal_with_a_place(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "g", *"faster", "enter", *"a.py", "enter")
        assert session.called("add_goal") == [("faster", "a.py")]
        assert session.called("work") == [("t9",)]


async def test_a_refused_goal_is_a_notice(opened: Opened) -> None:
    session = ready(make_review())
    session.fails["add_goal"] = UsageError("a.py::b: there is no such symbol.")
    async with opened(session) as pilot:
        await press(pilot, "g", "x", "enter", "enter")
        assert "no such symbol" in said(pilot)


async def test_e_opens_the_editor_and_the_edited_hunk_has_no_evidence(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf '            subtotal += 3\\n' > \"$1\"\n")
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setattr("refine_tui.ui.app.RefineApp.suspend", _no_suspending)
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "e")
        assert session.called("replace_hunk") == [("p1", "h1", ("            subtotal += 3",))]
        assert "has not been run" in said(pilot)
        await press(pilot, "a", "w")
        assert session.called("verify") == [("p1",)]


async def test_a_hunk_edited_back_to_what_is_there_is_said_to_change_nothing(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf '            subtotal += item.price\\n' > \"$1\"\n")
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setattr("refine_tui.ui.app.RefineApp.suspend", _no_suspending)
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "e")
        assert "changes nothing any more" in said(pilot)
        for key in ("w", "t"):
            await press(pilot, "y", "k", key)
            assert "What is accepted changes nothing any more" in said(pilot)
        assert session.called("verify") + session.called("apply") == []


async def test_a_failing_editor_leaves_the_hunk_as_it_was(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setattr("refine_tui.ui.app.RefineApp.suspend", _no_suspending)
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "e")
        assert session.called("replace_hunk") == []


async def test_editing_where_no_editor_can_open_is_a_notice(opened: Opened) -> None:
    async with opened(ready(make_review())) as pilot:
        await press(pilot, "e")
        assert "cannot be opened" in said(pilot)


async def test_v_shows_two_columns_and_braces_change_the_context(opened: Opened) -> None:
    async with opened(ready(make_review()), (140, 40)) as pilot:
        assert "|" not in text(pilot, "#diff")
        await press(pilot, "v")
        assert "|" in text(pilot, "#diff")
        rows = len(text(pilot, "#diff").splitlines())
        await press(pilot, "{")
        assert len(text(pilot, "#diff").splitlines()) < rows
        await press(pilot, "}", "}")
        assert len(text(pilot, "#diff").splitlines()) > rows


async def test_z_gives_the_focused_pane_the_screen_and_escape_takes_it_back(opened: Opened) -> None:
    async with opened(ready(make_review())) as pilot:
        await press(pilot, "z")
        assert not pilot.app.screen.query_one("#notes").display
        await press(pilot, "escape")
        assert pilot.app.screen.query_one("#notes").display


async def test_l_shows_the_list_where_it_has_no_room(opened: Opened) -> None:
    async with opened(ready(make_review(), make_review("p2"))) as pilot:
        assert not pilot.app.screen.query_one("#list").display
        await press(pilot, "l", "down", "down")
        assert pilot.app.screen.query_one("#list").display
        assert board(pilot).selection.item == "p2"
        await press(pilot, "l")
        assert not pilot.app.screen.query_one("#list").display


async def test_a_notice_does_not_move_a_diff_that_the_user_has_scrolled(opened: Opened) -> None:
    async with opened(ready(make_review(prices=True))) as pilot:
        pane = pilot.app.screen.query_one("#diff", Pane)
        await press(pilot, "down", "down")
        place = pane.scroll_offset
        await press(pilot, "U")
        assert "nothing to undo" in said(pilot)
        assert pane.scroll_offset == place
        await press(pilot, "j")
        assert pane.scroll_offset != place


async def test_capital_y_copies_and_says_which_way(opened: Opened) -> None:
    async with opened(ready(make_review())) as pilot:
        await press(pilot, "Y")
        assert "terminal's clipboard" in said(pilot)
        assert pilot.app.clipboard.startswith("-            subtotal += item.price\n+")


async def test_a_handoff_note_can_be_read_on_review(opened: Opened) -> None:
    task = Task("t5", "make test_rounding pass", ())
    async with opened(ready(queue=(QueueItem(task, "unsolved", "", HANDOFF),))) as pilot:
        assert "Not solved: make test_rounding pass" in text(pilot, "#diff")
        assert "###" not in text(pilot, "#diff")


async def test_the_first_proposal_appears_on_an_empty_screen_and_a_second_one_takes_nothing_away(opened: Opened) -> None:
    first, second = make_review(), make_review("p2")
    session = ScriptedSession(opening=[events.SurveyFinished(BASELINE, (first.task, second.task), Level.ISOLATED)])
    session.scripts = {"t1": task_events(first.task, first), "t2": task_events(second.task, second)}
    async with opened(session) as pilot:
        await press(pilot, "j")
        assert [review.id for review in session.current.reviews] == ["p1", "p2"]
        assert board(pilot).selection.item == "p1"
        assert "2 to review" in str(pilot.app.screen.query_one("#tabs").render())


async def test_what_is_decided_and_not_written_is_told_above(opened: Opened) -> None:
    async with opened(ready(make_review())) as pilot:
        await press(pilot, "y")
        assert "1 to review" in str(pilot.app.screen.query_one("#tabs").render())
        await press(pilot, "n")
        assert "1 to write" in str(pilot.app.screen.query_one("#tabs").render())


async def test_the_bell_rings_only_when_nobody_looks(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[bool] = []
    monkeypatch.setattr("refine_tui.ui.app.RefineApp.bell", lambda app: rung.append(app.app_focus))
    review = make_review()
    session = ready(queue=(QueueItem(review.task, "waiting"),))
    session.opening = []
    session.scripts = {"t1": [events.ReviewReady(review)]}
    async with opened(session) as pilot:
        assert rung == []
        session.current = session.current.with_item(QueueItem(review.task, "waiting"))
        pilot.app.app_focus = False
        pilot.app.post_message(ResumeWork())
        await press(pilot)
        assert rung == [False]


def _no_suspending(app: object) -> object:
    from contextlib import nullcontext

    return nullcontext()
