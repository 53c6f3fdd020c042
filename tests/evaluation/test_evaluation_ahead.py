"""What will probably be asked for next runs on a second warm parent; nobody sees more than that an answer comes sooner."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from refine_tui.core.errors import IsolationError, RunnerError
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.patch import Patch, patch_between
from refine_tui.evaluation import cores
from refine_tui.evaluation.ahead import PATIENCE
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.evaluation.warm import WarmRunner
from refine_tui.loop.ports.running import Launch, Running, Sandbox
from tests.evaluation.evaluation_hands import Make, base_of, never, outcomes, write

TEST = "from add import add\n\ndef test_add():\n    assert add(1, 2) == 3\n\ndef test_zero():\n    assert add(0, 0) == 0\n"
WRONG = "def add(a, b):\n    return a - b\n"
NODES = ("test_add.py::test_add",)
EDITS = ("a * b", "b - a", "a", "a + b", "b", "a // (b or 1)")


class Counting:
    """A sandbox that counts the warm parents it starts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.level, self.can_nest, self.probes = sandbox.level, sandbox.can_nest, sandbox.probes
        self.fingerprint = sandbox.fingerprint
        self.parents = 0

        self.second: Running | None = None
        self.at_second: Callable[[], None] = lambda: None
        """Called once a second parent was started, before anyone has it."""

    def launch(self, launch: Launch) -> Running:
        self.parents += launch.nests
        running = self._sandbox.launch(launch)
        if launch.nests and self.parents == 2:
            self.second = running
            self.at_second()
        return running


@pytest.fixture
def counting(isolated_sandbox: Sandbox) -> Counting:
    return Counting(isolated_sandbox)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "add", add=WRONG, test_add=TEST)


def candidates(project: Path) -> list[Patch]:
    text = (project / "add.py").read_bytes()
    return [patch_between({"add.py": text}, {"add.py": text.replace(b"a - b", edit.encode())}) for edit in EDITS]


def searched(evaluator: PytestEvaluator, patches: Sequence[Patch], *, hint: bool = True) -> list[SuiteResult]:
    """Run candidates as the loop does: before each one it says which is next."""
    results = []
    for place, patch in enumerate(patches):
        for following in patches[place + 1 : place + 2] if hint else ():
            evaluator.expect(following, NODES, limit_s=20.0, better_than=frozenset())
        results.append(evaluator.run(patch, NODES, never, limit_s=20.0, better_than=frozenset()))
    return results


def taken(evaluator: PytestEvaluator) -> int:
    return evaluator._ahead.taken if evaluator._ahead else 0


