"""A save while a task runs: it is looked at between two events, and the task goes on only where it still has its ground."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refine_tui.core.evidence import SuiteResult
from refine_tui.loop import events
from tests.loop.loop_fakes import CLAMP
from tests.loop.test_loop_review import CLAMP_PROJECT, Shop, never

OTHER = "def double(value):\n    return value\n"
OTHER_TESTS = "from other import double\n\ndef test_double():\n    assert double(2) == 4\n"
PROJECT = {**CLAMP_PROJECT, "other.py": OTHER, "test_other.py": OTHER_TESTS}


def worked(shop: Shop, path: str, save: Callable[[str], str]) -> list[events.Event]:
    """Survey, begin the first task, save a file after its first candidate, and go on to the end of that task."""
    list(shop.session.survey(never))
    task = shop.session.next_task()
    assert task is not None
    told: list[events.Event] = []
    for event in shop.session.work(task, never):
        told.append(event)
        if sum(isinstance(one, events.CandidateJudged) for one in told) == 1 and isinstance(event, events.CandidateJudged):
            shop.workspace.tree[path] = save(shop.workspace.tree[path].decode()).encode()
            list(shop.session.files_changed(frozenset({path}), never))
    return told


def queued(shop: Shop) -> list[tuple[str, tuple[str, ...]]]:
    return [(item.status, item.task.targets) for item in shop.session.state().queue]


CLAMP_TARGETS = ("test_clamp.py::test_low",)


def test_a_save_elsewhere_lets_the_task_go_on() -> None:
    shop = Shop(PROJECT)
    told = worked(shop, "other.py", lambda text: text + "\n# a thought\n")
    assert [event.outcome for event in told if isinstance(event, events.TaskFinished)] == ["solved"]
    assert [review.state for review in shop.session.state().reviews] == ["open"]


def test_a_test_that_passes_by_the_users_own_hand_is_not_called_fixed_by_the_patch() -> None:
    shop = Shop(PROJECT)
    worked(shop, "other.py", lambda text: text.replace("return value", "return value * 2"))
    (review,) = shop.session.state().reviews
    assert review.candidate.delta.fixed == CLAMP_TARGETS
    assert queued(shop) == [("solved", CLAMP_TARGETS)]


def test_a_save_of_the_file_that_is_worked_on_ends_the_task_and_queues_what_fails_now() -> None:
    shop = Shop(PROJECT)
    told = worked(shop, "clamp.py", lambda text: "# mine\n" + text)
    assert not [event for event in told if isinstance(event, events.TaskFinished)]
    assert [event.text for event in told if isinstance(event, events.Notice)] == [
        "What was saved changes what t1 began with, so it was stopped; what fails now is queued."
    ]
    assert sorted(queued(shop)) == [("waiting", CLAMP_TARGETS), ("waiting", ("test_other.py::test_double",))]
    list(shop.session.work_all(never))
    assert {review.tree["clamp.py"][:6] for review in shop.session.state().reviews if "clamp.py" in review.tree} == {b"# mine"}


def test_a_task_whose_tests_the_user_made_pass_leaves_the_queue() -> None:
    shop = Shop(PROJECT)
    worked(shop, "clamp.py", lambda text: CLAMP.replace("return high", "return low", 1))
    assert queued(shop) == [("waiting", ("test_other.py::test_double",))]


def test_a_test_that_broke_meanwhile_stops_the_task() -> None:
    shop = Shop(PROJECT)
    told = worked(shop, "test_clamp.py", lambda text: text + "\ndef test_wrong():\n    assert clamp(1, 0, 10) == 2\n")
    assert not [event for event in told if isinstance(event, events.TaskFinished)]
    assert any("test_clamp.py::test_wrong" in targets for _, targets in queued(shop))


def test_a_proof_made_before_a_save_is_made_again_after_it() -> None:
    shop = Shop(PROJECT)
    list(shop.session.survey(never))
    task = shop.session.next_task()
    assert task is not None
    saved = False
    for event in shop.session.work(task, never):
        if isinstance(event, events.CandidateJudged) and event.candidate.confirmed and not saved:
            saved = True
            stricter = "def test_low():\n    assert clamp('b', 'c', 'd') == 'no'\n"
            shop.workspace.tree["test_clamp.py"] = shop.workspace.tree["test_clamp.py"].replace(b"def test_low():\n", stricter.encode())
            list(shop.session.files_changed(frozenset({"test_clamp.py"}), never))
    assert saved
    (review,) = shop.session.state().reviews
    assert not review.candidate.delta.fixed, "with the stricter test the patch fixes nothing"
    accepted = shop.session.change(review.id, lambda one: one.decide(one.hunks[0].id, "accepted"))
    assert not shop.session.is_proven(accepted)


def test_a_project_that_never_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(CLAMP_PROJECT)
    list(shop.session.survey(never))
    monkeypatch.setattr(shop.evaluator, "run", lambda *_args, **_more: SuiteResult(complete=False, stopped="stale"))
    list(shop.session.work_all(never))
    (item,) = shop.session.state().queue
    assert (item.status, item.stop_reason) == ("unsolved", "the project changed meanwhile")
    assert "stop it, and run the tests again" in item.handoff


def test_a_measure_of_the_tests_is_not_kept_when_they_were_saved_meanwhile() -> None:
    shop = Shop(CLAMP_PROJECT)
    list(shop.session.survey(never))
    list(shop.session.work_all(never))
    (review,) = shop.session.state().reviews
    for count, _ in enumerate(shop.session.weigh(review.task.id, never)):
        if count == 0:
            shop.workspace.tree["test_clamp.py"] += b"\n# another thought\n"
            list(shop.session.files_changed(frozenset({"test_clamp.py"}), never))
    assert shop.session.state().review(review.id).candidate.weight is None
