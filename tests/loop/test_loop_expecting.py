"""A goal that no test speaks of: the session puts a failing test up first, and works on the goal once it is written."""

from __future__ import annotations

import pytest

from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.review import Review
from refine_tui.loop import events
from refine_tui.loop.session.expecting import NO_PLACE, NO_WRITER
from refine_tui.loop.session.session import Session
from refine_tui.ui.proof import proof_of
from tests.loop.loop_script import Bench, block, never

SHOP = "def total(prices):\n    return sum(prices)\n"
OTHER = "def double(value):\n    return value\n"
TESTS = "from shop import total\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
OTHER_TESTS = "from other import double\n\ndef test_double():\n    assert double(2) == 4\n"
FILES = {"shop.py": SHOP, "test_all.py": TESTS}
OWN = {"shop.py": SHOP, "test_shop.py": TESTS}
"""With a file of tests that belongs to the module."""
GOAL = "no prices, no total"
TEST = "def test_nothing_costs_nothing():\n    assert total([]) is None\n"
REPAIR = "def total(prices):\n    return sum(prices) if prices else None\n"
NEW = "test_shop_total.py"
NODE = f"{NEW}::test_nothing_costs_nothing"


def answers(prompt: str) -> tuple[str, ...]:
    return (block(REPAIR),) if "test_nothing_costs_nothing" in prompt else (block(TEST),)


def surveyed(files: dict[str, str] | None = None, **model: object) -> Bench:
    bench = Bench(files or FILES, answers, **model)  # type: ignore[arg-type]
    list(bench.session.survey(never))
    return bench


def put_up(bench: Bench) -> Review:
    list(bench.session.work_all(never))
    return bench.session.state().reviews[-1]


def accepted(session: Session, review: Review) -> Review:
    return session.change(review.id, lambda one: one.decide(one.hunks[0].id, "accepted"))


def test_the_failing_test_is_a_proposal_of_its_own_and_counts_as_proven() -> None:
    bench = surveyed()
    task = bench.session.add_goal(GOAL, "shop.py::total")
    assert (task.needs_test, task.targets) == (True, ())
    review = put_up(bench)
    (hunk,) = review.hunks
    assert (hunk.path, hunk.creates, review.candidate.is_test_first) == (NEW, True, True)
    assert NEW not in bench.workspace.tree
    proof = proof_of(review, bench.session.state().baseline)
    assert (proof.standing, proof.delta.broken, [case.node_id for case in proof.waiting]) == ("waits", (), [NODE])
    assert bench.session.is_proven(accepted(bench.session, review))


def test_once_written_the_goal_is_worked_on_with_that_test_as_its_target() -> None:
    bench = surveyed()
    bench.session.add_goal(GOAL, "shop.py::total")
    review = accepted(bench.session, put_up(bench))
    bench.session.apply(review.id)
    list(bench.session.files_changed(frozenset({NEW}), never))
    task = bench.session.next_task()
    assert task is not None
    assert (task.goal, task.note, task.targets, [scope.label for scope in task.scopes]) == (GOAL, GOAL, (NODE,), ["shop.py::total"])
    repair = put_up(bench)
    assert repair.candidate.delta.fixed == (NODE,)
    bench.session.apply(accepted(bench.session, repair).id)
    assert bench.workspace.tree["shop.py"].decode() == REPAIR


def test_where_the_module_has_a_file_of_tests_the_new_one_goes_there_as_one_hunk() -> None:
    bench = surveyed(OWN)
    bench.session.add_goal(GOAL, "shop.py::total")
    review = put_up(bench)
    (hunk,) = review.hunks
    assert (hunk.path, hunk.creates, review.candidate.is_test_first) == ("test_shop.py", False, True)
    node = "test_shop.py::test_nothing_costs_nothing"
    proof = proof_of(review, bench.session.state().baseline)
    assert (proof.standing, [case.node_id for case in proof.waiting]) == ("waits", [node])
    bench.session.apply(accepted(bench.session, review).id)
    assert bench.workspace.tree["test_shop.py"].decode() == f"{TESTS}\n\n# {GOAL}\n{TEST}"
    list(bench.session.files_changed(frozenset({"test_shop.py"}), never))
    task = bench.session.next_task()
    assert task is not None
    assert (task.goal, task.targets) == (GOAL, (node,))
    repair = put_up(bench)
    assert repair.candidate.delta.fixed == (node,)
    bench.session.undo()
    list(bench.session.files_changed(frozenset({"test_shop.py"}), never))
    assert bench.workspace.tree["test_shop.py"].decode() == TESTS
    assert bench.session.is_proven(bench.session.state().review(review.id))


def test_taking_the_test_back_removes_the_file_and_opens_the_proposal_again() -> None:
    bench = surveyed()
    bench.session.add_goal(GOAL, "shop.py::total")
    review = accepted(bench.session, put_up(bench))
    bench.session.apply(review.id)
    bench.session.undo()
    list(bench.session.files_changed(frozenset({NEW}), never))
    assert NEW not in bench.workspace.tree
    assert [(item.state, bench.session.is_proven(item)) for item in bench.session.state().reviews] == [("open", True)]
    assert bench.session.next_task() is None


