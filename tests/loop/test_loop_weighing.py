from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

import pytest

from refine_tui.core.codec import decode, encode
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.mutants import Mutant, Weight
from refine_tui.core.patch import Patch, patch_between
from refine_tui.core.review import Review
from refine_tui.loop import events
from refine_tui.loop.search import Base
from refine_tui.loop.weighing import Ground, Means, counted, draw, lines_after, weigh
from refine_tui.syntax import TreeSitter
from tests.loop.loop_fakes import CLAMP, ForkEvaluator, MemoryWorkspace
from tests.loop.test_loop_review import CLAMP_PROJECT, Shop

RIGHT = CLAMP.replace("return high", "return low", 1)
MORE = """
def apart(value):
    return value + 1
"""
FEW = "from clamp import clamp\n\ndef test_low():\n    assert clamp(-5, 0, 10) == 0\n"
ALL = FEW + (
    "\ndef test_high():\n    assert clamp(50, 0, 10) == 10\n\ndef test_between():\n    assert clamp(5, 0, 10) == 5\n"
    "\ndef test_edges():\n    assert (clamp(0, 0, 10), clamp(10, 0, 10), clamp(1, 1, 1)) == (0, 10, 1)\n"
)
NOTHING = "import clamp\n\ndef test_it_is_there():\n    assert clamp.clamp\n"


def never() -> bool:
    return False


def ground(test: str, old: str = CLAMP, new: str = RIGHT) -> tuple[Ground, ForkEvaluator]:
    workspace = MemoryWorkspace({"clamp.py": old, "test_clamp.py": test})
    evaluator = ForkEvaluator(workspace)
    patch = patch_between({"clamp.py": old.encode()}, {"clamp.py": new.encode()})
    baseline = evaluator.baseline(lambda *_: None, never, limit_s=9)
    suite = evaluator.confirm(patch, lambda *_: None, never, limit_s=9)
    tree = {"clamp.py": old.encode()}
    return Ground(Base(tree, patch), lines_after(patch, tree), suite, baseline), evaluator


def means(evaluator: ForkEvaluator, **more: object) -> Means:
    return replace(Means(evaluator, TreeSitter(), lambda: 0.0), **more)  # type: ignore[arg-type]


def last(weights: Iterable[Weight]) -> Weight:
    return list(weights)[-1]


def weight_of(test: str, **more: object) -> Weight:
    found, evaluator = ground(test)
    return last(weigh(found, means(evaluator, **more), never))


def test_tests_that_look_at_everything_notice_more_than_those_that_look_at_little() -> None:
    many, few, none = (weight_of(test) for test in (ALL, FEW, NOTHING))
    assert many.total == few.total == none.total == 40
    assert many.killed > few.killed > none.killed
    assert many.killed >= 35
    assert len(few.survivors) == few.total - few.killed


def test_tests_that_look_at_nothing_make_the_proof_void() -> None:
    weight = weight_of(NOTHING, sample=8)
    assert weight == replace(weight, killed=0, total=8)
    assert weight.is_void
    assert not Weight().is_void


def test_a_survivor_is_told_with_its_line_and_from_what_to_what() -> None:
    survivors = weight_of(FEW).survivors
    assert all(one.path == "clamp.py" and one.note for one in survivors)
    assert {one.line for one in survivors} <= {1, 2, 3, 4, 5}
    assert str(Mutant("clamp.py", 1, "compare.swap", "< to <=")) == "clamp.py:2 < to <="


def test_the_same_seed_draws_the_same_mutants_and_another_one_others() -> None:
    found, evaluator = ground(ALL)
    first, again, other = ([*draw(found, means(evaluator, seed=seed))[0]] for seed in (0, 0, 1))
    assert first == again != other


def test_no_line_gives_many_mutants_before_each_gave_one() -> None:
    found, evaluator = ground(ALL)
    drawn, possible = draw(found, means(evaluator))
    assert len({mutant.line for mutant, _ in islice(drawn, 4)}) == 4
    assert possible > 50


def test_only_the_changed_function_is_mutated_and_never_back_to_what_was_there() -> None:
    found, evaluator = ground(ALL, CLAMP + MORE, RIGHT + MORE)
    made, possible = draw(found, means(evaluator))
    drawn = list(made)
    assert {mutant.line for mutant, _ in drawn} <= set(range(6))
    texts = {patch.apply(found.base.tree)["clamp.py"] for _, patch in drawn if not patch.is_empty}
    assert len(texts) == len(drawn) <= possible
    assert not {(CLAMP + MORE).encode(), (RIGHT + MORE).encode()} & texts


