from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.settings import Settings
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Budget
from refine_tui.loop import events
from refine_tui.loop.critiquing import strike_out
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.session.session import Session
from refine_tui.loop.wanted import Wanted
from refine_tui.prompting.profiles import LineEdit, profile_for
from refine_tui.syntax import TreeSitter
from tests.loop.loop_fakes import CLAMP, ForkEvaluator, MemoryJournal, MemoryWorkspace

CLAMP_TESTS = """from clamp import clamp

def test_low():
    assert clamp(-5, 0, 10) == 0

def test_high():
    assert clamp(50, 0, 10) == 10

def test_inside():
    assert clamp(5, 0, 10) == 5
"""
PRICE = """def price(amount, member):
    total = amount + 10
    if member:
        total = total - 3
    return total
"""
PRICE_TESTS = """from price import price

def test_guest():
    assert price(100, False) == 111

def test_guest_free():
    assert price(0, False) == 11

def test_member():
    assert price(100, True) == 109

def test_member_small():
    assert price(20, True) == 29
"""
BEYOND = """def roman(number):
    return ""
"""
BEYOND_TESTS = """from roman import roman

def test_four():
    assert roman(4) == "IV"

def test_nine():
    assert roman(9) == "IX"
"""


class Made:
    """A session on a project in memory, without a model."""

    evaluator_kind: type[ForkEvaluator] = ForkEvaluator

    def __init__(self, files: dict[str, str], budget: Budget | None = None, journal: MemoryJournal | None = None) -> None:
        self.ticks = itertools.count()
        self.workspace = MemoryWorkspace(files)
        self.evaluator = self.evaluator_kind(self.workspace)
        self.journal = journal or MemoryJournal()
        parts = Parts(self.workspace, self.evaluator, TreeSitter(), self.journal, self.clock, None, LineEdit(), profile_for)
        self.session = Session(parts, Settings(budget=budget or Budget(rounds=3, seconds=2_000)))

    def clock(self) -> float:
        """A clock that counts how often it is read: budgets are then counts, and runs repeat exactly."""
        return next(self.ticks) * 0.1

    def fix(self, wanted: Wanted | None = None) -> tuple[list[events.Event], Fixed]:
        told = list(fix(self.session, self.evaluator, self.clock, wanted or Wanted(), None, never))
        assert isinstance(told[-1], Fixed)
        return told[:-1], told[-1]

    def work(self) -> list[events.Event]:
        return [*self.session.survey(never), *self.session.work_all(never)]


def never() -> bool:
    return False


def clamp_project() -> dict[str, str]:
    return {"clamp.py": CLAMP, "test_clamp.py": CLAMP_TESTS}


def test_a_wrong_name_is_found_proved_and_proposed_without_touching_the_tree() -> None:
    made = Made(clamp_project())
    _, end = made.fix()
    assert end.outcome == "solved"
    assert made.workspace.tree["clamp.py"] == CLAMP.encode()
    assert end.patch.apply(end.tree)["clamp.py"].decode() == CLAMP.replace("return high", "return low", 1)
    assert (end.before.failed, end.after.failed, end.after.passed) == (1, 0, 3)


def test_the_same_project_and_seed_give_the_same_patch_and_counts() -> None:
    first, second = (Made(clamp_project()).fix()[1] for _ in range(2))
    assert (first.patch, first.candidates, first.executions) == (second.patch, second.candidates, second.executions)


def test_two_edits_are_found_along_an_improving_path() -> None:
    made = Made({"price.py": PRICE, "test_price.py": PRICE_TESTS})
    told, end = made.fix()
    assert end.outcome == "solved"
    judged = [event.candidate for event in told if isinstance(event, events.CandidateJudged)]
    assert judged[-1].confirmed
    assert judged[-1].parent or judged[-1].proposal.proposer == "combination"


def test_what_is_beyond_search_ends_with_a_note_a_person_can_act_on() -> None:
    made = Made({"roman.py": BEYOND, "test_roman.py": BEYOND_TESTS}, Budget(rounds=2, seconds=40))
    _, end = made.fix()
    assert end.outcome == "unsolved"
    assert end.patch.is_empty
    for wanted in ("test_roman.py::test_four", "roman.py:2", "candidates were run", "Try next"):
        assert wanted in end.handoff


def test_unrelated_bugs_become_tasks_of_their_own_and_one_joined_patch() -> None:
    made = Made({**clamp_project(), "roman.py": BEYOND, "test_roman.py": BEYOND_TESTS}, Budget(rounds=1, seconds=30))
    told, end = made.fix()
    survey = next(event for event in told if isinstance(event, events.SurveyFinished))
    assert [task.targets for task in survey.tasks] == [
        ("test_clamp.py::test_low",),
        ("test_roman.py::test_four", "test_roman.py::test_nine"),
    ]
    assert end.outcome == "improved"
    assert end.patch.paths == ("clamp.py",)


