from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from refine_tui.core.errors import StaleBaseError, UsageError
from refine_tui.core.evidence import Flag, SuiteResult
from refine_tui.core.settings import Settings
from refine_tui.loop import events
from refine_tui.loop.faster.growing import grown
from refine_tui.loop.faster.optimising import SpeedTools, Weighed
from refine_tui.loop.faster.population import Member, Population
from refine_tui.loop.faster.speeding import UNTESTED, Sped, SpeedOrder, faster
from refine_tui.loop.ports.observing import CallInput
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.running import Content
from refine_tui.loop.session.session import Session
from refine_tui.prompting.profiles import LineEdit, profile_for
from refine_tui.syntax import TreeSitter
from refine_tui.syntax.speedups import TreeSpeedups
from tests.loop.loop_fakes import ForkEvaluator, MemoryJournal, MemoryWorkspace
from tests.loop.loop_script import ScriptedModel
from tests.loop.speed_fakes import LineTimer, PlainObserver

SHOP = """LIMIT = 3


def matches(orders, people):
    found = []
    for order in orders:
        for person in people:
            if order == person:
                found.append(person)
    return found


def has_large(numbers):
    large = False
    for number in numbers:
        if number > LIMIT:
            large = True
    return large


def double(number):
    return number * 2


class Box:
    pass
"""
TESTS = """from shop import double, has_large, matches


def test_matches():
    assert matches([1, 2], [2, 3]) == [2]


def test_has_large():
    assert has_large([1, 5]) is True


def test_double():
    assert double(2) == 4
"""


@dataclass
class House:
    workspace: MemoryWorkspace
    parts: Parts
    tools: SpeedTools
    timer: LineTimer

    def run(self, name: str, order: SpeedOrder | None = None) -> Iterator[events.Event]:
        session = Session(self.parts, Settings())
        return faster(session, self.parts, self.tools, order or SpeedOrder(f"shop.py::{name}", None), lambda: False)

    def work(self, name: str, rounds: int | None = None, candidates: int | None = None) -> tuple[list[events.Event], Sped]:
        told = list(self.run(name, SpeedOrder(f"shop.py::{name}", None, rounds, candidates)))
        assert isinstance(told[-1], Sped)
        return told, told[-1]


def house(*inputs: tuple[str, ...], shop: str = SHOP, model: ScriptedModel | None = None) -> House:
    workspace = MemoryWorkspace({"shop.py": shop, "test_shop.py": TESTS})
    evaluator, ticks, syntax = ForkEvaluator(workspace), itertools.count(), TreeSitter()
    clock = lambda: next(ticks) * 0.01  # noqa: E731
    parts = Parts(workspace, evaluator, syntax, MemoryJournal(), clock, model, LineEdit(), profile_for)
    timer = LineTimer(workspace)
    tools = SpeedTools(evaluator, syntax, timer, PlainObserver(workspace, *inputs), TreeSpeedups(), clock)
    return House(workspace, parts, tools, timer)


LEFT_OUT = ("behaves differently", "fails when timed", "breaks tests", "slower")
LISTS = ("(([1, 2, 3], [3, 2, 9]), {})", "(([], []), {})", "(([4, 4], [4]), {})")
NUMBERS = ("(([1, 5, 2, 3],), {})", "(([],), {})", "(([1],), {})")


def test_a_nested_loop_becomes_provably_faster_and_nothing_is_written() -> None:
    home = house(LISTS, ("(([7, 8, 7], [7, 7]), {})",))
    told, end = home.work("matches")
    assert (end.outcome, end.helps, end.flags) == ("solved", True, ())
    assert "groups" in end.patch.apply(home.workspace.tree)["shop.py"].decode()
    assert home.workspace.applied == []
    assert end.more["verdict"] == "faster"
    assert end.more["ratio"] < 0.5
    assert end.after == end.before
    assert home.timer.compared[-1] is None, "the winner is timed anew, until the interval says enough"
    assert [event.verdict for event in told if isinstance(event, Weighed)].count("faster") >= 1


