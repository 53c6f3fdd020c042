from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.evidence import CaseResult, Coverage
from refine_tui.core.patch import Patch, patch_between
from refine_tui.evaluation.cold import Job
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.evaluation.impact import affected, coverage_of
from refine_tui.evaluation.inside import _options as options
from refine_tui.evaluation.stream import Gathered
from refine_tui.evaluation.warm import WarmRunner
from refine_tui.loop.ports.running import Sandbox

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]


@pytest.mark.parametrize(
    ("before", "kept", "dropped"),
    [
        (["-n", "auto", "-q"], ["-q"], ["-n auto"]),
        (["-n4", "-nauto"], [], ["-n4", "-nauto"]),
        (["--cov", "pkg", "--cov=x", "--cov", "--cov-report=term"], [], ["--cov pkg", "--cov=x", "--cov", "--cov-report=term"]),
        (["-xvs", "-x", "--maxfail=1"], ["-vs"], ["-x", "--maxfail=1"]),
        (["-ra", "-W", "error", "--import-mode=importlib", "-m", "not slow"], None, []),
        (["--junitxml", "out.xml", "--lf", "--pdb", "-p", "plugin"], ["-p", "plugin"], ["--junitxml out.xml", "--lf", "--pdb"]),
    ],
)
def test_options_are_taken_out_with_their_values(before: list[str], kept: list[str] | None, dropped: list[str]) -> None:
    assert options.neutralise(before) == (before if kept is None else kept, dropped)


SOURCE = b"""import os
LIMIT = 3


def first(a):
    b = a + 1
    return b


class Box:
    size = 1

    def second(self, a=2):
        if a > LIMIT:
            return 1
        return 2
"""


def patched(old: bytes, new: bytes) -> Patch:
    assert old in SOURCE
    return patch_between({"m.py": SOURCE}, {"m.py": SOURCE.replace(old, new)})


COVERAGE = Coverage(
    {
        "test_m.py::test_first": {"m.py": frozenset({0, 1, 4, 5, 6, 9, 10, 12})},
        "test_m.py::test_second": {"m.py": frozenset({0, 1, 4, 9, 10, 12, 13, 14})},
        "test_o.py::test_other": {"o.py": frozenset({1})},
    }
)


@pytest.mark.parametrize(
    ("old", "new", "tests"),
    [
        (b"a + 1", b"a - 1", ["first"]),
        (b"return 2", b"return 3", ["second"]),
        (b"LIMIT = 3", b"LIMIT = 4", ["first", "second"]),
        (b"a=2", b"a=1", ["first", "second"]),
        (b"size = 1", b"size = 2", ["first", "second"]),
    ],
)
def test_a_patch_affects_the_tests_that_ran_the_functions_it_edits(old: bytes, new: bytes, tests: list[str]) -> None:
    assert affected(COVERAGE, patched(old, new), {"m.py": SOURCE}) == tuple(f"test_m.py::test_{name}" for name in tests)


def test_a_file_that_does_not_parse_affects_every_test_that_touched_it() -> None:
    base = {"m.py": b"def ("}
    patch = patch_between(base, {"m.py": b"def f(): pass"})
    assert len(affected(COVERAGE, patch, base)) == 2


def test_a_conftest_affects_every_test_below_it() -> None:
    coverage = Coverage({"a/test_1.py::t": {}, "b/test_2.py::t": {}})
    base = {"a/conftest.py": b"x = 1\n"}
    assert affected(coverage, patch_between(base, {"a/conftest.py": b"x = 2\n"}), base) == ("a/test_1.py::t",)


def test_lines_that_ran_at_import_count_for_tests_whose_file_imports_them() -> None:
    gathered = Gathered(None)
    gathered.feed({"event": "collected", "ids": ["test_a.py::t", "test_b.py::t"]})
    gathered.feed(
        {
            "event": "imported",
            "files": {"test_a.py": [0], "test_b.py": [0], "m.py": [0, 1], "deep.py": [0], "conftest.py": [0]},
            "edges": {"test_a.py": ["m.py"], "m.py": ["deep.py"]},
        }
    )
    for node in ("test_a.py::t", "test_b.py::t"):
        gathered.feed({"event": "coverage", "id": node, "files": {node.split("::")[0]: [1]}})
        gathered.add(CaseResult(node, "passed"))
    lines = coverage_of(gathered).lines
    assert lines["test_a.py::t"] == {"test_a.py": {0, 1}, "m.py": {0, 1}, "deep.py": {0}, "conftest.py": {0}}
    assert lines["test_b.py::t"] == {"test_b.py": {0, 1}, "conftest.py": {0}}


def test_shared_fixtures_count_for_every_test_that_uses_them(zoo: Copy, plain_sandbox: Sandbox, evaluator: Make) -> None:
    base = evaluator(zoo("fixtures"), plain_sandbox).baseline(lambda case, done, total: None, lambda: False, limit_s=60)
    opened = {node.split("::")[1]: 1 in files.get("ledger.py", frozenset()) for node, files in base.coverage.lines.items()}
    assert opened == {
        "test_opening": True,
        "test_append": True,
        "test_cannot_start": False,
        "test_cannot_end": False,
        "test_output": False,
    }


def test_what_the_projects_tests_ask_for_is_looked_for_in_a_change(zoo: Copy, plain_sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("flat")
    (project / "test_more.py").write_text("from measure import add\n\ndef test_more():\n    assert add(5, 2) == 7\n")
    running = evaluator(project, plain_sandbox)
    running.baseline(lambda case, done, total: None, lambda: False, limit_s=60, coverage=False)
    before = {"measure.py": (project / "measure.py").read_bytes()}
    honest = {"measure.py": before["measure.py"].replace(b"a - b", b"a + b")}
    assert running.flags(before, honest, strict=True) == ()
    fitted = {"measure.py": before["measure.py"].replace(b"return a - b", b"return 7 if b == 2 else a")}
    assert [flag.rule for flag in running.flags(before, fitted, strict=True)] == ["special-case"]


def test_tests_may_compute_on_every_core_for_as_long_as_they_may_take(
    tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    running = evaluator(tmp_path, plain_sandbox)
    for nests in (False, True):
        assert running._ready().launch("_cold.py", tools={}, files={}, wall_s=100.0, nests=nests).limits.cpu_s == 800.0
    sent: list[dict[str, Any]] = []
    warm = WarmRunner(running._ready(), plain_sandbox)
    monkeypatch.setattr(warm, "_send", sent.append)
    warm._request(Job(("test_a.py::test_a",), limit_s=10.0), ("test_a.py::test_a",), 10.0, Gathered(("test_a.py::test_a",)))
    assert sent[0]["limits"]["cpu_s"] == 80.0
