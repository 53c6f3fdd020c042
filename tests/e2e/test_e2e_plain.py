"""`--plain`: the same project, the same queue and the same decisions as on the screen, as a dialog."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

FILES = {"clamp.py": "def f():\n    return 1\n", "test_clamp.py": "from clamp import f\n\ndef test_f():\n    assert f() == 2\n"}


def plain(project: Path, home: Path, *answers: str) -> str:
    environment = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home / "config")}
    done = subprocess.run(
        [sys.executable, "-m", "refine_tui", "--plain", "--project", str(project)],
        input="".join(f"{answer}\n" for answer in answers),
        capture_output=True,
        text=True,
        timeout=280,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_undecided_waits_for_the_next_time_and_can_be_written_and_taken_back(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name, text in FILES.items():
        (project / name).write_text(text)
    (project / "refine.toml").write_text('[model]\nuse = "none"\n\n[budget]\nseconds = 250\n')
    first = plain(project, tmp_path, "quit")
    assert "Kept for the next time: 1 undecided hunk." in first
    second = plain(project, tmp_path, "accept", "apply", "quit")
    assert "A proposal and your decisions on it are back from the last session." in second
    assert "Wrote #1" in second
    assert "return 2" in (project / "clamp.py").read_text()
    third = plain(project, tmp_path, "take back", "quit")
    assert "Took back #1." in third
    assert (project / "clamp.py").read_text() == FILES["clamp.py"]