def test_a_version_that_is_wrong_on_other_inputs_is_left_out_and_counted() -> None:
    """Keys that are equal but have no hash in common, as lists have none at all: only the last inputs show it."""
    told, end = house(LISTS, ("(([[1]], [[1]]), {})",)).work("matches")
    assert (end.outcome, end.patch.is_empty) == ("unsolved", True)
    assert end.more["refused"]["behaves differently"] >= 1
    assert any(isinstance(event, Weighed) and event.verdict == "faster" for event in told)


def test_what_is_wrong_on_the_first_inputs_is_no_ancestor_of_anything() -> None:
    told, end = house((*LISTS, "(([[1]], [[1]]), {})")).work("matches")
    wrong = {event.id for event in told if isinstance(event, Weighed) and event.verdict in LEFT_OUT}
    assert wrong
    assert not wrong & {event.parent for event in told if isinstance(event, Weighed)}
    assert end.outcome == "unsolved"


def test_a_function_that_cannot_be_faster_says_so() -> None:
    _, end = house(("((1,), {})", "((7,), {})")).work("double")
    assert (end.outcome, end.stop_reason) == ("unsolved", "no rewrite applies")
    assert "shop.py::double" in end.handoff


def test_what_no_test_touches_is_flagged() -> None:
    shop = SHOP + SHOP[SHOP.index("def has_large") : SHOP.index("def double")].replace("has_large", "any_large")
    _, end = house(NUMBERS, shop=shop).work("any_large")
    assert (end.outcome, end.flags) == ("solved", (UNTESTED,))


def test_the_best_of_several_kinds_wins_and_generations_build_on_survivors() -> None:
    told, end = house(NUMBERS).work("has_large")
    tried = [event for event in told if isinstance(event, Weighed)]
    assert {"loop.break", "loop.flag"} <= {event.proposal.operator for event in tried}
    assert {event.generation for event in tried} >= {1}
    assert end.outcome == "solved"


def test_generations_and_their_candidates_are_bounded() -> None:
    told, _ = house(NUMBERS).work("has_large", rounds=1, candidates=1)
    assert [event.id for event in told if isinstance(event, Weighed)] == ["c1"]


def test_a_version_that_breaks_a_test_is_left_out_and_counted() -> None:
    home = house(NUMBERS)
    consuming = "\n    rest = iter([1, 5, 2])\n    has_large(rest)\n    assert list(rest) == []"
    home.workspace.tree["test_shop.py"] = TESTS.replace(" is True", f" is True{consuming}").encode()
    told, end = home.work("has_large")
    assert (end.outcome, end.more["refused"]) == ("unsolved", {"breaks tests": 2})
    assert {event.reason for event in told if isinstance(event, Weighed)} == {"test_shop.py::test_has_large"}
    assert "large by any: breaks tests test_shop.py::test_has_large" in end.handoff


DOUBLED = """```python
def double(number):
    result = 0
    while result < number * 2:
        result += 2
    return result
```
"""
WRONG = "```python\ndef matches(orders, people):\n    return [person for person in people]\n```\n"
SETS = "```python\ndef matches(orders, people):\n    return [o for o in orders for _ in range(people.count(o))]\n```\n"


def test_a_model_writes_versions_and_is_told_what_became_of_others() -> None:
    model = ScriptedModel(lambda prompt: [WRONG, SETS, "no block at all"])
    told, end = house(LISTS, model=model).work("matches")
    tried = {event.id: event for event in told if isinstance(event, Weighed) and event.proposal.proposer == "model"}
    assert [event.verdict for event in tried.values()][:2] == ["breaks tests", "faster"]
    assert (end.outcome, end.more["verdict"]) == ("solved", "faster")
    assert "Make `matches` faster" in model.prompts[0]
    assert "breaks tests" in model.prompts[-1]


def test_a_model_alone_goes_on_where_no_rewrite_applies() -> None:
    told, end = house(("((1,), {})", "((7,), {})"), model=ScriptedModel(lambda prompt: [DOUBLED])).work("double")
    assert [event.verdict for event in told if isinstance(event, Weighed)] == ["slower"]
    assert end.stop_reason == "nothing that was tried is faster"


