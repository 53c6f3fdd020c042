from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.evidence import Baseline, CaseResult, SuiteResult
from refine_tui.core.patch import Patch, patch_between
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.loop.ports.running import Sandbox

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]


def base_of(evaluator: PytestEvaluator, limit_s: float = 90.0) -> Baseline:
    return evaluator.baseline(lambda case, done, total: None, lambda: False, limit_s=limit_s)


def warm_run(evaluator: PytestEvaluator, base: Baseline) -> SuiteResult:
    wanted = [case.node_id for case in base.suite.cases]
    return evaluator.run(Patch(), wanted, lambda: False, limit_s=90.0)


def without_time(cases: tuple[CaseResult, ...]) -> dict[str, tuple[object, ...]]:
    return {
        c.node_id: (c.outcome, "" if c.error == "RecursionError" else c.message, c.values, c.error, c.frames, c.timed_out) for c in cases
    }


OUTCOMES = {
    "flat": {"test_add": "failed", "test_add_nothing": "passed", "test_label[1-1 step]": "passed", "test_odd_names[f/g.py]": "passed"},
    "src_layout": {"test_empty": "passed", "test_several": "failed", "test_unknown": "passed"},
    "fixtures": {"test_append": "passed", "test_cannot_start": "error", "test_cannot_end": "error", "test_output": "passed"},
    "unittest_style": {
        "StackTest::test_pop_returns_last": "failed",
        "StackTest::test_len": "passed",
        "StackTest::test_parts": "failed",
        "StackTest::test_expected": "xfailed",
        "StackTest::test_later": "skipped",
    },
    "options": {"test_border": "failed", "test_high": "passed", "test_low": "passed", "test_warning_is_an_error": "failed"},
    "relative": {"test_two": "passed", "test_spaces": "failed", "test_none": "failed"},
    "broken": {"test_half": "passed"},
    "shared": {
        "test_is_opened_once": "passed",
        "test_first": "failed",
        "test_rows_stay": "passed",
        "test_side[left]": "passed",
        "test_side[right]": "failed",
        "TestLabel::test_label": "passed",
        "test_is_the_same": "passed",
    },
    "plugged": {"test_gross": "failed", "test_nothing": "passed", "test_rows": "failed"},
    "asynchronous": {
        "test_read": "failed",
        "test_relay": "passed",
        "test_no_answer": "passed",
        "test_many[1]": "failed",
        "test_many[2]": "failed",
    },
    "classes": {
        "TestQueue::TestPut::test_one": "passed",
        "TestQueue::test_limit": "failed",
        "TestQueue::test_later": "xfailed",
        "TestQueue::test_strict": "failed",
        "TestQueue::test_unexpected": "xpassed",
        "TestQueue::test_never": "skipped",
        "TestQueue::test_message": "failed",
        "TestQueue::test_deep": "failed",
    },
}


