from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from refine_tui.core.evidence import CaseResult, delta
from refine_tui.core.patch import Patch, patch_between
from refine_tui.evaluation.cold import Tally
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.evaluation.pace import LEAST_S, Pace
from refine_tui.loop.ports.running import Sandbox

Make = Callable[..., PytestEvaluator]
ROOM = Path(__file__).parents[2] / "refine_tui" / "evaluation" / "inside"
LONG = 100.0
STUCK_S, LONGER_S = 0.6, 0.8


def never() -> bool:
    return False


def nothing(case: CaseResult, done: int, total: int) -> None:
    pass


def write(project: Path, **files: str) -> Path:
    project.mkdir(exist_ok=True)
    for name, text in files.items():
        (project / f"{name}.py").write_text(text)
    return project


def change(project: Path, old: str, new: str, path: str = "work.py") -> Patch:
    text = (project / path).read_bytes()
    assert old.encode() in text
    return patch_between({path: text}, {path: text.replace(old.encode(), new.encode())})


def stand_alone(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("stand_alone" + name, ROOM / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUCK = """
import time


def count(n):
    while n != 0:
        n = n
    return n


def wait(seconds):
    time.sleep(seconds)
    return seconds
"""
WRONG = STUCK.replace("    while n != 0:\n        n = n\n", "")
TESTS = """
import pytest
from work import count, wait


def test_zero():
    assert count(0) == 0


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_count(n):
    assert count(n) == 0


def test_wait():
    assert wait(0) == 0
"""


def node(name: str) -> str:
    return f"test_work.py::{name}"


COUNTS = [node(f"test_count[{n}]") for n in (1, 2, 3, 4)]


def test_one_test_is_given_its_full_time_and_those_stuck_in_the_same_place_are_cut_short(
    tmp_path: Path, sandbox: Sandbox, evaluator: Make
) -> None:
    tests = TESTS.replace("wait(0) == 0", "wait(0.4)")  # longer than those that are cut short, but elsewhere
    running = evaluator(write(tmp_path / "p", work=STUCK, test_work=tests), sandbox, test_limit_s=2.0)
    base = running.baseline(nothing, never, limit_s=LONG)
    case = base.suite.by_id
    assert base.suite.red == tuple(COUNTS)
    assert base.suite.cut_short == tuple(COUNTS[1:])
    assert case[COUNTS[0]].message == "TimeLimitReached: no result after 2 s"
    assert all(0 < case[one].cut_short_s < 2 for one in COUNTS[1:])
    assert all(f"in work.py::count, where {COUNTS[0]} was stuck for 2 s" in case[one].message for one in COUNTS[1:])
    assert [note for note in base.notes if "cut short" in note] == [
        f"cut short after less than 2 s: 3 more stuck in work.py::count, as {COUNTS[0]} was"
    ]
    assert running.tally.processes == 1


def test_a_run_without_coverage_gives_every_test_its_full_time(tmp_path: Path, plain_sandbox: Sandbox, evaluator: Make) -> None:
    few = TESTS.replace("[1, 2, 3, 4]", "[1, 2]")
    running = evaluator(write(tmp_path / "p", work=STUCK, test_work=few), plain_sandbox, test_limit_s=1.0)
    suite = running.baseline(nothing, never, limit_s=LONG, coverage=False).suite
    assert suite.red == tuple(COUNTS[:2])
    assert suite.cut_short == ()


def test_what_was_found_stuck_is_known_to_the_process_that_follows_a_crash(tmp_path: Path, plain_sandbox: Sandbox, evaluator: Make) -> None:
    text = TESTS.replace(
        "@pytest", "def test_first():\n    assert count(5) == 0\n\n\ndef test_dies():\n    import os\n    os._exit(1)\n\n\n@pytest"
    )
    running = evaluator(write(tmp_path / "p", work=STUCK, test_work=text), plain_sandbox, test_limit_s=2.0)
    suite = running.baseline(nothing, never, limit_s=LONG).suite
    assert running.tally.processes == 2
    assert suite.cut_short == tuple(COUNTS)


TRACED = """
def climb(n):
    total = 0
    for _ in range(n):
        total += 1
    return total
"""


def test_tracing_lets_go_of_a_test_that_it_makes_slow(tmp_path: Path, plain_sandbox: Sandbox, evaluator: Make) -> None:
    tests = "from work import climb\n\ndef test_climb():\n    assert climb(15_000_000)\n\ndef test_step():\n    assert climb(1)\n"
    running = evaluator(write(tmp_path / "p", work=TRACED, test_work=tests), plain_sandbox, test_limit_s=3.0)
    base = running.baseline(nothing, never, limit_s=LONG)
    assert base.suite.is_green
    assert running.tally.processes == 1
    assert base.coverage.lines[node("test_step")]["work.py"] >= {2, 3, 4, 5}
    assert node("test_step") not in base.coverage.in_part
    for one in base.coverage.in_part:
        assert one in base.coverage.tests_touching_files(["elsewhere.py"])


@pytest.fixture
def surveyed(
    tmp_path: Path, plain_sandbox: Sandbox, evaluator: Make, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Path, PytestEvaluator]]:
    """A project whose base run is done, quickly; nothing of that is counted. A test of a candidate is stuck after `STUCK_S`."""
    monkeypatch.setattr("refine_tui.evaluation.pace.LEAST_S", STUCK_S)
    monkeypatch.setattr("refine_tui.evaluation.pace.SLOWER", 0.0)  # whatever the base took on a busy machine

    def make(work: str = WRONG, tests: str = TESTS, **settings: Any) -> tuple[Path, PytestEvaluator]:
        project = write(tmp_path / "p", work=work, test_work=tests)
        running = evaluator(project, plain_sandbox, **({"test_limit_s": 3.0} | settings))
        base = running.baseline(nothing, never, limit_s=LONG)
        assert base.warm, base.cold_reason
        running.tally = Tally()
        return project, running

    return make


def test_a_candidate_that_is_no_better_costs_one_test(surveyed: Any) -> None:
    project, running = surveyed()
    same = running.run(change(project, "return n", "while n: pass"), COUNTS, never, limit_s=LONG, better_than=())
    assert (same.stopped, same.complete, same.red) == ("no better", False, (COUNTS[0],))
    assert running.tally == Tally(forks=1, tests=1)


def test_a_candidate_that_helps_is_run_on_every_target(surveyed: Any) -> None:
    project, running = surveyed()
    found = running.run(change(project, "return n", "return 0"), COUNTS, never, limit_s=LONG, better_than=())
    assert found.is_green
    assert running.tally == Tally(forks=2, tests=8)  # once, the base on the same tests
    running.run(change(project, "return n", "return 0 * n"), COUNTS, never, limit_s=LONG, better_than=())
    assert running.tally == Tally(forks=3, tests=12)


def test_a_target_that_another_change_made_pass_must_not_fail_again(surveyed: Any) -> None:
    failing = TESTS + "".join(f"\n\ndef test_sum_{n}():\n    assert count(0) == {n}\n" for n in (1, 2, 3))
    project, running = surveyed(tests=failing)
    sums = [node(f"test_sum_{n}") for n in (1, 2, 3)]
    patch = change(project, "return n", "return 2")
    assert running.run(patch, sums, never, limit_s=LONG, better_than=()).red == (sums[0], sums[2])
    spoilt = running.run(patch, sums, never, limit_s=LONG, better_than=sums[:1])
    assert (spoilt.stopped, spoilt.red, len(spoilt.cases)) == ("no better", (sums[0],), 1)


def test_a_slow_but_right_candidate_gets_its_full_time_once(surveyed: Any) -> None:
    project, running = surveyed()
    slow = change(project, "return n", f"time.sleep({LONGER_S} if n == 2 else 0)\n    return 0")
    found = running.run(slow, COUNTS, never, limit_s=LONG, better_than=())
    assert found.is_green
    assert found.cut_short == ()
    assert running.tally == Tally(forks=3, tests=9)  # all, the base on all, the slow one again


def test_a_candidate_that_is_stuck_in_most_tests_says_that_it_was_cut_short(surveyed: Any) -> None:
    project, running = surveyed()
    patch = change(project, "return n", f"time.sleep({LONGER_S})\n    return 0")
    found = running.run(patch, COUNTS, never, limit_s=LONG, better_than=())
    assert found.cut_short == (COUNTS[0],)
    assert found.cases[0].message.endswith("of the 3 s that a test may take")
    assert running.tally == Tally(forks=1, tests=1)
    assert running.run(patch, COUNTS, never, limit_s=LONG, better_than=(), full_time=True).is_green


@pytest.mark.parametrize(("pause", "is_green"), [(LONGER_S, True), (60.0, False)])
def test_passing_tests_that_a_candidate_slows_down_are_judged_with_their_full_time(pause: float, is_green: bool, surveyed: Any) -> None:
    project, running = surveyed(
        test_limit_s=2.0, tests="from work import wait\n" + "".join(f"\ndef test_{n}():\n    wait(0)\n" for n in "abcd")
    )
    nodes = [node(f"test_{n}") for n in "abcd"]
    found = running.run(change(project, "sleep(seconds)", f"sleep({pause})"), nodes, never, limit_s=LONG, stop_at_first=True)
    assert found.is_green is is_green
    assert found.complete is is_green
    assert found.red == (() if is_green else tuple(nodes[:2]))
    assert running.tally == Tally(forks=2, tests=6 if is_green else 3)


def test_a_fixture_that_tests_share_is_paid_for_by_whoever_runs_first(surveyed: Any) -> None:
    tests = "import pytest, time\n\n@pytest.fixture(scope='session')\ndef shop():\n    time.sleep(1.0)\n\n"
    tests += "\n".join(f"def test_{n}(shop):\n    assert {n != 'b'}\n" for n in "ab")
    _, running = surveyed(tests=tests)
    found = running.run(Patch(), [node("test_b")], never, limit_s=0.9, better_than=())
    assert [(case.outcome, case.timed_out) for case in found.cases] == [("failed", False)]


ORDER = """
import work


def test_sets():
    work.LEFT = 3
    assert work.count(0) == 0


def test_rests_on_what_was_left():
    assert work.LEFT == 3


def test_breaks_when_something_was_left():
    assert not hasattr(work, "LEFT")


def test_red():
    assert work.count(1) == 0
"""


def test_tests_that_depend_on_others_take_no_part_in_a_verdict(surveyed: Any) -> None:
    project, running = surveyed(tests=ORDER)
    rests, breaks, red = (node(f"test_{name}") for name in ("rests_on_what_was_left", "breaks_when_something_was_left", "red"))
    useless, right = change(project, "return n", "return n + 0"), change(project, "return n", "return 0")
    before = running.run(Patch(), [node("test_sets"), rests, breaks, red], never, limit_s=LONG)
    assert before.red == (breaks, red)
    running.tally = Tally()
    same = running.run(useless, [breaks, red], never, limit_s=LONG, better_than=())
    assert (delta(before, same).fixed, same.flaky) == ((), (breaks,))
    assert running.tally.forks == 2
    better = running.run(right, [breaks, red], never, limit_s=LONG, better_than=())
    assert delta(before, better).fixed == (red,)
    assert running.tally.forks == 3
    others = running.run(right, [rests, red], never, limit_s=LONG, stop_at_first=True)
    assert delta(before, others).broken == ()
    assert (others.flaky, others.red, others.complete) == ((rests,), (), True)


def test_a_difference_to_a_test_that_was_cut_short_is_only_told_when_there_is_one(
    tmp_path: Path, plain_sandbox: Sandbox, evaluator: Make
) -> None:
    """`slow` ends, but it was stuck where another test used up all its time, so the base run took it for failing."""
    work = "import time\n\n\ndef stay(seconds):\n    time.sleep(seconds)\n    return 1\n"
    tests = "from work import stay\n\ndef test_stuck():\n    assert stay(60)\n\ndef test_slow():\n    assert stay(0.4)\n"
    project = write(tmp_path / "p", work=work, test_work=tests)
    running = evaluator(project, plain_sandbox, test_limit_s=1.4)
    before = running.baseline(nothing, never, limit_s=LONG).suite
    assert before.cut_short == (node("test_slow"),)
    useless = change(project, "return 1", "return 2")
    assert running.confirm(useless, nothing, never, limit_s=LONG).stopped == "stale"
    after = running.baseline(nothing, never, limit_s=LONG).suite
    assert after.red == (node("test_stuck"),)
    quick = change(project, "time.sleep(seconds)", "pass")
    assert delta(before, running.confirm(quick, nothing, never, limit_s=LONG)).fixed == (node("test_stuck"), node("test_slow"))


def test_the_pace_comes_from_passing_tests_in_the_same_file_else_from_all() -> None:
    pace = Pace()
    assert pace.limits(["a.py::x"], 5.0) == {}
    pace.learn(
        [
            CaseResult("a.py::quick", "passed", 0.01),
            CaseResult("a.py::slow", "passed", 0.2),
            CaseResult("b.py::red", "failed", 0.4),
            CaseResult("b.py::hangs", "failed", 5.0, timed_out=True),
            CaseResult("c.py::long", "passed", 3.0),
        ]
    )
    limits = pace.limits(["a.py::new", "b.py::red", "b.py::hangs", "c.py::long"], 5.0)
    assert limits == {"a.py::new": 1.0, "b.py::red": 5.0, "b.py::hangs": 5.0, "c.py::long": 5.0}
    pace.learn([CaseResult("a.py::slow", "passed", 0.001), CaseResult("c.py::long", "passed", 0.1)])
    assert pace.limits(["a.py::new", "b.py::hangs"], 5.0) == {"a.py::new": LEAST_S, "b.py::hangs": 0.5}


def test_a_run_that_is_to_be_better_ends_once_failures_cost_more_than_a_moment_and_nothing_passes() -> None:
    patience = stand_alone("_patience")

    def told(*outcomes: tuple[str, bool, bool, float], **plan: object) -> list[str]:
        enough = patience.Enough({"better_than": ["known"], **plan})
        return [enough.after(*one) for one in outcomes]

    quick, costly = ("a", True, False, 0.01), ("b", True, False, 0.3)
    assert told(quick, quick, costly) == ["", "", "no better"]
    assert told(("c", False, False, 0.01), costly, costly) == ["", "", ""]
    assert told(("known", False, False, 0.01), costly) == ["", "no better"]
    assert told(("known", True, False, 0.01)) == ["no better"]
    assert told(("a", True, True, 0.1), ("a", True, True, 0.1), better_than=None, stop_at_first=True) == ["", "first"]
    assert told(quick, better_than=None, stop_at_first=True) == ["first"]