def test_a_file_that_appears_there_meanwhile_makes_the_proposal_stale_and_another_name_is_found() -> None:
    bench = surveyed()
    bench.session.add_goal(GOAL, "shop.py::total")
    review = put_up(bench)
    bench.workspace.tree[NEW] = b"x = 1\n"
    list(bench.session.files_changed(frozenset({NEW}), never))
    assert bench.session.state().review(review.id).state == "stale"
    again = put_up(bench)
    assert again.hunks[0].path == "test_shop_total_2.py"


def test_once_the_goal_is_reached_by_hand_the_test_is_no_longer_proven() -> None:
    bench = surveyed()
    bench.session.add_goal(GOAL, "shop.py::total")
    review = accepted(bench.session, put_up(bench))
    bench.workspace.tree["shop.py"] = REPAIR.encode()
    list(bench.session.files_changed(frozenset({"shop.py"}), never))
    review = bench.session.state().review(review.id)
    assert not bench.session.is_proven(review)
    assert proof_of(review, bench.session.state().baseline).amiss == "test_nothing_costs_nothing passes already"
    with pytest.raises(SafetyError):
        bench.session.apply(review.id)


def test_a_proposed_test_and_its_decision_outlive_the_session() -> None:
    bench = surveyed()
    bench.session.add_goal(GOAL, "shop.py::total")
    review = accepted(bench.session, put_up(bench))
    again = Bench(dict(FILES), answers)
    for row in bench.journal.stored:
        again.journal.stored.append(row)
    again.session.restore()
    list(again.session.survey(never))
    (back,) = again.session.state().reviews
    assert (back.hunks, back.accepted, back.state) == (review.hunks, review.accepted, "open")
    assert again.session.is_proven(back)


def test_what_the_user_has_against_a_test_is_told_to_the_model_and_not_written_down() -> None:
    bench = surveyed()
    bench.session.add_goal(GOAL, "shop.py::total")
    bench.session.refine_with_note(put_up(bench).id, "one word will do")
    again = put_up(bench)
    assert "The user says: one word will do" in bench.model.prompts[-1]
    assert b"one word" not in again.hunks[0].edit.new
    assert {"model", "seed", "prompt", "prompts"} <= dict(again.candidate.proposal.detail).keys()
    bench.session.apply(accepted(bench.session, again).id)
    list(bench.session.survey(never))
    assert [item.task.note for item in bench.session.state().queue if item.status == "waiting"] == [GOAL]


def test_stopped_while_tests_are_tried_it_leaves_nothing_behind() -> None:
    bench = Bench(FILES, lambda _: (block("def test_sum():\n    assert total([1]) == 1\n"),))
    list(bench.session.survey(never))
    task = bench.session.add_goal(GOAL, "shop.py::total")
    told = list(bench.session.work(task, lambda: bool(bench.model.prompts)))
    assert [event.outcome for event in told if isinstance(event, events.TaskFinished)] == ["cancelled"]
    assert not [event for event in told if isinstance(event, events.Notice)]
    assert [item.status for item in bench.session.state().queue] == ["cancelled"]
    assert bench.session.state().reviews == ()


def test_failing_tests_elsewhere_do_not_stand_for_the_goal() -> None:
    bench = surveyed({**FILES, "other.py": OTHER, "test_other.py": OTHER_TESTS})
    task = bench.session.add_goal(GOAL, "shop.py::total")
    assert task.needs_test
    mine = bench.session.add_goal("twice as much", "other.py::double")
    assert mine.targets == ("test_other.py::test_double",)


def test_without_a_place_or_a_writer_the_refusal_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=NO_PLACE):
        surveyed().session.add_goal(GOAL)
    ranking = surveyed(profile="line-edit")
    ranking.session.load_model()
    with pytest.raises(UsageError, match=NO_WRITER):
        ranking.session.add_goal(GOAL, "shop.py::total")


def test_a_model_that_turns_out_not_to_write_leaves_a_note() -> None:
    bench = surveyed(profile="line-edit")
    task = bench.session.add_goal(GOAL, "shop.py::total")
    told = list(bench.session.work(task, never))
    (end,) = [event for event in told if isinstance(event, events.TaskFinished)]
    assert (end.outcome, end.best) == ("unsolved", None)
    assert "choose a model" in end.handoff


def test_a_test_that_speaks_of_pytest_gets_its_import() -> None:
    raises = "def test_a_price_is_not_below_nothing():\n    with pytest.raises(ValueError):\n        total([-1])\n"
    bench = Bench(FILES, lambda prompt: (block(raises),))
    list(bench.session.survey(never))
    bench.session.add_goal("no price below nothing", "shop.py::total")
    (hunk,) = put_up(bench).hunks
    assert hunk.added.count("import pytest") == 1
