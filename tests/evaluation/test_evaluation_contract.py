"""What every evaluator promises, whatever runs the tests: one small project, run by pytest, by unittest, and by commands of its own."""

from __future__ import annotations

import threading
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import Baseline, CaseResult, delta
from refine_tui.core.patch import Patch
from refine_tui.evaluation.commands.evaluator import CommandEvaluator
from refine_tui.evaluation.commands.run import Command
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.evaluation.settings import RunSettings
from refine_tui.loop.ports.running import Evaluator, Sandbox
from tests.evaluation.evaluation_hands import change, never, nothing

MONEY = "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return 2 * a\n\n\ndef half(a):\n    return a / 2\n"
TESTS = """import unittest

import money


class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(money.add(2, 3), 5)

    def test_double(self):
        self.assertEqual(money.double(4), 8)

    def test_half(self):
        self.assertEqual(money.half(4), 2)
"""
CHECK = """import sys
import money

CHECKS = {"add": lambda: money.add(2, 3) == 5, "double": lambda: money.double(4) == 8, "half": lambda: money.half(4) == 2}
wanted = sys.argv[1:] or list(CHECKS)
report = []
for number, name in enumerate(wanted, 1):
    good = CHECKS[name]()
    print("ok" if good else "not ok", number, "-", name, flush=True)
    report.append(f"<testcase name='{name}'>" + ("" if good else "<failure message='wrong'/>") + "</testcase>")
with open("report.xml", "w") as file:
    file.write("<testsuite>" + "".join(report) + "</testsuite>")
sys.exit("not ok" in str(report))
"""
COMMANDS = {
    "tap": Command("python3 check.py", format="tap"),
    "tap, some": Command("python3 check.py", format="tap", filter="python3 check.py {names}"),
    "junit": Command("python3 check.py", junit="report.xml"),
}


@dataclass
class Subject:
    """An evaluator on the project, and what it calls the tests."""

    project: Path
    evaluator: Evaluator
    red: str
    green: str
    other: str

    def base(self) -> Baseline:
        return self.evaluator.baseline(nothing, never, limit_s=60)

    def fixing(self) -> Patch:
        return change(self.project, "money.py", "a - b", "a + b")

    def spoiling(self) -> Patch:
        return change(self.project, "money.py", "2 * a", "3 * a")


@pytest.fixture(scope="session")
def nothing_installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nothing") / "env"
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin" / "python"


@pytest.fixture(params=["pytest", "unittest", *COMMANDS])
def subject(
    request: pytest.FixtureRequest, tmp_path: Path, isolated_sandbox: Sandbox, lean_python: Path, nothing_installed: Path
) -> Iterator[Subject]:
    project = tmp_path / "money"
    project.mkdir()
    (project / "money.py").write_text(MONEY)
    settings = RunSettings(recheck=False)
    kind = request.param
    evaluator: Evaluator
    if kind in COMMANDS:
        (project / "check.py").write_text(CHECK)
        evaluator = CommandEvaluator(project, isolated_sandbox, COMMANDS[kind], nothing_installed, settings)
        ids = ("tests::add", "tests::double", "tests::half")
    else:
        (project / "test_money.py").write_text(TESTS)
        python = lean_python if kind == "pytest" else nothing_installed
        evaluator = PytestEvaluator(project, isolated_sandbox, python, settings)
        ids = ("test_money.py::T::test_add", "test_money.py::T::test_double", "test_money.py::T::test_half")
    yield Subject(project, evaluator, *ids)
    evaluator.close()


def test_the_base_run_tells_each_test_once_and_leaves_the_tree_alone(subject: Subject) -> None:
    before = {path: path.read_bytes() for path in subject.project.rglob("*") if path.is_file()}
    told: list[CaseResult] = []
    base = subject.evaluator.baseline(lambda case, _done, _total: told.append(case), never, limit_s=60)
    assert {case.node_id: case.is_red for case in base.suite.cases} == {subject.red: True, subject.green: False, subject.other: False}
    assert [case.node_id for case in told] == [case.node_id for case in base.suite.cases]
    assert base.suite.complete
    assert not base.suite.stopped
    assert bool(base.cold_reason) is not base.warm
    assert base.runner
    assert subject.evaluator.describe()
    assert {path: path.read_bytes() for path in subject.project.rglob("*") if path.is_file()} == before


def test_a_patch_that_fixes_is_seen_to_fix_and_proven(subject: Subject) -> None:
    base = subject.base()
    run = subject.evaluator.run(subject.fixing(), (subject.red,), never, limit_s=10, better_than=())
    assert run.complete
    assert delta(base.suite, run).fixed == (subject.red,)
    assert delta(base.suite, run).broken == ()
    others = subject.evaluator.run(subject.fixing(), (subject.green, subject.other), never, limit_s=10, stop_at_first=True)
    assert others.is_green
    assert {case.node_id for case in others.cases} == {subject.green, subject.other}
    told: list[str] = []
    proof = subject.evaluator.confirm(subject.fixing(), lambda case, _done, _total: told.append(case.node_id), never, limit_s=60)
    assert proof.is_green
    assert set(told) == {subject.red, subject.green, subject.other}
    assert (subject.project / "money.py").read_text() == MONEY


