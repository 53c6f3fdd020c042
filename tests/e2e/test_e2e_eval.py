"""`refine-tui eval` as another tool runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evaluation.json_schema import violations

pytestmark = pytest.mark.e2e


def refine(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST", "COV"))}
    command = [sys.executable, "-m", "refine_tui", *arguments]
    environment = {**kept, "HOME": str(tmp_path)}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "add.py").write_text("import os\n\n\ndef add(a, b):\n    return a + b\n")
    (folder / "test_add.py").write_text("from add import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n")
    (folder / "pyproject.toml").write_text("[tool.ruff.lint]\nselect = ['F']\n")
    return folder


def test_the_document_and_the_status_follow_the_published_schema(project: Path, tmp_path: Path) -> None:
    schema = json.loads(refine(tmp_path, "eval", "--schema").stdout)
    done = refine(tmp_path, "eval", "--json", "--sarif", str(tmp_path / "found.sarif"), "--project", str(project))
    log = json.loads((tmp_path / "found.sarif").read_text())
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == ["F401"]
    found = json.loads(done.stdout)
    assert violations(found, schema) == []
    assert (found["exit_status"], found["passed"], found["tests"]["passed"]) == (done.returncode, False, 1)
    assert [(gate["name"], gate["ok"], gate["findings"][0]["rule"]) for gate in found["gates"]] == [("ruff", False, "F401")]
    (project / "add.py").write_text("def add(a, b):\n    return a + b\n")
    done = refine(tmp_path, "eval", "--json", "--project", str(project))
    assert (done.returncode, json.loads(done.stdout)["passed"]) == (0, True)


def git(root: Path, *arguments: str) -> None:
    named = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *named, *arguments], cwd=root, check=True, capture_output=True)


def test_against_a_revision_only_what_is_new_counts_and_tampering_is_told(project: Path, tmp_path: Path) -> None:
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    schema = json.loads(refine(tmp_path, "eval", "--schema").stdout)
    done = refine(tmp_path, "eval", "--json", "--against", "HEAD", "--project", str(project))
    assert (done.returncode, json.loads(done.stdout)["against"]) == (0, "HEAD")
    with (project / "test_add.py").open("a") as file:
        file.write("\n\ndef test_more():\n    assert add(2, 2) == 4\n")
    git(project, "commit", "-qam", "second")
    (project / "test_add.py").write_text((project / "test_add.py").read_text().replace("def test_more", "@skip\ndef test_more"))
    (project / "test_add.py").write_text("from unittest import skip\n" + (project / "test_add.py").read_text())
    done = refine(tmp_path, "eval", "--json", "--against", "HEAD", "--project", str(project))
    found = json.loads(done.stdout)
    assert violations(found, schema) == []
    assert [(flag["kind"], flag["rule"], flag["line"]) for flag in found["flags"]] == [("tampering", "test-skipped", 9)]
    assert (done.returncode, [gate["ok"] for gate in found["gates"]]) == (1, [True])
    wrong = refine(tmp_path, "eval", "--against", "nowhere", "--project", str(project))
    assert (wrong.returncode, "no such revision" in wrong.stderr) == (2, True)
