"""`refine-tui review` as a user runs it: a real process on the real demo, in the real sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import refine_tui

DEMO = Path(refine_tui.__file__).parent / "_data" / "demo"
PATCH = """Boundary and sign, in my words:

toolshed/fees.py
<<<<<<< SEARCH
if days_late >= GRACE_DAYS:
    fee = days_late * tool.daily_fee
kept = fee - damage
=======
if days_late > GRACE_DAYS:
    fee = days_late * tool.daily_fee
kept = fee + damage
>>>>>>> REPLACE
"""
pytestmark = pytest.mark.e2e


def test_a_patch_from_outside_is_run_told_and_kept_and_a_wrong_one_refused(tmp_path: Path) -> None:
    shed = Path(shutil.copytree(DEMO, tmp_path / "shed", ignore=shutil.ignore_patterns("__pycache__")))
    before = (shed / "toolshed" / "fees.py").read_bytes()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST", "COV"))}
    home = {**kept, "HOME": str(tmp_path)}

    def review(text: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "refine_tui", "review", "-", "--project", str(shed), *options]
        return subprocess.run(command, env=home, input=text, capture_output=True, text=True, timeout=300, check=False)

    done = review(PATCH, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1, "other bugs of the demo still fail"
    assert (len(told["fixed"]), told["broken"], told["form"]) == (4, [], "SEARCH/REPLACE")
    assert told["placed_by_white_space"]
    assert (shed / "toolshed" / "fees.py").read_bytes() == before
    applied = subprocess.run(["git", "apply", "--check", "-"], cwd=shed, input=told["patch"], text=True, capture_output=True, check=False)
    assert applied.returncode == 0, applied.stderr

    wrong = review(PATCH.replace("fee - damage", "fees - damage"))
    assert wrong.returncode == 2
    assert "The nearest place is line 15: line 17 has `kept = fee - damage`" in wrong.stderr
    outside = review(PATCH.replace("toolshed/", "../"))
    assert (outside.returncode, "outside the project" in outside.stderr) == (3, True)