def test_a_patch_that_breaks_is_seen_to_break(subject: Subject) -> None:
    base = subject.base()
    run = subject.evaluator.run(subject.spoiling(), (subject.green,), never, limit_s=10, stop_at_first=True)
    assert delta(base.suite, run).broken == (subject.green,)
    proof = subject.evaluator.confirm(subject.spoiling(), nothing, never, limit_s=60)
    assert proof.complete
    assert delta(base.suite, proof).broken == (subject.green,)
    assert delta(base.suite, proof).still_red == (subject.red,)


def test_a_trial_that_spoils_what_passed_is_given_up(subject: Subject) -> None:
    subject.base()
    run = subject.evaluator.run(
        subject.spoiling(), (subject.green, subject.red, subject.other), never, limit_s=10, better_than=(subject.green,)
    )
    assert not run.is_green
    assert run.by_id[subject.green].is_red


def test_code_that_cannot_be_run_fixes_nothing_and_breaks_what_passed(subject: Subject) -> None:
    base = subject.base()
    patch = change(subject.project, "money.py", "a - b", "a +")
    run = subject.evaluator.run(patch, (subject.red, subject.green), never, limit_s=10)
    change_of = delta(base.suite, run)
    assert change_of.fixed == ()
    assert subject.green in change_of.broken
    assert not subject.evaluator.confirm(patch, nothing, never, limit_s=60).is_green


def test_a_candidate_without_end_is_ended(subject: Subject) -> None:
    base = subject.base()
    patch = change(subject.project, "money.py", "    return a - b", "    while True:\n        pass")
    run = subject.evaluator.run(patch, (subject.red,), never, limit_s=0.5, better_than=())
    assert delta(base.suite, run).fixed == ()
    assert run.stopped == "time" or run.by_id[subject.red].timed_out


def test_a_patch_for_another_text_is_stale(subject: Subject) -> None:
    subject.base()
    patch = subject.fixing()
    (subject.project / "money.py").write_text(MONEY + "\n# edited\n")
    assert subject.evaluator.run(patch, (subject.red,), never, limit_s=10).stopped == "stale"
    assert subject.evaluator.confirm(patch, nothing, never, limit_s=10).stopped == "stale"
    assert subject.evaluator.gates(patch) == ()


def test_what_was_saved_meanwhile_counts_after_a_refresh(subject: Subject) -> None:
    subject.base()
    assert subject.evaluator.run(Patch(), (subject.red,), never, limit_s=10).red == (subject.red,)
    (subject.project / "money.py").write_text(MONEY.replace("a - b", "a + b"))
    subject.evaluator.refresh()
    assert subject.evaluator.run(Patch(), (subject.red,), never, limit_s=10).is_green
    assert subject.base().suite.is_green


def test_cancelling_ends_a_run(subject: Subject) -> None:
    subject.base()
    endless = change(subject.project, "money.py", "    return a - b", "    while True:\n        pass")
    assert subject.evaluator.run(endless, (subject.red,), lambda: True, limit_s=60, full_time=True).stopped == "cancelled"
    assert subject.evaluator.confirm(Patch(), nothing, lambda: True, limit_s=10).stopped == "cancelled"


def test_closing_ends_a_run_that_goes_on(subject: Subject) -> None:
    subject.base()
    patch = change(subject.project, "money.py", "    return a - b", "    while True:\n        pass")
    asked = threading.Event()
    ended: list[str] = []

    def waits() -> bool:
        asked.set()
        return False

    thread = threading.Thread(target=lambda: ended.append(subject.evaluator.confirm(patch, nothing, waits, limit_s=600).stopped))
    thread.start()
    asked.wait()
    subject.evaluator.close()
    thread.join(30)
    assert ended == ["cancelled"]


def test_the_tests_a_patch_may_affect_are_among_those_that_are_known(subject: Subject) -> None:
    base = subject.base()
    found = subject.evaluator.affected(base.coverage, subject.fixing())
    assert set(found) <= set(base.suite.by_id)
    assert subject.red in found or not base.coverage.lines


def test_checks_and_flags_answer(subject: Subject) -> None:
    subject.base()
    patch = subject.fixing()
    before = {"money.py": MONEY.encode()}
    assert subject.evaluator.gates(patch) == ()
    assert subject.evaluator.inspect() == ()
    assert subject.evaluator.inspect(dict(before)) == ()
    assert subject.evaluator.tools() == {}
    assert subject.evaluator.flags(dict(before), dict(patch.apply(before)), strict=True) == ()


def test_nothing_is_run_where_nothing_may_run(tmp_path: Path, nothing_installed: Path) -> None:
    from refine_tui.core.errors import IsolationError
    from refine_tui.sandbox.closed import Closed

    (tmp_path / "money.py").write_text(MONEY)
    makers: list[Callable[[], Evaluator]] = [
        lambda: PytestEvaluator(tmp_path, Closed(()), nothing_installed),
        lambda: CommandEvaluator(tmp_path, Closed(()), Command("true"), nothing_installed),
    ]
    for make in makers:
        with pytest.raises((IsolationError, ProjectError)):
            make().baseline(nothing, never, limit_s=10)
