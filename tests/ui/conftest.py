from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest
from textual.pilot import Pilot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from refine_tui.ui.app import RefineApp
    from tests.ui.ui_fakes import ScriptedSession

Opened = Callable[..., "AbstractAsyncContextManager[Pilot[int]]"]
PATIENCE_S = 200.0
"""After which a test that waits for something fails."""


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blinking cursor, no merging by time, no colours from the machine's environment."""
    monkeypatch.setattr("refine_tui.ui.carrying.REPAINT_S", 0.0)
    for name in ("NO_COLOR", "COLORFGBG", "TMUX", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def make_app(clock: Clock) -> Callable[..., RefineApp]:
    from refine_tui.ui.app import RefineApp

    def make(session: ScriptedSession, **options: object) -> RefineApp:
        return RefineApp(session, clock=clock, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def opened(make_app: Callable[..., RefineApp]) -> Opened:
    """Run the app on a session and wait until the worker is idle."""

    @asynccontextmanager
    async def run(
        session: ScriptedSession, size: tuple[int, int] = (80, 24), *, waits: bool = True, **options: object
    ) -> AsyncIterator[Pilot[int]]:
        app = make_app(session, **options)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            if waits:
                await settled(pilot)
            yield pilot

    return run


async def until(pilot: Pilot[int], condition: Callable[[], bool], times: int = 1) -> None:
    """Wait until something is so, that many looks in a row; fails where it never is."""
    in_a_row = 0
    async with asyncio.timeout(PATIENCE_S):
        while in_a_row < times:
            is_so = condition()
            in_a_row = in_a_row + 1 if is_so else 0
            await pilot.pause(0.0 if is_so else 0.01)


async def settled(pilot: Pilot[int]) -> None:
    """Wait until no job or errand is under way and everything that arrived is drawn."""
    app = cast("RefineApp", pilot.app)
    await until(pilot, lambda: app.jobs.is_idle and not app.errands_left, times=3)