def test_every_second_candidate_is_there_already_and_all_say_what_they_say_alone(
    counting: Counting, project: Path, evaluator: Make
) -> None:
    alone, both = (evaluator(project, counting, side_by_side=number) for number in (1, 2))
    results = []
    for one in (alone, both):
        assert base_of(one).warm
        results.append([outcomes(suite) for suite in searched(one, candidates(project))])
    assert results[0] == results[1]
    assert results[0][EDITS.index("a + b")] == {"test_add": "passed"}
    assert (taken(alone), taken(both)) == (0, len(EDITS) // 2)
    assert counting.parents == 1 + 2
    assert alone.tally.forks == both.tally.forks


def test_no_second_parent_is_started_before_there_is_something_for_it(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=2)
    base_of(running)
    searched(running, candidates(project), hint=False)
    assert counting.parents == 1


def test_a_wrong_guess_is_given_up_after_a_while_and_makes_room_for_another(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=2)
    base_of(running)
    patches = candidates(project)
    running.expect(patches[0], NODES, limit_s=20.0, better_than=frozenset())
    searched(running, patches[1 : 1 + PATIENCE], hint=False)
    assert taken(running) == 0
    searched(running, patches[4:])
    assert taken(running) == 1


def test_a_guess_made_before_the_tree_changed_is_not_used(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=2)
    base_of(running)
    right = candidates(project)[EDITS.index("a + b")]
    running.expect(right, NODES, limit_s=20.0, better_than=frozenset())
    (project / "test_add.py").write_text(TEST.replace("== 3", "== 4"))
    running.refresh()
    assert outcomes(running.run(right, NODES, never, limit_s=20.0, better_than=frozenset())) == {"test_add": "failed"}
    assert taken(running) == 0


SLOW = "import time\n\ndef add(a, b):\n    time.sleep(60)\n"


def test_waiting_for_a_guess_can_be_cancelled(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=2, test_limit_s=60.0)
    base_of(running)
    slow = patch_between({"add.py": WRONG.encode()}, {"add.py": SLOW.encode()})
    running.expect(slow, NODES, limit_s=50.0, better_than=frozenset())
    assert running.run(slow, NODES, lambda: True, limit_s=50.0, better_than=frozenset()).stopped == "cancelled"


def test_closing_ends_a_guess_on_its_way(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=2, test_limit_s=60.0)
    base_of(running)
    running.expect(patch_between({"add.py": WRONG.encode()}, {"add.py": SLOW.encode()}), NODES, limit_s=50.0, better_than=frozenset())
    running.close()
    assert running.run(Patch(), NODES, never, limit_s=5.0).stopped == "cancelled"


def test_a_second_parent_that_cannot_be_used_is_ended_and_the_first_one_answers(
    counting: Counting, project: Path, evaluator: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = evaluator(project, counting, side_by_side=2)
    base_of(running)

    def refuse(*_: object) -> None:
        raise RunnerError("the warm parent was not ready after 60 s")

    monkeypatch.setattr(WarmRunner, "preload", refuse)
    assert outcomes(searched(running, candidates(project)[3:4] * 2)[1]) == {"test_add": "passed"}
    assert counting.second is not None
    assert counting.second.wait(10.0) is not None


def test_a_sandbox_that_starts_no_second_parent_costs_nothing_else(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=2)
    base_of(running)

    def fail() -> None:
        assert counting.second is not None
        counting.second.__exit__(None, None, None)
        raise IsolationError("bubblewrap could not be started")

    counting.at_second = fail
    assert outcomes(searched(running, candidates(project)[3:4] * 2)[1]) == {"test_add": "passed"}


def test_closing_while_the_second_parent_is_started_ends_it_too(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=2)
    base_of(running)
    ahead = running._ahead
    assert ahead is not None
    counting.at_second = running.close
    running.expect(candidates(project)[0], NODES, limit_s=20.0, better_than=frozenset())
    ahead._pool.shutdown(wait=True)
    assert counting.second is not None
    assert counting.second.wait(10.0) is not None


def test_closing_while_a_dead_parent_is_started_anew_ends_the_new_one(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=1)
    base_of(running)
    assert running._warm is not None
    assert running._warm._running is not None
    running._warm._running.kill()
    counting.at_second = running.close
    assert running.run(candidates(project)[0], NODES, never, limit_s=20.0).stopped == "cancelled"
    assert counting.second is not None
    assert counting.second.wait(10.0) is not None


def test_a_guess_that_meets_the_end_is_none(counting: Counting, project: Path, evaluator: Make) -> None:
    running = evaluator(project, counting, side_by_side=2)
    base_of(running)
    assert running._ahead is not None
    running._ahead._pool.shutdown()  # as `close` does right after a thread has looked whether it came
    running.expect(candidates(project)[0], NODES, limit_s=20.0, better_than=frozenset())
    assert running._ahead._guess is None


def test_what_runs_gives_way_to_the_screen(tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    test = f"import os\n\ndef test_add():\n    assert os.nice(0) >= {min(19, os.nice(0) + 5)}\n"
    running = evaluator(write(tmp_path / "nice", test_add=test), isolated_sandbox)
    assert outcomes(base_of(running).suite) == {"test_add": "passed"}
    assert outcomes(running.run(Patch(), NODES, never, limit_s=20.0)) == {"test_add": "passed"}


@pytest.mark.parametrize(("number", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 2)])
def test_the_model_and_the_screen_keep_cores_of_their_own(number: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(number)), raising=False)
    assert cores.runners() == expected
