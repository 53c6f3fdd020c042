"""A goal where nothing fails, from the key to the repair, on the real session."""

from __future__ import annotations

from refine_tui.ui.plain.dialog import Dialog
from refine_tui.ui.plain.lines import lines_of
from tests.loop.loop_script import Bench
from tests.loop.test_loop_expecting import FILES, GOAL, NEW, REPAIR, answers
from tests.ui.test_ui_plain import Talk
from tests.ui.ui_fakes import make_test_first, ready
from tests.ui.ui_hands import Opened, press, said, text


async def test_g_puts_a_failing_test_up_that_is_decided_on_written_and_worked_on(opened: Opened) -> None:
    bench = Bench(FILES, answers)
    async with opened(bench.session, (100, 30)) as pilot:
        await press(pilot, "g", *GOAL.replace(",", ""), "enter", *"shop.py::total", "enter")
        assert "fails now, as it should" in text(pilot, "#notes")
        await press(pilot, "y", "w")
        assert NEW in bench.workspace.tree
        (first, repair) = bench.session.state().reviews
        assert (first.state, repair.state, repair.task.note) == ("applied", "open", GOAL.replace(",", ""))
        await press(pilot, "U")
        assert NEW not in bench.workspace.tree


async def test_g_without_a_place_says_what_to_do(opened: Opened) -> None:
    async with opened(Bench(FILES, answers).session, (100, 30)) as pilot:
        await press(pilot, "g", *"cheaper", "enter", "enter")
        assert "Name the place too" in said(pilot)


def test_the_plain_dialog_takes_the_place_before_the_goal_and_goes_the_same_way() -> None:
    bench = Bench(FILES, answers)
    talk = Talk(f"goal shop.py::total {GOAL}", "accept", "apply", "accept", "apply", "quit")
    Dialog(bench.session, talk.read, talk.told.append).run()
    assert f"Hunk 1 of 1, {NEW} new file: undecided" in talk.told
    assert any("fails now  test_nothing_costs_nothing" in line and "as it should" in line for line in talk.told)
    assert bench.workspace.tree["shop.py"].decode() == REPAIR


def test_a_created_file_is_told_as_one() -> None:
    session = ready(make_test_first())
    told = list(lines_of(session.current.reviews[0], session.current, "1 of 1"))
    assert "tests 7/10 -> 7/11" in told[0]
