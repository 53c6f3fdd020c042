"""Where a bug is looked for when nobody watched the tests."""

from __future__ import annotations

import pytest

from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Frame, SuiteResult
from refine_tui.core.text import SourceFile
from refine_tui.loop.planning import suspects_of
from refine_tui.loop.unwatched import CALLED, LEAST, NAMED, OUTSIDE, Unwatched
from refine_tui.syntax import TreeSitter

FILES = {
    "cart.js": "const RATE = 2;\nfunction total(p) {\n  return tax(p);\n}\nfunction tax(p) {\n  return p * RATE;\n}\n"
    "function unrelated(p) {\n  return p;\n}\n",
    "cart.test.js": "test('a', () => {\n  check(1);\n  assert(total(1) === 2);\n});\n",
    "lib.rs": "pub fn rows(a: u32) -> u32 {\n    a\n}\n\n#[cfg(test)]\nmod tests {\n    fn checks() {\n        rows(1);\n    }\n}\n",
    "notes.txt": "total\n",
}


def unwatched() -> Unwatched:
    sources = {path: SourceFile(path, text.encode()) for path, text in FILES.items()}
    return Unwatched(lambda: FILES, sources.get, TreeSitter(), lambda path: path.endswith((".js", ".rs")) and ".test." not in path)


def baseline(case: CaseResult) -> Baseline:
    return Baseline(SuiteResult((case,)), Coverage(), False, "", "", "")


def lines_for(case: CaseResult) -> dict[tuple[str, int], float]:
    return unwatched().lines(baseline(case), (case.node_id,))


def test_a_named_function_comes_first_then_what_it_calls_then_everything() -> None:
    lines = lines_for(CaseResult("tests::total is right", "failed"))
    assert lines["cart.js", 2] == NAMED
    assert lines["cart.js", 5] == NAMED * CALLED
    assert lines["cart.js", 8] == lines["lib.rs", 1] == LEAST
    assert lines["cart.js", 0] == OUTSIDE


def test_the_line_of_a_test_that_a_failure_points_at_names_functions() -> None:
    lines = lines_for(CaseResult("tests::a", "failed", details="x", frames=(Frame("cart.test.js", 2, ""),)))
    assert lines["cart.js", 2] == NAMED


def test_a_line_of_a_stack_comes_before_all_others() -> None:
    lines = lines_for(CaseResult("tests::a", "failed", frames=(Frame("cart.test.js", 2, ""), Frame("cart.js", 8, "unrelated"))))
    assert lines["cart.js", 8] == max(lines.values()) == 1.0


def test_a_failure_that_says_nothing_makes_all_functions_suspicious_alike() -> None:
    lines = lines_for(CaseResult("tests::sh", "failed", message="exit status 1"))
    assert {lines["cart.js", 2], lines["cart.js", 5], lines["cart.js", 8], lines["lib.rs", 1]} == {LEAST}


def test_neither_tests_nor_files_in_no_language_are_under_suspicion() -> None:
    lines = lines_for(CaseResult("tests::checks", "failed", frames=(Frame("lib.rs", 7, "checks"),)))
    assert {path for path, _ in lines} == {"cart.js", "lib.rs"}
    assert max(line for path, line in lines if path == "lib.rs") == 3


def test_of_many_files_those_that_failures_speak_of_are_read_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refine_tui.loop.unwatched.MOST_FILES", 1)
    assert {path for path, _ in lines_for(CaseResult("tests::x", "failed", frames=(Frame("lib.rs", 1, ""),)))} == {"lib.rs"}
    assert {path for path, _ in lines_for(CaseResult("tests::x", "failed", frames=(Frame("tests/lib_checks.rs", 1, ""),)))} == {"cart.js"}
    assert {path for path, _ in lines_for(CaseResult("tests::of Lib", "failed"))} == {"lib.rs"}


def test_planning_falls_back_to_it_without_coverage_only() -> None:
    case = CaseResult("tests::total", "failed")
    sources = {path: SourceFile(path, text.encode()) for path, text in FILES.items()}

    def planned(base: Baseline) -> list[str]:
        found = suspects_of(base, (case.node_id,), sources.get, TreeSitter(), lambda path: path.endswith(".js"), unwatched=unwatched())
        return [scope.name for scope in found.scopes]

    assert planned(baseline(case))[:2] == ["total", "tax"]
    covered = Coverage({case.node_id: {"cart.js": frozenset({8})}})
    assert planned(Baseline(SuiteResult((case,)), covered, True, "", "", ""))[0] == "unrelated"