NEEDS_PLUGINS = {"asynchronous": "pytest_asyncio"}
"""Projects that run in the tests' own environment, for the plugin that it has."""


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_warm_run_says_what_a_cold_run_says(name: str, zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo(name)
    if name in NEEDS_PLUGINS:
        pytest.importorskip(NEEDS_PLUGINS[name])
    running = evaluator(project, sandbox, Path(sys.executable) if name in NEEDS_PLUGINS else None)
    base = base_of(running)
    assert base.cold_reason == ""
    assert base.warm
    assert not base.suite.stopped
    found = {case.node_id.split("::", 1)[1]: case.outcome for case in base.suite.cases if "::" in case.node_id}
    assert OUTCOMES[name].items() <= found.items()
    warm = warm_run(running, base)
    assert warm.warm
    assert warm.complete == base.suite.complete
    assert without_time(warm.cases) == without_time(base.suite.cases)


@pytest.mark.parametrize(
    ("name", "path", "old", "new"),
    [
        ("shared", "shelf.py", "self.rows[1]", "self.rows[0]"),
        ("shared", "conftest.py", 'params=["left", "right"]', 'params=["left"]'),
        ("plugged", "site_settings.py", "RATE = 20", "RATE = 2"),
        ("plugged", "framework_plugin.py", '{"rows": []}', '{"rows": [1]}'),
        ("plugged", "framework.py", "return _loaded", "return None"),
        ("asynchronous", "feed.py", "count - 1", "count"),
        ("asynchronous", "feed.py", "await asyncio.sleep(0)", "await asyncio.sleep(60)"),
        ("fixtures", "conftest.py", "raise RuntimeError", "return str"),
        ("classes", "queue_of.py", "self", "this"),
    ],
)
def test_a_warm_candidate_says_what_its_cold_proof_says(
    name: str, path: str, old: str, new: str, zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make
) -> None:
    project = zoo(name)
    if name in NEEDS_PLUGINS:
        pytest.importorskip(NEEDS_PLUGINS[name])
    hangs = {"test_limit_s": 2.0} if "sleep(60)" in new else {}
    running = evaluator(project, isolated_sandbox, Path(sys.executable) if name in NEEDS_PLUGINS else None, **hangs)
    base = base_of(running)
    text = (project / path).read_bytes()
    assert old.encode() in text
    patch = patch_between({path: text}, {path: text.replace(old.encode(), new.encode(), 1)})
    cold = running.confirm(patch, lambda *_: None, lambda: False, limit_s=90.0)
    warm = running.run(patch, [case.node_id for case in base.suite.cases], lambda: False, limit_s=90.0)
    assert warm.warm
    found, proof = without_time(warm.cases), without_time(cold.cases)
    assert {node: found[node] for node in found if node in proof} == {node: proof[node] for node in found if node in proof}
    assert set(found) >= set(proof) & {case.node_id for case in base.suite.cases}
    assert proof != without_time(base.suite.cases)


def test_a_project_that_distributes_its_tests_runs_them_here_one_by_one(zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    pytest.importorskip("xdist")
    running = evaluator(zoo("options"), sandbox, Path(sys.executable))
    base = base_of(running)
    assert base.warm, base.cold_reason
    found = {case.node_id.split("::", 1)[1]: case.outcome for case in base.suite.cases}
    assert OUTCOMES["options"].items() <= found.items()
    assert without_time(warm_run(running, base).cases) == without_time(base.suite.cases)


def test_what_a_hostile_test_does_stays_with_it(zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("hostile")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    running = evaluator(project, isolated_sandbox, test_limit_s=1.0)
    base = base_of(running)
    outcomes = {case.node_id.split("::")[1]: case.outcome for case in base.suite.cases}
    assert outcomes == {
        "test_fine": "passed",
        "test_hangs": "failed",
        "test_swallows_everything": "failed",
        "test_exits": "failed",
        "test_dies": "error",
        "test_aborts": "error",
        "test_leaves_processes": "passed",
        "test_prints_garbage": "passed",
        "test_floods": "passed",
        "test_writes_here": "passed",
        "test_sees_nothing_left": "passed",
        "test_after_all[1]": "passed",
        "test_after_all[2]": "passed",
    }
    assert base.warm, base.cold_reason
    assert base.suite.complete
    by_name = {case.node_id.split("::")[1]: case for case in base.suite.cases}
    assert by_name["test_hangs"].timed_out
    assert by_name["test_hangs"].error == "TimeLimitReached"
    assert by_name["test_swallows_everything"].timed_out
    assert by_name["test_dies"].error == "Crash"
    for _ in range(2):  # the second finds nothing of the first
        warm = warm_run(running, base)
        assert warm.warm
        assert {c.node_id.split("::")[1]: c.outcome for c in warm.cases} == outcomes
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_files_that_cannot_be_collected_become_errors_with_their_place(zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    base = base_of(evaluator(zoo("broken"), sandbox))
    by_id = base.suite.by_id
    assert {node: case.error for node, case in by_id.items() if case.is_red} == {
        "test_exit.py": "SystemExit",
        "test_import.py": "ImportError",
        "test_syntax.py": "SyntaxError",
    }
    assert by_id["test_syntax.py"].frames[-1].path == "test_syntax.py"
    assert by_id["test_syntax.py"].frames[-1].line == 0
    assert sum("cannot be collected: test_import.py:1: ImportError" in note for note in base.notes) == 1


def test_options_that_would_break_the_run_are_left_out_and_named(zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    base = base_of(evaluator(zoo("options"), sandbox))
    assert any("-n auto" in note and "--cov-fail-under=99" in note and "-x" in note for note in base.notes)


def test_failures_come_with_message_values_and_frames(zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    by_id = base_of(evaluator(zoo("flat"), sandbox)).suite.by_id
    case = by_id["test_measure.py::test_add"]
    assert case.message == "assert -1 == 3"
    assert case.values == ("-1", "3")
    assert case.error == "AssertionError"
    assert [(frame.path, frame.line, frame.function) for frame in case.frames] == [("test_measure.py", 5, "test_add")]
    assert "assert add(1, 2) == RATE" in case.details


def test_values_of_unittest_assertions_are_found(zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    by_id = base_of(evaluator(zoo("unittest_style"), sandbox)).suite.by_id
    assert by_id["test_stack.py::StackTest::test_pop_returns_last"].values == ("1", "2")
