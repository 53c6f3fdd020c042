"""Proof belongs to one tree: what becomes of proposals when the tree changes, whoever changed it and whatever else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from refine_tui.core.evidence import Baseline
from refine_tui.core.patch import patch_between
from refine_tui.core.review import Review
from refine_tui.core.text import SourceFile
from refine_tui.loop import events
from refine_tui.loop.session import following, reviewing
from tests.loop.loop_fakes import MemoryJournal
from tests.loop.test_loop_review import Shop, never

ONE = "def f():\n    return 1\n"
PROJECT = {
    "a.py": ONE,
    "b.py": "LIMIT = 5\n",
    "c.py": ONE,
    "test_a.py": "from a import f\n\ndef test_a():\n    assert f() == 2\n",
    "test_b.py": "from a import f\nfrom b import LIMIT\n\ndef test_b():\n    assert f() <= LIMIT\n",
    "test_c.py": "from c import f\n\ndef test_c():\n    assert f() == 2\n",
}


def brought(shop: Shop, path: str, new: bytes = b"2") -> Review:
    """Bring in the right patch for a file, accepted."""
    text = shop.workspace.tree[path]
    list(shop.session.bring_in(patch_between({path: text}, {path: text.replace(b"1", new)}), shop.workspace.tree, path, "diff", never))
    review = shop.session.state().reviews[-1]
    return shop.session.change(review.id, lambda one: one.decide(one.hunks[0].id, "accepted"))


def surveyed(**changed: Any) -> Shop:
    shop = Shop(PROJECT, **changed)
    list(shop.session.survey(never))
    return shop


def saved(shop: Shop, path: str, text: bytes) -> list[events.Event]:
    shop.workspace.tree[path] = text
    return list(shop.session.files_changed(frozenset({path}), never))


def now(shop: Shop, review: Review) -> Review:
    return shop.session.state().review(review.id)


def test_a_proof_does_not_outlive_a_save_of_another_file() -> None:
    shop = surveyed()
    review = brought(shop, "a.py")
    assert shop.session.is_proven(review)
    saved(shop, "b.py", b"LIMIT = 1\n")
    assert not shop.session.is_proven(now(shop, review)), "with it test_b would break now"
    assert now(shop, review).candidate.delta.broken == ("test_b.py::test_b",)


def test_a_save_that_changes_nothing_for_a_proposal_leaves_it_proven_anew() -> None:
    shop = surveyed()
    review = brought(shop, "a.py")
    saved(shop, "b.py", b"LIMIT = 7\n")
    assert shop.session.is_proven(now(shop, review))
    assert now(shop, review).candidate.verdict == "improved"


def test_where_the_tests_take_long_an_untouched_proposal_waits_to_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewing, "QUICK_S", -1.0)
    shop = surveyed()
    text = shop.workspace.tree["a.py"]
    list(
        shop.session.bring_in(patch_between({"a.py": text}, {"a.py": ONE.replace("1", "2").encode()}), shop.workspace.tree, "x", "d", never)
    )
    (review,) = shop.session.state().reviews
    saved(shop, "b.py", b"LIMIT = 7\n")
    assert not now(shop, review).candidate.confirmed
    assert not now(shop, review).evidence


def test_after_a_restart_a_proposal_is_proved_on_the_tree_that_is_there() -> None:
    journal = MemoryJournal()
    review = brought(surveyed(journal=journal), "a.py")
    later = Shop({**PROJECT, "b.py": "LIMIT = 1\n"}, journal=journal)
    later.session.restore()
    assert not later.session.is_proven(now(later, review))
    list(later.session.survey(never))
    assert not later.session.is_proven(now(later, review))
    assert now(later, review).candidate.delta.broken == ("test_b.py::test_b",)


def test_writing_one_proposal_leaves_the_others_without_proof_until_they_are_run_again() -> None:
    shop = surveyed()
    first, second = brought(shop, "a.py"), brought(shop, "c.py")
    shop.session.apply(first.id)
    assert not now(shop, second).candidate.confirmed
    list(shop.session.files_changed(frozenset({"a.py"}), never))
    assert now(shop, second).candidate.delta.fixed == ("test_c.py::test_c",)
    assert not now(shop, second).candidate.delta.broken
    assert shop.session.is_proven(now(shop, second))


def test_a_proposal_for_what_was_just_written_is_told_and_its_task_queued_again() -> None:
    shop = surveyed()
    first, second = brought(shop, "a.py"), brought(shop, "a.py", b"1 + 1")
    shop.session.apply(first.id)
    told = list(shop.session.files_changed(frozenset({"a.py"}), never))
    assert now(shop, second).state == "stale"
    assert any(isinstance(event, events.Notice) and "no longer fits" in event.text for event in told)


def test_a_decision_made_while_a_proposal_is_carried_over_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = surveyed()
    review = brought(shop, "a.py")
    read: Callable[[str], SourceFile] = shop.workspace.read
    pressed: list[threading.Thread] = []

    def read_slowly(path: str) -> SourceFile:
        if path == "a.py" and not pressed:
            reject = lambda: shop.session.change(review.id, lambda one: one.decide(one.hunks[0].id, "rejected"))  # noqa: E731
            pressed.append(threading.Thread(target=reject))
            pressed[0].start()
            pressed[0].join()
        return read(path)

    monkeypatch.setattr(shop.workspace, "read", read_slowly)
    saved(shop, "a.py", b"# mine\n" + ONE.encode())
    assert pressed
    assert [decision for _, decision in now(shop, review).marks] == ["rejected"]
    assert now(shop, review).tree["a.py"].startswith(b"# mine")


def test_a_proposal_that_is_being_written_is_not_called_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = surveyed()
    review = brought(shop, "a.py")
    write = shop.workspace.apply
    looking = threading.Thread(target=lambda: list(shop.session.files_changed(frozenset({"a.py"}), never)))

    def write_and_be_seen(*args: Any, **more: Any) -> Any:
        written = write(*args, **more)
        looking.start()
        return written

    monkeypatch.setattr(shop.workspace, "apply", write_and_be_seen)
    shop.session.apply(review.id)
    looking.join()
    assert now(shop, review).state == "applied"
    assert not [item for item in shop.session.state().queue if item.task.goal == review.task.goal and item.status == "waiting"]


def test_half_a_run_throws_nothing_out_of_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = MemoryJournal()
    goal = surveyed(journal=journal).session.add_goal("make f two", targets=("test_c.py::test_c",))
    later = Shop(PROJECT, journal=journal)
    run = later.evaluator.baseline

    def half(*args: Any, **more: Any) -> Baseline:
        whole = run(*args, **more)
        return replace(whole, suite=replace(whole.suite, cases=whole.suite.cases[:1], complete=False, stopped="cancelled"))

    monkeypatch.setattr(later.evaluator, "baseline", half)
    later.session.restore()
    list(later.session.survey(never))
    assert goal.id in [item.task.id for item in later.session.state().queue]


def test_a_review_without_evidence_has_none_to_lose() -> None:
    shop = surveyed()
    review = following.unproven(brought(shop, "a.py"))
    assert following.unproven(review) is review
    assert following.carried(review, dict(review.tree)) is review


def test_an_improvement_is_shown_only_when_everything_was_run_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    project = {
        "a.py": "def f():\n    return 1\n\n\ndef g():\n    return 'x' + 'y'\n",
        "test_a.py": "from a import f, g\n\ndef test_f():\n    assert f() == 2\n\ndef test_g():\n"
        "    assert f() == 2 and g() == 'as no edit has it'\n",
    }
    shop = Shop(project)
    proved: list[Mapping[str, Any]] = []
    confirm = shop.evaluator.confirm

    def noted(*args: Any, **more: Any) -> Any:
        proved.append(more)
        return confirm(*args, **more)

    monkeypatch.setattr(shop.evaluator, "confirm", noted)
    list(shop.session.survey(never))
    list(shop.session.work_all(never))
    (review,) = shop.session.state().reviews
    assert (review.candidate.verdict, review.candidate.confirmed) == ("improved", True)
    assert proved