def test_outside_a_function_only_the_changed_lines_are_mutated() -> None:
    old, new = "A = 1\nB = 2\nC = 3\n", "A = 1\nB = 4\nC = 3\n"
    found, evaluator = ground("import clamp\n\ndef test_b():\n    assert clamp.B == 4\n", old, new)
    drawn, _ = draw(found, means(evaluator))
    assert {mutant.line for mutant, _ in drawn} == {1}


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [("a\nb\nc\n", "a\nX\nY\nc\n", {1, 2}), ("a\nb\nc\n", "a\nc\n", {1}), ("a\nb\nc\nd\n", "X\nY\nb\nc\nZ\n", {0, 1, 4})],
)
def test_lines_are_counted_as_they_are_with_the_patch(old: str, new: str, lines: set[int]) -> None:
    tree = {"a.py": old.encode()}
    assert lines_after(patch_between(tree, {"a.py": new.encode()}), tree) == {"a.py": frozenset(lines)}


def test_it_ends_when_its_time_is_over_and_says_so() -> None:
    found, evaluator = ground(ALL)
    ticks = iter(range(1000))
    weight = last(weigh(found, replace(means(evaluator), clock=lambda: next(ticks) / 10, seconds=2.0), never))
    assert weight.ended == "time"
    assert 0 < weight.total < 40


def test_it_ends_when_it_is_cancelled_and_says_so() -> None:
    found, evaluator = ground(ALL)
    asked = iter([False, False, True, True])
    weight = last(weigh(found, means(evaluator), lambda: next(asked)))
    assert (weight.ended, weight.total) == ("cancelled", 2)


def test_a_run_that_broke_down_kills_and_only_a_green_one_lets_live() -> None:
    mutant = Mutant("a.py", 0, "x", "y")
    assert counted(Weight(), mutant, SuiteResult(complete=False, stopped="crash"), 1.0).killed == 1
    assert counted(Weight(), mutant, SuiteResult(), 1.0).survivors == (mutant,)


def test_a_weight_can_be_kept_and_read_again() -> None:
    weight = Weight(3, 4, 9, (Mutant("a.py", 0, "x", "y"),), 0.5, "time")
    assert decode(Weight, encode(weight)) == weight
    assert weight.as_json()["survived_at_most"] == 1


Told = list[events.Event]


@pytest.fixture
def worked() -> tuple[Shop, Told, str]:
    shop = Shop(CLAMP_PROJECT)
    told = [*shop.session.survey(never), *shop.session.work_all(never)]
    task = next(event.task_id for event in told if isinstance(event, events.TaskFinished))
    return shop, told, task


def reviews_in(told: Iterable[events.Event], kind: Callable[[events.Event], bool]) -> list[Review]:
    return [event.review for event in told if isinstance(event, (events.Weighed, events.ReviewReady)) and kind(event)]


def test_a_proposal_is_weighed_when_asked_for_and_the_session_keeps_it(worked: tuple[Shop, Told, str]) -> None:
    shop, before, task = worked
    assert not [event for event in before if isinstance(event, events.Weighed)]
    told = reviews_in(shop.session.weigh(task, never), lambda event: isinstance(event, events.Weighed))
    kept = shop.session.state().review(told[-1].id)
    assert kept.candidate.weight is not None
    assert kept.candidate.weight == told[-1].candidate.weight
    assert kept.candidate.weight.total > 0


def test_what_is_not_proven_is_not_weighed(worked: tuple[Shop, Told, str]) -> None:
    shop, _, task = worked
    runs = shop.evaluator.runs
    for review in shop.session.state().reviews:
        shop.session.change(review.id, lambda one: replace(one, candidate=replace(one.candidate, confirmed=False)))
    assert list(shop.session.weigh(task, never)) == []
    assert list(shop.session.weigh("t99", never)) == []
    assert shop.evaluator.runs == runs


def test_tests_that_take_longer_than_there_is_time_are_not_begun(worked: tuple[Shop, Told, str]) -> None:
    shop, _, task = worked
    state = shop.session.state()
    assert state.baseline is not None
    shop.session._state = replace(state, baseline=replace(state.baseline, warm=False))

    def slowed(review: Review) -> Review:
        return replace(review, candidate=replace(review.candidate, suite=replace(review.candidate.suite, duration_s=3.0)))

    for review in state.reviews:
        shop.session.change(review.id, slowed)
    assert list(shop.session.weigh(task, never)) == []


def test_the_whole_tree_can_be_weighed_without_a_patch() -> None:
    workspace = MemoryWorkspace({"clamp.py": RIGHT, "test_clamp.py": ALL})
    evaluator = ForkEvaluator(workspace)
    baseline = evaluator.baseline(lambda *_: None, never, limit_s=9)
    base = Base({"clamp.py": RIGHT.encode()}, Patch())
    weight = last(weigh(Ground(base, {"clamp.py": {0, 1, 2}}, baseline.suite, baseline), means(evaluator, sample=10), never))
    assert weight.total == 10
    assert weight.killed > 5
