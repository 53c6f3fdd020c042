"""At the confined level the copy lies elsewhere than the project; what is reported must still name the project's files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refine_tui.core.isolation import Level
from refine_tui.core.patch import patch_between
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.sandbox.opening import Ladder

SOURCE = b"def double(x):\n    return x + x + x\n"


def test_coverage_frames_and_patches_are_the_projects_own(tmp_path: Path) -> None:
    ladder = Ladder(tmp_path / "state")
    probe = ladder.probe(Level.CONFINED)
    if not probe.holds:
        message = f"the confined level does not hold here: {probe.reason}"
        if "confined" in os.environ.get("REFINE_TUI_REQUIRE_LEVELS", ""):
            pytest.fail(message)
        pytest.skip(message)
    project = tmp_path / "project"
    project.mkdir()
    (project / "double.py").write_bytes(SOURCE)
    (project / "test_double.py").write_text("from double import double\n\ndef test_two():\n    assert double(2) == 4\n")
    with PytestEvaluator(project, ladder.at(Level.CONFINED)) as evaluator:
        baseline = evaluator.baseline(lambda *_: None, lambda: False, limit_s=60.0)
        patch = patch_between({"double.py": SOURCE}, {"double.py": b"def double(x):\n    return x + x\n"})
        patched = evaluator.run(patch, baseline.suite.red, lambda: False, limit_s=30.0)
    assert baseline.coverage.lines["test_double.py::test_two"]["double.py"] == frozenset({0, 1})
    assert baseline.suite.cases[0].frames[-1].path == "test_double.py"
    assert (patched.is_green, patched.level, len(patched.cases)) == (True, Level.CONFINED, 1)