def test_targets_limit_the_work_and_its_outcome() -> None:
    made = Made({**clamp_project(), "roman.py": BEYOND, "test_roman.py": BEYOND_TESTS})
    _, end = made.fix(Wanted(("test_clamp.py",)))
    assert end.outcome == "solved"
    with pytest.raises(UsageError, match="no such test"):
        made.fix(Wanted(("test_clamp.py::test_lo",)))
    with pytest.raises(UsageError, match="It has: clamp"):
        made.fix(Wanted(("clamp.py::clmp",)))


def test_a_scope_is_a_target_too() -> None:
    _, end = Made(clamp_project()).fix(Wanted(("clamp.py::clamp",)))
    assert end.outcome == "solved"


def test_nothing_failing_is_said() -> None:
    made = Made({"clamp.py": CLAMP.replace("return high", "return low", 1), "test_clamp.py": CLAMP_TESTS})
    assert made.fix()[1].outcome == "nothing_failing"


def test_cancelling_ends_with_what_there_is() -> None:
    made = Made({"roman.py": BEYOND, "test_roman.py": BEYOND_TESTS})
    polled = itertools.count()
    told = list(fix(made.session, made.evaluator, made.clock, Wanted(), None, lambda: next(polled) > 12))
    end = told[-1]
    assert isinstance(end, Fixed)
    assert end.outcome == "cancelled"
    finished = [event for event in told if isinstance(event, events.TaskFinished)]
    assert [event.reason for event in finished] == [StopReason.CANCELLED]


def test_no_candidate_is_run_twice_and_rounds_are_bounded() -> None:
    made = Made({"roman.py": BEYOND, "test_roman.py": BEYOND_TESTS}, Budget(rounds=2, seconds=100))
    told, end = made.fix()
    texts = [event.candidate.proposal.patch.key for event in told if isinstance(event, events.CandidateJudged)]
    assert len(texts) == len(set(texts)) == end.candidates
    assert end.rounds <= 2


def reviewed(made: Made) -> str:
    made.work()
    return made.session.state().reviews[0].id


def counts(made: Made) -> tuple[int, int]:
    baseline = made.session.state().baseline
    assert baseline is not None
    return baseline.suite.counts.passed, baseline.suite.counts.failed


def test_accepting_applying_and_undoing() -> None:
    made = Made(clamp_project())
    id = reviewed(made)
    with pytest.raises(UsageError, match="No hunk is accepted"):
        made.session.apply(id)
    hunk = made.session.state().review(id).hunks[0]
    made.session.change(id, lambda review: review.decide(hunk.id, "accepted"))
    made.session.apply(id)
    assert made.workspace.tree["clamp.py"].decode() == CLAMP.replace("return high", "return low", 1)
    assert made.session.state().review(id).state == "applied"
    assert counts(made) == (3, 0)
    made.session.undo()
    assert made.workspace.tree["clamp.py"] == CLAMP.encode()
    assert made.session.state().review(id).state == "open"
    assert counts(made) == (2, 1)
    made.session.redo()
    assert made.session.state().review(id).state == "applied"
    assert counts(made) == (3, 0)


def test_a_rewritten_hunk_has_no_evidence_until_it_is_run() -> None:
    made = Made(clamp_project())
    id = reviewed(made)
    hunk = made.session.state().review(id).hunks[0]
    made.session.replace_hunk(id, hunk.id, ["        return 1 - 1 + low  # by hand"])
    made.session.change(id, lambda review: review.decide(hunk.id, "accepted"))
    with pytest.raises(SafetyError, match="has not been run"):
        made.session.apply(id)
    told = list(made.session.verify(id, never))
    assert isinstance(told[-1], events.Verified)
    assert told[-1].after.failed == 0
    made.session.apply(id)
    assert b"by hand" in made.workspace.tree["clamp.py"]


def test_a_choice_that_does_not_help_is_red_and_needs_insisting() -> None:
    made = Made(clamp_project())
    id = reviewed(made)
    hunk = made.session.state().review(id).hunks[0]
    made.session.replace_hunk(id, hunk.id, ["        return high + 0"])
    made.session.change(id, lambda review: review.decide(hunk.id, "accepted"))
    list(made.session.verify(id, never))
    with pytest.raises(SafetyError, match="no failing test passes"):
        made.session.apply(id)
    made.session.apply(id, red_is_fine=True)
    assert b"high + 0" in made.workspace.tree["clamp.py"]


