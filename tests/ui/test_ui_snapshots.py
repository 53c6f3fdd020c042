"""One picture for each state of each screen, at the smallest common terminal and at a wide one."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from textual.app import App
from textual.pilot import Pilot

from refine_tui.core.errors import ProjectError
from refine_tui.core.isolation import Level
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.session.state import QueueItem
from tests.ui.conftest import settled
from tests.ui.ui_fakes import BASELINE, GREEN, HANDOFF, SUITE, ScriptedSession, make_review, make_test_first, ready, suite_with, task_events
from tests.ui.ui_hands import until_held

if TYPE_CHECKING:
    from refine_tui.ui.app import RefineApp

SIZES = {"80x24": (80, 24), "140x40": (140, 40)}
Compare = Callable[..., bool]


def surveying() -> ScriptedSession:
    """A first run of the tests, half way."""
    script = [events.SurveyStarted(900.0), *(events.CaseFinished(c, n, 10) for n, c in enumerate(SUITE.cases[:5], 1)), events.Notice("")]
    return held(ScriptedSession(opening=script[:-1]), after=6)


def held(session: ScriptedSession, *, after: int) -> ScriptedSession:
    """Let a script wait after some of its events, until it is cancelled."""
    session.gate, session.gate_after = threading.Event(), after
    return session


def green() -> ScriptedSession:
    session = ready()
    baseline = replace(BASELINE, suite=replace(SUITE, cases=GREEN))
    session.opening = [events.SurveyFinished(baseline, (), Level.ISOLATED)]
    return session


def reviewing() -> ScriptedSession:
    return ready(make_review(prices=True), make_review("p2"))


def red() -> ScriptedSession:
    return ready(make_review(broken=["test_sum"]))


def partial() -> ScriptedSession:
    session = ready(make_review())
    session.outcomes[1] = suite_with(["test_quantity"])
    return session


def stale() -> ScriptedSession:
    return ready(replace(make_review(), state="stale"))


def handoff() -> ScriptedSession:
    task = Task("t5", "make test_rounding pass", ())
    return ready(queue=(QueueItem(task, "unsolved", "", HANDOFF),))


def looping() -> ScriptedSession:
    review = make_review()
    session = ready(queue=(QueueItem(review.task, "waiting"),))
    session.opening = []
    session.scripts = {"t1": task_events(review.task, review)[:-2]}
    return held(session, after=18)


def without_tests() -> ScriptedSession:
    session = ScriptedSession()
    session.fails["survey"] = ProjectError("No tests found in /home/ada/shop. Name them in refine.toml under [test] paths, then press p.")
    return session


def unsafe() -> ScriptedSession:
    return ready(make_review(), level=Level.STATIC, model=None, model_reason="no model file")


STATES: dict[str, tuple[Callable[[], ScriptedSession], tuple[str, ...]]] = {
    "survey": (surveying, ()),
    "survey-tests": (surveying, ("3",)),
    "all-green": (green, ()),
    "review": (reviewing, ("y",)),
    "review-split": (reviewing, ("v",)),
    "review-help": (reviewing, ("question_mark",)),
    "review-prompt": (reviewing, ("r",)),
    "review-partial": (partial, ("y", "t")),
    "review-written": (reviewing, ("a", "J", "y", "w")),
    "review-red": (red, ()),
    "review-red-asks": (red, ("a", "w")),
    "review-stale": (stale, ()),
    "review-test-first": (lambda: ready(make_test_first()), ("y",)),
    "handoff": (handoff, ()),
    "loop": (looping, ("2",)),
    "loop-idle": (green, ("2",)),
    "tests-failing": (reviewing, ("3",)),
    "tests-filtered": (reviewing, ("3", "f", "j")),
    "error": (without_tests, ()),
    "static": (unsafe, ()),
}
WAITING = frozenset({"survey", "survey-tests", "loop"})


@pytest.fixture(autouse=True)
def one_name_for_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich names a picture's styles after a checksum that also counts what cannot be seen; two equal pictures get one name here."""
    drawn = App.export_screenshot

    def export(self: App[object], *, title: str | None = None, simplify: bool = False) -> str:
        return re.sub(r"terminal-\d+", "terminal-0", drawn(self, title=title, simplify=simplify))

    monkeypatch.setattr(App, "export_screenshot", export)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
def test_screen(state: str, size: str, make_app: Callable[..., RefineApp], snap_compare: Compare) -> None:
    make, keys = STATES[state]
    assert snap_compare(make_app(make()), terminal_size=SIZES[size], run_before=_presser(keys, waits=state not in WAITING))


@pytest.mark.parametrize("theme", ["dusk", "paper", "ansi-light"])
def test_theme(theme: str, make_app: Callable[..., RefineApp], snap_compare: Compare) -> None:
    assert snap_compare(make_app(reviewing(), theme=theme), terminal_size=(100, 30), run_before=_presser(("y", "v"), waits=True))


def test_without_colour(make_app: Callable[..., RefineApp], snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make_app(reviewing()), terminal_size=(80, 24), run_before=_presser(("y",), waits=True))


@pytest.mark.parametrize("size", [(59, 24), (80, 15)])
def test_too_small(size: tuple[int, int], make_app: Callable[..., RefineApp], snap_compare: Compare) -> None:
    assert snap_compare(make_app(reviewing()), terminal_size=size, run_before=_presser(("y",), waits=True))


def test_snapshots_show_no_time_and_no_machine() -> None:
    for file in Path(__file__).parent.glob("__snapshots__/**/*"):
        if file.is_file():
            assert "/tmp/" not in file.read_text(encoding="utf-8"), file


def _presser(keys: tuple[str, ...], *, waits: bool) -> Callable[[Pilot[int]], object]:
    async def press(pilot: Pilot[int]) -> None:
        if waits:
            await settled(pilot)
        else:
            await held_script(pilot)
        for key in keys:
            await pilot.press(key)
            if waits:
                await settled(pilot)
        await pilot.pause()
        await pilot.pause()

    return press


async def held_script(pilot: Pilot[int]) -> None:
    """Wait until the script waits at its gate and all it said is drawn."""
    await until_held(pilot, pilot.app.desk.session)  # type: ignore[attr-defined]
