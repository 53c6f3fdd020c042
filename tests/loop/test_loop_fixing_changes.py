"""`fix` while the project changes under it, and when it is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from refine_tui.core.evidence import SuiteResult
from refine_tui.loop import events
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.wanted import Wanted
from tests.loop.test_loop_review import Shop, never

F = "def f(x):\n    return x - 1\n"


def project(*names: str) -> dict[str, str]:
    tests = {f"test_{name}.py": f"from {name} import f\n\ndef test_f():\n    assert f(1) == 2\n" for name in names}
    return {**{f"{name}.py": F for name in names}, **tests}


def fixing(shop: Shop, cancelled: Any = never) -> Iterator[events.Event]:
    return fix(shop.session, shop.evaluator, shop.clock, Wanted(), None, cancelled)


def test_a_task_whose_ground_moved_is_worked_on_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(project("a"))
    run, calls = shop.evaluator.run, []

    def stale_once(*args: Any, **more: Any) -> SuiteResult:
        calls.append(args)
        return SuiteResult(complete=False, stopped="stale") if len(calls) == 2 else run(*args, **more)

    monkeypatch.setattr(shop.evaluator, "run", stale_once)
    (end,) = [event for event in fixing(shop) if isinstance(event, Fixed)]
    assert end.outcome == "solved"


def test_a_project_that_never_stands_still_ends_with_that_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(project("a"))
    monkeypatch.setattr(shop.evaluator, "run", lambda *_args, **_more: SuiteResult(complete=False, stopped="stale"))
    (end,) = [event for event in fixing(shop) if isinstance(event, Fixed)]
    assert (end.outcome, end.stop_reason) == ("unsolved", "the project changed meanwhile")


def test_stopping_while_proposals_are_joined_begins_no_run_and_tells_one_that_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(project("a", "b"))
    stopped: list[bool] = []
    begun: list[bool] = []
    confirm = shop.evaluator.confirm

    def noted(*args: Any, **more: Any) -> SuiteResult:
        begun.append(bool(stopped))
        return confirm(*args, **more)

    monkeypatch.setattr(shop.evaluator, "confirm", noted)
    ready = 0
    ends = []
    for event in fixing(shop, lambda: bool(stopped)):
        ready += isinstance(event, events.ReviewReady)
        if ready == 2 and not stopped:
            stopped.append(True)
        if isinstance(event, Fixed):
            ends.append(event)
    assert not any(begun)
    (end,) = ends
    assert (end.outcome, len(end.delta.fixed), len(end.patch.paths)) == ("cancelled", 1, 1)
