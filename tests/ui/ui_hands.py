"""Pressing keys and reading the screen, for tests of the screens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import cast

from textual.pilot import Pilot

from refine_tui.core.review import Decision
from refine_tui.ui.boards.review import ReviewBoard
from refine_tui.ui.screens.house import HouseScreen
from refine_tui.ui.widgets.notice_bar import NoticeBar
from refine_tui.ui.widgets.pane import Pane
from tests.ui.conftest import settled, until
from tests.ui.ui_fakes import ScriptedSession

Opened = Callable[..., AbstractAsyncContextManager[Pilot[int]]]


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys and wait until all they set off is done."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)
    await settled(pilot)


async def until_held(pilot: Pilot[int], session: ScriptedSession) -> None:
    """Wait until a script waits at its gate and all it said is drawn."""
    await until(pilot, session.is_held.is_set)
    await pilot.pause()


def house(pilot: Pilot[int]) -> HouseScreen:
    return cast("HouseScreen", pilot.app.screen)


def board(pilot: Pilot[int]) -> ReviewBoard:
    return cast("ReviewBoard", house(pilot).board)


def decisions(session: ScriptedSession, id: str = "p1") -> list[Decision]:
    return [decision for _, decision in session.current.review(id).marks]


def said(pilot: Pilot[int]) -> str:
    return str(house(pilot).query_one(NoticeBar).render())


def text(pilot: Pilot[int], pane: str) -> str:
    return "\n".join(row.plain for row in house(pilot).query_one(pane, Pane).shown)