def test_a_save_elsewhere_carries_the_proposal_over_and_proves_it_again() -> None:
    made = Made(clamp_project())
    id = reviewed(made)
    made.workspace.tree["clamp.py"] = b"# mine\n" + made.workspace.tree["clamp.py"]
    list(made.session.files_changed(frozenset({"clamp.py"}), never))
    review = made.session.state().review(id)
    assert review.state == "open"
    assert review.tree["clamp.py"].startswith(b"# mine")
    assert review.candidate.confirmed, "it was run again on the text that is there now"
    made.session.change(id, lambda r: r.decide(r.hunks[0].id, "accepted"))
    made.session.apply(id)
    assert made.workspace.tree["clamp.py"].startswith(b"# mine\ndef clamp")
    assert b"return low" in made.workspace.tree["clamp.py"]


def test_a_save_of_the_same_line_makes_the_proposal_stale_and_it_is_never_written() -> None:
    made = Made(clamp_project())
    id = reviewed(made)
    made.session.change(id, lambda r: r.decide(r.hunks[0].id, "accepted"))
    made.workspace.tree["clamp.py"] = made.workspace.tree["clamp.py"].replace(b"return high", b"return high + 1", 1)
    list(made.session.files_changed(frozenset({"clamp.py"}), never))
    assert made.session.state().review(id).state == "stale"
    with pytest.raises(SafetyError, match="stale"):
        made.session.apply(id)


def test_the_queue_and_the_decisions_survive_a_restart() -> None:
    journal = MemoryJournal()
    before = Made(clamp_project(), journal=journal)
    id = reviewed(before)
    before.session.change(id, lambda r: r.decide(r.hunks[0].id, "accepted"))
    after = Made(clamp_project(), journal=journal)
    after.session.restore()
    review = after.session.state().review(id)
    assert review.marks == before.session.state().review(id).marks
    assert after.session.add_goal("more", targets=("test_clamp.py::test_low",)).id not in {i.task.id for i in before.session.state().queue}
    list(after.session.survey(never))
    after.session.apply(id)
    assert b"return low" in after.workspace.tree["clamp.py"]


def test_a_rejection_with_a_reason_queues_the_task_again_with_it() -> None:
    made = Made(clamp_project())
    id = reviewed(made)
    task = made.session.refine_with_note(id, "use max instead")
    assert (task.note, made.session.next_task()) == ("use max instead", task)
    assert made.session.state().review(id).state == "closed"


def test_a_task_without_time_left_says_so() -> None:
    made = Made({"roman.py": BEYOND, "test_roman.py": BEYOND_TESTS}, Budget(rounds=3, seconds=0.5))
    finished = [event for event in made.work() if isinstance(event, events.TaskFinished)]
    assert finished[0].reason is StopReason.SECONDS


def test_citations_that_do_not_exist_are_struck_out_and_counted() -> None:
    lines = {3: "    return high"}
    kept, struck = strike_out("line 3 returns `high`. line 9 is wrong. It prints `nowhere`. So be it.", lines, ())
    assert (kept, struck) == ("line 3 returns `high`. So be it.", 2)


def test_a_goal_that_no_failing_test_speaks_of_is_not_called_reached() -> None:
    for goal, is_told in (("an empty cart is free", True), ("clamp low values", False)):
        told, _ = Made(clamp_project()).fix(Wanted(goal=goal))
        notices = [event.text for event in told if isinstance(event, events.Notice) and "speaks of the goal" in event.text]
        assert len(notices) == is_told


def test_a_place_that_is_not_there_is_refused_before_any_test_runs() -> None:
    for wanted in (Wanted(("clamp.py::clamb",)), Wanted(scopes=("clamb.py::clamp",))):
        made = Made(clamp_project())
        with pytest.raises(UsageError):
            made.fix(wanted)
        assert made.evaluator.runs == 0


def progress(told: list[events.Event]) -> Iterator[events.Progress]:
    return (event for event in told if isinstance(event, events.Progress))


def test_counters_only_grow() -> None:
    made = Made({"roman.py": BEYOND, "test_roman.py": BEYOND_TESTS}, Budget(rounds=1, seconds=40))
    counts = [(event.candidates, event.executions) for event in progress(made.work())]
    assert counts == sorted(counts)


def test_a_budget_of_candidates_bounds_the_round() -> None:
    made = Made({"roman.py": BEYOND, "test_roman.py": BEYOND_TESTS})
    made.session.use_budget(replace(Budget(), rounds=1, candidates=7, seconds=None))
    assert made.fix()[1].candidates <= 7


def test_a_task_that_an_open_proposal_settles_is_not_worked_on() -> None:
    made = Made(clamp_project())
    id = reviewed(made)
    twin = replace(made.session.state().review(id).task, id="t99")
    assert made.session.settle_if_fixed(twin)
    assert made.session.state().queue[-1].status == "solved"
    asked = made.session.add_goal("once more", targets=twin.targets)
    assert made.session.next_task() == asked
