"""From accepted hunks to written files and back."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from refine_tui.core.errors import StaleBaseError
from refine_tui.loop.session.state import QueueItem
from refine_tui.ui.widgets.confirm_bar import CEILING_S, QUIET_S, ConfirmBar
from refine_tui.ui.widgets.notice_bar import NoticeBar
from tests.ui.conftest import settled
from tests.ui.ui_fakes import make_review, ready, suite_with, task_events
from tests.ui.ui_hands import Opened, decisions, press, said, text, until_held


async def test_w_writes_a_fully_accepted_proven_patch_at_once(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "a", "w")
        assert session.called("verify") == []
        assert session.called("apply") == [("p1", False)]
        assert "Wrote #1" in said(pilot)
        assert "U takes it back" in said(pilot)
        assert session.called("files_changed") == [(frozenset({"src/shop/cart.py"}),)]


async def test_w_runs_a_partial_choice_first_and_then_writes_it(opened: Opened) -> None:
    session = ready(make_review())
    session.outcomes[1] = suite_with(["test_quantity"])
    async with opened(session) as pilot:
        await press(pilot, "y", "w")
        assert session.called("verify") == [("p1",)]
        assert [written.patch.paths for written in session.stack] == [("src/shop/cart.py",)]


async def test_w_with_nothing_accepted_writes_nothing_and_says_so(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "w")
        assert session.called("apply") == []
        assert "Nothing is accepted yet" in said(pilot)


async def test_a_red_choice_asks_for_a_second_key_and_swallows_keys_in_flight(opened: Opened, clock: object) -> None:
    session = ready(make_review(broken=["test_sum"]))
    async with opened(session) as pilot:
        await press(pilot, "a", "w")
        bar = pilot.app.screen.query_one(ConfirmBar)
        assert bar.is_open
        await press(pilot, "w")
        assert bar.has_class("-open")
        assert session.stack == []
        clock.now += QUIET_S  # type: ignore[attr-defined]
        await press(pilot, "w")
        assert not bar.has_class("-open")
        assert len(session.stack) == 1


async def test_a_red_choice_is_not_written_after_any_other_key(opened: Opened, clock: object) -> None:
    session = ready(make_review(broken=["test_sum"]))
    async with opened(session) as pilot:
        await press(pilot, "a", "w")
        clock.now += CEILING_S  # type: ignore[attr-defined]
        await press(pilot, "y")
        assert not pilot.app.screen.query_one(ConfirmBar).is_open
        assert session.stack == []
        assert decisions(session) == ["accepted", "accepted"]


async def test_a_partial_choice_that_turns_out_red_asks_before_writing(opened: Opened, clock: object) -> None:
    session = ready(make_review())
    session.outcomes[1] = suite_with([], ["test_sum"])
    async with opened(session) as pilot:
        await press(pilot, "y", "w")
        assert pilot.app.screen.query_one(ConfirmBar).is_open
        assert session.stack == []


async def test_each_proposal_that_is_run_before_it_is_written_is_written_when_its_own_run_is_green(opened: Opened) -> None:
    session = ready(make_review(), make_review("p2"))
    session.outcomes[1] = suite_with(["test_quantity"])
    session.opening, session.gate = [], threading.Event()
    async with opened(session) as pilot:
        await pilot.press("y", "w", "full_stop", "y", "w")
        session.gate.set()
        await press(pilot)
        assert sorted(session.called("apply")) == [("p1", False), ("p2", False)]


async def test_decisions_changed_during_the_run_keep_anything_from_being_written(opened: Opened) -> None:
    session = ready(make_review())
    session.opening, session.gate = [], threading.Event()
    async with opened(session) as pilot:
        await pilot.press("y", "w", "y")
        session.gate.set()
        await press(pilot)
        assert session.stack == []
        assert "decisions changed" in said(pilot)


async def test_capital_u_takes_back_and_capital_r_writes_again(opened: Opened) -> None:
    session = ready(make_review())
    async with opened(session) as pilot:
        await press(pilot, "a", "w", "U")
        assert session.stack == []
        assert "Took back #1" in said(pilot)
        await press(pilot, "R")
        assert len(session.stack) == 1


async def test_while_files_are_written_the_screen_says_so_and_decides_nothing_on_them_and_taking_back_comes_after(opened: Opened) -> None:
    session = ready(make_review(), make_review("p2"))
    session.disk = threading.Event()
    async with opened(session) as pilot:
        await press(pilot, "a")
        await pilot.press("w", "n", "w", "u")
        await pilot.pause()
        assert "writing the accepted hunks" in str(pilot.app.screen.query_one("#summary").render())
        assert decisions(session) == ["accepted", "accepted"]
        await pilot.press("U", "full_stop", "y")
        await pilot.pause()
        assert decisions(session, "p2") == ["accepted", "undecided"]
        assert session.called("undo") == []
        session.disk.set()
        await settled(pilot)
        assert (len(session.called("apply")), session.stack, len(session.undone)) == (1, [], 1)


async def test_leaving_while_files_are_written_waits_until_they_are(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    session = ready(make_review())
    session.disk = threading.Event()
    async with opened(session) as pilot:
        await press(pilot, "a")
        await pilot.press("w")
        await pilot.pause()
        errands = pilot.app._errands  # type: ignore[attr-defined]
        leave = errands.shutdown
        waited: list[bool] = []

        def leaving(*, wait: bool) -> None:
            assert session.disk is not None
            assert session.stack == []
            session.disk.set()
            leave(wait=wait)
            waited.append(wait)

        monkeypatch.setattr(errands, "shutdown", leaving)
        await pilot.press("q")
    assert (waited, len(session.stack)) == ([True], 1)


async def test_undo_with_nothing_written_is_a_notice(opened: Opened) -> None:
    async with opened(ready(make_review())) as pilot:
        await press(pilot, "U")
        assert "nothing to undo" in said(pilot)
        await press(pilot, "escape")
        assert not pilot.app.screen.query_one(NoticeBar).is_shown


async def test_t_runs_exactly_what_is_accepted_and_shows_its_evidence(opened: Opened) -> None:
    session = ready(make_review())
    session.outcomes[1] = suite_with(["test_quantity"])
    async with opened(session, (140, 40)) as pilot:
        await press(pilot, "y")
        assert "1 of 2 hunks: not run yet" in text(pilot, "#notes")
        await press(pilot, "t")
        assert "1 of 2 hunks: some still fail" in text(pilot, "#notes")
        assert "1 fixed, 0 broken" in said(pilot)


async def test_a_run_of_accepted_hunks_shows_how_far_it_is(opened: Opened) -> None:
    session = ready(make_review())
    session.opening, session.gate = [], threading.Event()
    async with opened(session, waits=False) as pilot:
        await pilot.press("y", "t")
        await until_held(pilot, session)
        assert "running these hunks: 1 of 10 tests" in str(pilot.app.screen.query_one("#summary").render())
        session.gate.set()
        await press(pilot)
        assert "running these hunks" not in str(pilot.app.screen.query_one("#summary").render())


async def test_a_stale_review_is_marked_and_cannot_be_decided_or_written(opened: Opened) -> None:
    session = ready(replace(make_review(), state="stale"))
    async with opened(session) as pilot:
        await press(pilot, "y", "space", "a", "w")
        assert session.called("change") == []
        assert session.called("apply") == []
        assert "STALE" in str(pilot.app.screen.query_one("#head").render())


async def test_a_file_changed_just_before_writing_is_a_notice_and_nothing_is_lost(opened: Opened) -> None:
    session = ready(make_review())
    session.fails["apply"] = StaleBaseError("src/shop/cart.py is no longer the file this patch was made for. Run the task again.")
    async with opened(session) as pilot:
        await press(pilot, "a", "w")
        assert "no longer the file" in said(pilot)
        assert "Nothing was written" in said(pilot)
        assert decisions(session) == ["accepted", "accepted"]


async def test_verification_slips_between_two_candidates_of_a_running_task(opened: Opened) -> None:
    shown, other = make_review(), make_review("p2")
    session = ready(shown, queue=(QueueItem(other.task, "waiting"),))
    session.opening, session.gate = [], threading.Event()
    session.scripts = {"t2": task_events(other.task, other)}
    async with opened(session, waits=False) as pilot:
        await pilot.press("y", "t")
        session.gate.set()
        await press(pilot)
        assert [call[0] for call in session.calls if call[0] in ("work", "verify")] == ["work", "verify"]
        assert session.current.review("p1").accepted_evidence is not None
        assert session.current.review("p2").id == "p2"
