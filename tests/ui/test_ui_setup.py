"""Setup: every key, what is said while models are fetched and loaded, and that nothing else waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from refine_tui.core.errors import ModelError, NetworkError, UsageError
from refine_tui.loop import events
from refine_tui.loop.session.state import QueueItem
from refine_tui.ui.boards.setup import SetupBoard
from refine_tui.ui.widgets.key_line import KeyLine
from refine_tui.ui.widgets.line import Line
from tests.ui.conftest import settled, until
from tests.ui.setup_fakes import BIG, HERE, ScriptedShelf
from tests.ui.test_ui_snapshots import SIZES, Compare
from tests.ui.ui_fakes import ScriptedSession, make_review, ready, task_events
from tests.ui.ui_hands import house, press, said, text

if TYPE_CHECKING:
    from refine_tui.ui.app import RefineApp

Opened = Callable[..., AbstractAsyncContextManager[Pilot[int]]]


def setup(pilot: Pilot[int]) -> SetupBoard:
    return cast("SetupBoard", house(pilot).board)


async def quiet(pilot: Pilot[int]) -> None:
    """Wait until nothing of Setup is under way and everything is drawn."""
    await until(pilot, lambda: setup(pilot).setting_up.is_idle)
    await settled(pilot)
    await pilot.pause()


async def hit(pilot: Pilot[int], *keys: str) -> None:
    """Press keys and wait until what they set off is done."""
    for key in keys:
        await pilot.pause()
        await pilot.press(key)
        await quiet(pilot)


async def held(pilot: Pilot[int], shelf: ScriptedShelf) -> None:
    """Wait until the shelf waits at its gate and what it said is drawn."""
    await until(pilot, shelf.is_held.is_set)
    await pilot.pause()


def above(pilot: Pilot[int]) -> str:
    return house(pilot).query_one("#in-use", Line).painted.plain


def status(pilot: Pilot[int]) -> str:
    return house(pilot).query_one("#status", Line).painted.plain


async def test_every_model_is_listed_with_whether_it_fits(opened: Opened) -> None:
    async with opened(ready(), shelf=ScriptedShelf()) as pilot:
        await hit(pilot, "6")
        rows = text(pilot, "#models")
        for words in ("* in use  repair-small", "coder-32b", "TOO BIG", "cannot be used", "search alone", "coder-0.5b", "may fit"):
            assert words in rows
        assert "8.00 GB of memory free" in above(pilot)
        await hit(pilot, "j")
        assert "26.10 GB, 8.00 GB are free" in text(pilot, "#model")


async def test_the_model_that_the_first_task_loads_is_marked_before_it_is_loaded(opened: Opened) -> None:
    shelf = ScriptedShelf()
    shelf.rows = (replace(HERE, is_awaited=True), BIG)
    session = ready()
    session.current = replace(session.current, model=None, model_reason="")
    async with opened(session, shelf=shelf) as pilot:
        await hit(pilot, "6")
        assert "* in use  repair-small" in text(pilot, "#models")
        assert "In use: repair-small, which the first task loads" in above(pilot)


async def test_without_a_shelf_there_is_no_setup(opened: Opened) -> None:
    async with opened(ready()) as pilot:
        await press(pilot, "6")
        assert house(pilot).board.NAME == "review"
        assert "6 Setup" not in house(pilot).query_one("#tabs", Line).painted.plain


async def test_a_model_is_put_to_work_without_leaving_and_the_status_line_says_so(opened: Opened) -> None:
    session, shelf = ready(make_review()), ScriptedShelf(gate=threading.Event())
    async with opened(session, shelf=shelf) as pilot:
        await hit(pilot, "6")
        await hit(pilot, "j", "j", "j")
        await pilot.press("enter")
        await held(pilot, shelf)
        assert "loading none" in status(pilot)
        assert "Loading none; tasks wait for it." in above(pilot)
        await pilot.press("enter")
        await pilot.press("1", "y")
        await pilot.pause()
        assert house(pilot).board.NAME == "review", "reviewing goes on meanwhile"
        assert [decision for _, decision in session.current.review("p1").marks].count("accepted") == 1
        await pilot.press("6")
        assert shelf.gate is not None
        shelf.gate.set()
        await quiet(pilot)
        assert session.called("use_model") == [("none",)]
        assert "no model" in status(pilot)
        assert "No model is in use now" in said(pilot)


async def test_keys_that_follow_at_once_mean_the_row_they_lead_to(opened: Opened) -> None:
    session = ready()
    async with opened(session, shelf=ScriptedShelf()) as pilot:
        await hit(pilot, "6", "j", "j", "j")
        for key in ("up", "up", "up", "enter"):
            pilot.app.simulate_key(key)
        await pilot.pause()
        await quiet(pilot)
        assert session.called("use_model") == [("repair-small",)]


async def test_tasks_that_waited_go_on_with_the_new_model(opened: Opened) -> None:
    session, shelf = ready(), ScriptedShelf()
    async with opened(session, shelf=shelf) as pilot:
        await hit(pilot, "6")
        session.current = session.current.with_item(QueueItem(make_review().task))
        await hit(pilot, "end", "k", "k", "enter")
        assert session.called("use_model") == [("none",)]
        assert session.called("work") == [("t1",)]


async def test_a_model_that_cannot_be_had_is_said_with_what_stays(opened: Opened) -> None:
    shelf = ScriptedShelf(fails={"coder-32b": ModelError("coder-32b needs 26.1 GB, 8.0 GB are free. repair-small stays in use.")})
    async with opened(ready(), shelf=shelf) as pilot:
        await hit(pilot, "6", "j", "enter")
        assert "repair-small stays in use" in said(pilot)
        assert "In use: repair-small" in above(pilot)
        await hit(pilot, "j", "enter")
        assert "ends in the middle" in said(pilot)


async def test_a_download_tells_share_rate_and_time_left_and_can_be_stopped(opened: Opened) -> None:
    shelf = ScriptedShelf(gate=threading.Event())
    async with opened(ready(), shelf=shelf) as pilot:
        await hit(pilot, "6", "end", "k")
        await pilot.press("d")
        await held(pilot, shelf)
        for words in ("50%", "531.0 MB", "3.1 MB/s", "1 min 26 s left", "x stops"):
            assert words in above(pilot)
        assert "stop download" in house(pilot).query_one(KeyLine).painted.plain
        await pilot.press("x")
        await quiet(pilot)
        assert shelf.closed == ["coder-0.5b"]
        assert "What has arrived is kept" in said(pilot)


async def test_what_was_fetched_is_there_to_be_used(opened: Opened) -> None:
    session = ready()
    async with opened(session, shelf=ScriptedShelf()) as pilot:
        await hit(pilot, "6", "end", "k", "enter")
        assert "coder-0.5b is here and was checked" in said(pilot)
        await hit(pilot, "enter")
        assert session.called("use_model") == [("coder-0.5b",)]
        assert "coder-0.5b is in use now, on CPU, 1 thread" in said(pilot)


async def test_what_is_too_big_to_run_is_fetched_only_after_a_second_key(opened: Opened, clock: Callable[[], float]) -> None:
    shelf = ScriptedShelf()
    async with opened(ready(), shelf=shelf) as pilot:
        await hit(pilot, "6", "end", "d")
        assert house(pilot).is_asking
        assert all(row.kind != "file" for row in shelf.rows if row.wish == "coder-70b")
        clock.now += 1.0  # type: ignore[attr-defined]
        await hit(pilot, "d")
        assert any(row.kind == "file" for row in shelf.rows if row.wish == "coder-70b")


async def test_a_key_is_asked_for_hidden_and_for_the_session_only(opened: Opened) -> None:
    shelf = ScriptedShelf(asks="Key for hub.example (kept for this session only): ")
    async with opened(ready(), shelf=shelf) as pilot:
        await hit(pilot, "6", "end", "k")
        await pilot.press("d")
        await until(pilot, lambda: bool(setup(pilot).setting_up.models.question))
        assert "Key for hub.example (kept for this session only):  t types it" in above(pilot)
        assert "no system keyring" in said(pilot)
        await pilot.press("t")
        assert house(pilot).query_one("#first", Input).password
        await pilot.press(*"secret", "enter")
        await quiet(pilot)
        assert shelf.answers == ["secret"]
        assert house(pilot).query_one("#first", Input).value == ""


async def test_stopping_while_a_key_is_asked_for_is_no_key(opened: Opened) -> None:
    shelf = ScriptedShelf(asks="Key for hub.example: ")
    async with opened(ready(), shelf=shelf) as pilot:
        await hit(pilot, "6", "end", "k")
        await pilot.press("d")
        await until(pilot, lambda: bool(setup(pilot).setting_up.models.question))
        await hit(pilot, "x")
        assert shelf.answers == [""]
        assert not setup(pilot).setting_up.models.fetched


async def test_what_the_old_model_wrote_is_not_shown_beside_the_new_one(opened: Opened) -> None:
    review = make_review()
    session = ready(queue=(QueueItem(review.task),))
    session.opening = []
    session.scripts = {"t1": [event for event in task_events(review.task, review) if not isinstance(event, events.ReviewReady)]}
    async with opened(session, shelf=ScriptedShelf()) as pilot:
        await press(pilot, "2", "p")
        assert "price * item.quantity" in text(pilot, "#stream")
        await hit(pilot, "6", "j", "j", "j", "enter")
        await press(pilot, "2")
        assert "No model is in use" in said(pilot)
        assert "price * item.quantity" not in text(pilot, "#stream")


async def test_a_key_that_a_server_wants_can_be_left_out_also_after_a_stopped_download(opened: Opened) -> None:
    session, shelf = ready(), ScriptedShelf(gate=threading.Event())
    async with opened(session, shelf=shelf) as pilot:
        await hit(pilot, "6", "end", "k")
        await pilot.press("d")
        await held(pilot, shelf)
        await hit(pilot, "x")
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(shelf._ask("Key for gpu.example: ")))
        asking.start()
        while not setup(pilot).setting_up.models.question:
            await pilot.pause(0.01)
        await hit(pilot, "x")
        asking.join(100)
        assert answers == [""]


async def test_files_addresses_and_servers_are_typed_in(opened: Opened) -> None:
    session, shelf = ready(), ScriptedShelf(fails={"hf:a/b/c.gguf": NetworkError("hub.example cannot be reached: no answer in time.")})
    async with opened(session, shelf=shelf) as pilot:
        await hit(pilot, "6", "f", *"/m/mine.gguf", "enter")
        assert "mine was added" in said(pilot)
        assert "mine" in text(pilot, "#models")
        await hit(pilot, "d", *"hf:a/b/c.gguf", "enter")
        assert "cannot be reached" in said(pilot)
        await hit(pilot, "o", *"nonsense", "enter")
        assert "is no address of a server" in said(pilot)
        await hit(pilot, "o", *"http://127.0.0.1:8080/v1#coder", "enter")
        assert session.called("use_model") == [("http://127.0.0.1:8080/v1#coder",)]


async def test_a_defect_of_the_shelf_does_not_take_the_review_down(opened: Opened) -> None:
    shelf = ScriptedShelf(fails={"none": cast("UsageError", ValueError("odd"))})
    async with opened(ready(), shelf=shelf) as pilot:
        await hit(pilot, "6", "j", "j", "j", "enter")
        assert "ValueError: odd. This is a defect of refine_tui" in said(pilot)


async def test_its_keys_are_in_the_help_and_in_the_palette(opened: Opened) -> None:
    async with opened(ready(), shelf=ScriptedShelf()) as pilot:
        await hit(pilot, "6")
        named = {active.binding.id for active in house(pilot).active_bindings.values() if active.enabled}
        assert {"screen.setup", "setup.use", "setup.fetch", "setup.file", "setup.server"} <= named
        assert not {"setup.stop", "setup.key"} & named


# Pictures.


def listed() -> ScriptedShelf:
    return ScriptedShelf()


def fetching() -> ScriptedShelf:
    return ScriptedShelf(gate=threading.Event())


def refusing() -> ScriptedShelf:
    return ScriptedShelf(fails={"coder-0.5b": NetworkError("hub.example cannot be reached: no answer in time. Check the address.")})


def asking() -> ScriptedShelf:
    return ScriptedShelf(asks="Key for hub.example (kept for this session only): ")


STATES: dict[str, tuple[Callable[[], ScriptedShelf], tuple[str, ...]]] = {
    "list": (listed, ()),
    "too-big": (listed, ("j",)),
    "too-big-asks": (listed, ("end", "d")),
    "downloading": (fetching, ("end", "k", "d")),
    "error": (refusing, ("end", "k", "d")),
    "key": (asking, ("end", "k", "d")),
    "loading": (fetching, ("j", "enter")),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
def test_picture(state: str, size: str, make_app: Callable[..., RefineApp], snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    import re

    drawn = App.export_screenshot

    def export(self: App[object], *, title: str | None = None, simplify: bool = False) -> str:
        return re.sub(r"terminal-\d+", "terminal-0", drawn(self, title=title, simplify=simplify))

    monkeypatch.setattr(App, "export_screenshot", export)
    make, keys = STATES[state]
    shelf = make()
    waits = state in ("list", "too-big", "too-big-asks", "error")

    async def act(pilot: Pilot[int]) -> None:
        await settled(pilot)
        await hit(pilot, "6", *keys[:-1])
        for key in keys[-1:]:
            await pilot.press(key)
        if waits:
            await quiet(pilot)
        elif shelf.gate is not None:
            await held(pilot, shelf)
        while shelf.asks and not setup(pilot).setting_up.models.question:
            await pilot.pause(0.01)
        await pilot.pause()
        await pilot.pause()

    session: ScriptedSession = ready(make_review())
    assert snap_compare(make_app(session, shelf=shelf), terminal_size=SIZES[size], run_before=act)
    if shelf.gate is not None:
        shelf.gate.set()