def test_a_model_that_only_edits_lines_is_not_asked_for_functions() -> None:
    model = ScriptedModel(lambda prompt: [SETS], profile="line-edit")
    house(LISTS, model=model).work("matches")
    assert model.requests == []


def test_what_the_interpreter_says_of_misuse_is_no_behaviour_unless_the_file_speaks_of_it() -> None:
    misuse = ("((None, [1]), {})", "((1, [1]), {})")
    assert (
        house((*LISTS, *misuse)).work("matches")[1].more["observed"]
        < house((*LISTS, *misuse), shop=f"{SHOP}\nTypeError\n").work("matches")[1].more["observed"]
    )


def test_what_makes_a_winner_suspicious_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    home = house(LISTS)
    flag = Flag("tampering", "it silences a check", path="shop.py", line=2)

    def flags(before: Content, after: Content, *, strict: bool) -> tuple[Flag, ...]:
        return (flag,) if strict else ()

    monkeypatch.setattr(home.tools.evaluator, "flags", flags)
    _, end = home.work("matches")
    assert (end.outcome, end.flags) == ("solved", (str(flag),))


def test_a_project_that_changes_meanwhile_is_no_base_any_more() -> None:
    home = house(LISTS)

    def go_on() -> None:
        for event in home.run("matches"):
            if isinstance(event, events.TaskStarted):
                home.workspace.tree["shop.py"] += b"# changed\n"

    with pytest.raises(StaleBaseError):
        go_on()


def test_a_project_that_changes_while_the_best_is_proved_ends_the_work_too(monkeypatch: pytest.MonkeyPatch) -> None:
    home = house(LISTS)
    monkeypatch.setattr(home.tools.evaluator, "confirm", lambda *_args, **_more: SuiteResult(complete=False, stopped="stale"))
    with pytest.raises(StaleBaseError, match="changed while versions were being tried"):
        home.work("matches")


def test_classes_and_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be timed"):
        house(NUMBERS).work("Box")
    with pytest.raises(UsageError, match="has no nothing"):
        house(NUMBERS).work("nothing")


def test_a_call_that_always_raises_leaves_nothing_to_compare() -> None:
    _, end = house(("((),  {})",)).work("double")
    assert (end.outcome, end.more["ratio"]) == ("unsolved", None)


def test_inputs_grow_in_their_containers_and_keep_their_shape() -> None:
    larger = grown([CallInput("(([1, 2, 3], 'ab'), {'deep': True})")])
    assert {len(eval(one.text)[0][0]) for one in larger} == {30, 200, 1000}
    assert all(eval(one.text)[1] == {"deep": True} for one in larger)
    spread = next(eval(one.text)[0][0] for one in larger)
    assert spread[:7] == [1, 2, 3, 4, 5, 6, 7]


def test_numbers_grow_where_there_is_nothing_else() -> None:
    assert [one.text for one in grown([CallInput("((3,), {})")])][:3] == ["((6,), {})", "((7,), {})", "((15,), {})"]


def test_a_receiver_grows_with_its_call() -> None:
    larger = grown([CallInput("(([1],), {})", "(([5, 6],), {}, [('add', (1,), {})])")])
    assert {len(eval(one.receiver)[0][0]) for one in larger} == {30, 200, 1000}


def member(name: str, ratio: float, *kind: str, changed: int = 2) -> Member:
    return Member(name, None, ratio, frozenset(kind), changed=changed)


def test_a_population_keeps_the_best_of_each_kind_and_the_smaller_of_equals() -> None:
    found = Population(size=2)
    assert found.add(member("a", 0.5, "x"))
    assert not found.add(member("b", 0.7, "x"))
    assert found.add(member("c", 0.495, "x", changed=1))
    assert found.add(member("d", 0.9, "y"))
    assert not found.add(member("e", 0.95, "z"))
    assert not found.add(member("f", 0.9, "y"))
    assert [one.id for one in found.ranked()] == ["c", "d"]
