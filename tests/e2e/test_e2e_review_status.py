"""The exit status of `refine-tui review`, on a project in the real sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.cli import main
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.patch import patch_between
from refine_tui.core.unified import unified
from refine_tui.evaluation.evaluator import PytestEvaluator

pytestmark = pytest.mark.e2e
FILES = {
    "money.py": "def double(n):\n    return n + 1\n",
    "test_money.py": "from money import double\n\n\ndef test_double():\n    assert double(3) == 6\n",
}
Review = Callable[[str, str, str], int]


@pytest.fixture
def review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Review:
    """Bring in a patch that replaces one text in one file, and return the exit status."""
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    project = tmp_path / "project"
    project.mkdir()
    for name, text in FILES.items():
        (project / name).write_text(text)

    def bring(path: str, old: str, new: str) -> int:
        base = {path: FILES[path].encode()}
        (tmp_path / "fix.diff").write_bytes(unified(patch_between(base, {path: FILES[path].replace(old, new).encode()}), base))
        return main(["review", str(tmp_path / "fix.diff"), "--project", str(project), "--json"])

    return bring


def test_a_patch_that_mends_the_code_is_0_and_one_that_rewrites_the_assert_is_1(review: Review, capsys: pytest.CaptureFixture[str]) -> None:
    assert review("money.py", "n + 1", "2 * n") == 0
    assert '"passed": true' in capsys.readouterr().out
    assert review("test_money.py", "== 6", "== 4") == 1
    assert '"passed": false' in capsys.readouterr().out


def test_a_patch_whose_file_is_saved_while_it_runs_is_refused_for_safety(
    review: Review, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PytestEvaluator, "confirm", lambda *_, **__: SuiteResult(complete=False, stopped="stale"))
    assert review("money.py", "n + 1", "2 * n") == 3
    assert "fix.diff changes was saved while it was run" in capsys.readouterr().err
