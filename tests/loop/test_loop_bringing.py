"""Patches from outside: run, judged, put up for review, and never written by themselves."""

from __future__ import annotations

import pytest

from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.patch import Edit, FilePatch, Patch, create_file, patch_between
from refine_tui.core.review import Review
from refine_tui.core.text import digest
from refine_tui.loop import events
from tests.loop.loop_script import Bench, never

CLAMP = "def clamp(value, low):\n    if value < low:\n        return 0\n    return value\n"
TESTS = "from clamp import clamp\n\ndef test_low():\n    assert clamp(1, 5) == 5\n\ndef test_high():\n    assert clamp(7, 5) == 7\n"
PROJECT = {"clamp.py": CLAMP, "test_clamp.py": TESTS, "notes.txt": "one\n"}


def changed(path: str, old: str, new: str) -> Patch:
    return patch_between({path: PROJECT[path].encode()}, {path: PROJECT[path].replace(old, new).encode()})


def brought(patch: Patch, bench: Bench) -> Review:
    list(bench.session.survey(never))
    (ready,) = [
        event
        for event in bench.session.bring_in(patch, bench.workspace.tree, "fix.diff", "unified diff", never)
        if isinstance(event, events.ReviewReady)
    ]
    return ready.review


def bench() -> Bench:
    return Bench(PROJECT, lambda prompt: [])


def test_a_patch_that_helps_is_proved_and_waits_for_the_user() -> None:
    shop = bench()
    review = brought(changed("clamp.py", "return 0", "return low"), shop)
    candidate = review.candidate
    assert (candidate.verdict, candidate.confirmed, candidate.proposal.proposer) == ("solved", True, "outside")
    assert candidate.proposal.scope.name == "clamp"
    assert shop.workspace.tree["clamp.py"] == CLAMP.encode()
    shop.session.change(review.id, lambda r: r.decide(r.hunks[0].id, "accepted"))
    shop.session.apply(review.id)
    assert b"return low" in shop.workspace.tree["clamp.py"]


def test_a_patch_that_changes_nothing_is_told_and_not_run() -> None:
    shop = bench()
    text = CLAMP.encode()
    same = Patch((FilePatch("clamp.py", digest(text), (Edit(0, text, text),)),))
    for patch in (Patch(), same):
        with pytest.raises(UsageError, match=r"fix\.diff changes nothing here"):
            brought(patch, shop)


def test_a_patch_that_breaks_something_is_shown_as_that() -> None:
    shop = bench()
    review = brought(changed("clamp.py", "return value", "return low"), shop)
    assert (review.candidate.verdict, review.candidate.delta.broken) == ("worse", ("test_clamp.py::test_high",))
    shop.session.change(review.id, lambda r: r.decide(r.hunks[0].id, "accepted"))
    with pytest.raises(SafetyError, match="another one breaks"):
        shop.session.apply(review.id)


def test_a_patch_to_the_tests_is_flagged_and_one_to_nothing_else_that_makes_them_pass_is_tampering() -> None:
    more = changed("test_clamp.py", "== 7", "== 7.0")
    assert brought(more, bench()).candidate.flags == ("changes tests or packaging (test_clamp.py)",)
    both = Patch((*changed("clamp.py", "return 0", "return low").files, *more.files))
    assert brought(both, bench()).candidate.flags == ("changes tests or packaging (test_clamp.py)",)
    (flag,) = brought(changed("test_clamp.py", "== 5", "== 0"), bench()).candidate.flags
    assert flag == "tampering: makes tests pass by changing only tests or packaging (test_clamp.py)"


def test_a_file_that_is_no_code_can_be_changed_too() -> None:
    review = brought(changed("notes.txt", "one", "two"), bench())
    assert (review.candidate.verdict, review.candidate.proposal.scope.name) == ("same", "<module>")


def test_a_patch_may_create_a_file() -> None:
    shop = bench()
    lows = create_file("lows.py", b"LOWEST = 5\n")
    review = brought(Patch((*changed("clamp.py", "return 0", "return low").files, *lows.files)), shop)
    assert (review.candidate.verdict, [hunk.creates for hunk in review.hunks]) == ("solved", [False, True])
    for hunk in review.hunks:
        shop.session.change(review.id, lambda r, id=hunk.id: r.decide(id, "accepted"))  # type: ignore[misc]
    shop.session.apply(review.id)
    assert shop.workspace.tree["lows.py"] == b"LOWEST = 5\n"
    more = bench()
    review = brought(create_file("more.py", b"pass\n"), more)
    assert review.candidate.proposal.scope.path == "more.py"
    assert not list(more.session.weigh(review.task.id, never)), "nothing in it was there to be changed"


def test_a_path_that_no_patch_may_touch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = bench()
    monkeypatch.setattr(shop.workspace, "refuses", lambda path, new=False: "it is protected")
    with pytest.raises(SafetyError, match="it is protected"):
        brought(changed("clamp.py", "return 0", "return low"), shop)


def test_it_waits_for_the_user_after_a_restart() -> None:
    shop = bench()
    review = brought(changed("clamp.py", "return 0", "return low"), shop)
    shop.session.restore()
    assert shop.session.state().review(review.id).marks == review.marks
    list(shop.session.survey(never))
    again = shop.session.state().review(review.id).candidate
    assert (again.confirmed, again.delta, again.verdict) == (True, review.candidate.delta, review.candidate.verdict)


def test_what_fixes_nothing_where_nothing_fails_is_no_solution_after_a_restart_either() -> None:
    shop = Bench({**PROJECT, "clamp.py": CLAMP.replace("return 0", "return low")}, lambda prompt: [])
    review = brought(changed("notes.txt", "one", "two"), shop)
    assert review.candidate.verdict == "same"
    shop.session.restore()
    list(shop.session.survey(never))
    again = shop.session.state().review(review.id).candidate
    assert (again.confirmed, again.verdict) == (True, "same")


def test_the_same_patch_once_more_is_the_same_proposal_and_decisions_stay() -> None:
    shop = bench()
    patch = changed("clamp.py", "return 0", "return low")
    first = brought(patch, shop)
    shop.session.change(first.id, lambda review: review.decide(review.hunks[0].id, "accepted"))
    shop.session.restore()
    again = brought(patch, shop)
    assert (again.id, again.task.id, [decision for _, decision in again.marks]) == (first.id, first.task.id, ["accepted"])
    assert again.candidate.confirmed
    assert shop.session.is_proven(again)
    assert len(shop.session.state().reviews) == 1
    shop.session.replace_hunk(first.id, first.hunks[0].id, ["        return low + 0"])
    assert brought(patch, shop).id != first.id, "what the user has rewritten is another proposal"


def test_the_tests_must_have_been_run_before() -> None:
    shop = bench()
    with pytest.raises(UsageError, match="have not been run"):
        list(shop.session.bring_in(changed("clamp.py", "0", "low"), shop.workspace.tree, "x", "unified diff", never))
