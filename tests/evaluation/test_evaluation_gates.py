from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from refine_tui.core.evidence import Finding
from refine_tui.core.patch import Patch, create_file, patch_between
from refine_tui.evaluation.checkers import MYPY, PYRIGHT, RUFF, Said
from refine_tui.evaluation.commands.evaluator import CommandEvaluator
from refine_tui.evaluation.commands.run import Command
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.evaluation.settings import RunSettings
from refine_tui.loop.ports.running import Launch, Running, Sandbox

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]


@pytest.fixture
def project(zoo: Copy) -> Path:
    return zoo("flat")


def text_of(project: Path) -> bytes:
    return (project / "measure.py").read_bytes()


def with_more(project: Path, more: bytes, before: bytes = b"") -> Patch:
    text = text_of(project)
    return patch_between({"measure.py": text}, {"measure.py": before + text + more})


def test_only_findings_that_a_patch_adds_count(project: Path, sandbox: Sandbox, evaluator: Make) -> None:
    running = evaluator(project, sandbox, Path(sys.executable))
    worse = with_more(project, b"", before=b"import os\n")
    assert running.gates(worse) == ()
    (project / "ruff.toml").write_text("[lint]\nselect = ['F', 'D100']\n")
    (project / "mypy.ini").write_text("[mypy]\n")
    (project / "test_measure.py").write_text((project / "test_measure.py").read_text() + "\n\ndef test_not_run():\n    pass\n")
    running.refresh()
    ruff, mypy = running.gates(worse)
    assert (ruff.name, ruff.kind, ruff.ok, ruff.summary) == ("ruff", "lint", False, "1 new finding")
    assert ruff.findings == (Finding("measure.py", 0, "`os` imported but unused", "F401", 7),)
    assert (mypy.name, mypy.kind, mypy.ok, mypy.summary) == ("mypy", "types", True, "no new findings")
    typed = with_more(project, b"\nSIZE: int = 'a'\n")
    assert [gate.ok for gate in running.gates(typed)] == [True, False]


def test_a_file_that_is_created_is_compared_with_nothing(project: Path, plain_sandbox: Sandbox, evaluator: Make) -> None:
    (project / "ruff.toml").write_text("[lint]\nselect = ['F']\n")
    (project / "mypy.ini").write_text("[mypy]\n")
    (ruff, mypy) = evaluator(project, plain_sandbox, Path(sys.executable)).gates(create_file("more.py", b"import os\n"))
    assert (ruff.summary, [finding.path for finding in ruff.findings]) == ("1 new finding", ["more.py"])
    assert (mypy.ok, mypy.summary) == (True, "no new findings")


def test_types_are_checked_where_they_are_used_not_only_where_they_are_edited(
    project: Path, plain_sandbox: Sandbox, evaluator: Make
) -> None:
    (project / "mypy.ini").write_text("[mypy]\nfiles = measure.py, user.py\n")
    (project / "measure.py").write_text("def size(n: int) -> int:\n    return n\n")
    (project / "user.py").write_text("from measure import size\n\nWIDTH: int = size(1)\n")
    text = text_of(project)
    patch = patch_between({"measure.py": text}, {"measure.py": text.replace(b"-> int", b"-> str").replace(b"return n", b"return str(n)")})
    (mypy,) = evaluator(project, plain_sandbox, Path(sys.executable)).gates(patch)
    assert [(finding.path, finding.line, finding.rule) for finding in mypy.findings] == [("user.py", 2, "assignment")]


def test_a_tool_that_stops_working_with_a_change_is_against_it_and_one_that_never_did_says_so(
    project: Path, plain_sandbox: Sandbox, evaluator: Make
) -> None:
    running = evaluator(project, plain_sandbox, Path(sys.executable))
    (project / "ruff.toml").write_text("no such setting = 1\n")
    (ruff,) = running.gates(with_more(project, b"\n"))
    assert (ruff.ok, ruff.ran) == (True, False)
    assert ruff.summary.startswith("could not run: ")


@pytest.mark.parametrize(
    ("command", "ok", "summary"),
    [
        ("grep -q RATE measure.py", True, "passes"),
        ("! grep -q EXTRA measure.py", False, "fails: it printed nothing"),
        ("echo measure.py:3:1: too long; ! grep -q EXTRA measure.py", False, "1 new finding"),
        ("echo always; exit 1", True, "fails as it did before: always"),
    ],
)
def test_a_command_of_the_users_counts_when_it_passed_before(
    command: str, ok: bool, summary: str, project: Path, sandbox: Sandbox, evaluator: Make
) -> None:
    quiet_before = command.replace("echo measure.py:3:1: too long;", "grep -q EXTRA measure.py && echo measure.py:3:1: too long;")
    (gate,) = evaluator(project, sandbox, gates=(quiet_before,)).gates(with_more(project, b"\nEXTRA = 1\n"))
    assert (gate.kind, gate.ok, gate.summary) == ("command", ok, summary)


def test_everything_counts_when_the_tree_is_checked_as_it_is(project: Path, plain_sandbox: Sandbox, evaluator: Make) -> None:
    (project / "ruff.toml").write_text("[lint]\nselect = ['F']\n")
    (project / "measure.py").write_text("import os\nimport sys\n" + text_of(project).decode())
    running = evaluator(project, plain_sandbox, Path(sys.executable), gates=("exit 3",))
    ruff, command = running.inspect()
    assert (ruff.ok, ruff.summary, len(ruff.findings)) == (False, "2 findings", 2)
    assert (command.ok, command.summary) == (False, "fails: it printed nothing")
    assert running.tools() == {"ruff": running.tools()["ruff"]}
    assert running.tools()["ruff"].startswith("ruff ")


def test_a_tool_that_is_configured_and_not_there_is_named(project: Path, plain_sandbox: Sandbox, evaluator: Make) -> None:
    (project / "pyproject.toml").write_text("[tool.ruff]\n")
    (gate,) = evaluator(project, plain_sandbox).inspect()
    assert (gate.name, gate.ok, gate.ran) == ("ruff", True, False)


def test_what_an_earlier_text_had_is_not_held_against_the_tree(project: Path, plain_sandbox: Sandbox, evaluator: Make) -> None:
    (project / "ruff.toml").write_text("[lint]\nselect = ['F']\n")
    old = b"import os\n" + text_of(project)
    (project / "measure.py").write_bytes(b"\n\nimport os\nimport sys\n" + text_of(project))
    (project / "new.py").write_text("import re\n")
    running = evaluator(project, plain_sandbox, Path(sys.executable))
    (ruff,) = running.inspect({"measure.py": old, "new.py": None, "gone.py": b"import ast\n"})
    assert [(finding.path, finding.line, finding.message) for finding in ruff.findings] == [
        ("measure.py", 3, "`sys` imported but unused"),
        ("new.py", 0, "`re` imported but unused"),
    ]
    assert ruff.summary == "2 new findings, 1 fewer"


def test_a_check_under_way_ends_when_the_evaluator_is_closed(project: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    started, start = threading.Event(), sandbox.launch

    def launched(launch: Launch) -> Running:
        running = start(launch)
        started.set()
        return running

    monkeypatch.setattr(sandbox, "launch", launched)
    subject = CommandEvaluator(project, sandbox, Command("true"), None, RunSettings(gates=("sleep 60",)))
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(subject.inspect)
        assert started.wait(30)
        subject.close()
        (gate,) = found.result(30)
    assert (gate.ran, gate.summary) == (False, "could not run: it was ended")


PYRIGHT_SAID = {
    "generalDiagnostics": [
        {
            "file": "/elsewhere/copy/measure.py",
            "severity": "error",
            "message": "Import could not\nbe resolved",
            "rule": "reportMissingImports",
            "range": {"start": {"line": 4, "character": 7}},
        },
        {"file": "/elsewhere/copy/measure.py", "severity": "warning", "message": "m", "range": {"start": {"line": 4, "character": 7}}},
    ]
}


def test_pyright_is_taken_from_the_project_and_read_from_its_json(project: Path, plain_sandbox: Sandbox, evaluator: Make) -> None:
    """A stand-in prints what pyright 1.1 prints: the real one comes with a node of its own."""
    tool = project / "node_modules" / ".bin" / "pyright"
    tool.parent.mkdir(parents=True)
    told = f"cat <<'END'\n{json.dumps(PYRIGHT_SAID)}\nEND\n"
    tool.write_text(f"#!/bin/sh\nif [ -s extra.py ]; then\n{told}else echo '{{\"generalDiagnostics\": []}}'; fi\n")
    tool.chmod(0o755)
    (project / "pyrightconfig.json").write_text("{}")
    (project / "extra.py").write_text("")
    (gate,) = evaluator(project, plain_sandbox).gates(patch_between({"extra.py": b""}, {"extra.py": b"x = 1\n"}))
    assert gate.findings == (Finding("measure.py", 4, "Import could not be resolved", "reportMissingImports", 7),)


@pytest.mark.parametrize(
    ("said", "findings"),
    [
        (Said(2, "a.py:1:6: error: Invalid  syntax  [syntax]\n", ""), [Finding("a.py", 0, "Invalid  syntax", "syntax", 5)]),
        (Said(1, "a.py:3: error: Unused  [x-y]\na.py:3: note: see\nFound 1\n", ""), [Finding("a.py", 2, "Unused", "x-y")]),
        (Said(1, 'a.py:3:1: error: Got "list[int]"\n', ""), [Finding("a.py", 2, 'Got "list[int]"', "", 0)]),
        (Said(2, "mypy: can't read\n", ""), None),
        (Said(None, "", ""), None),
    ],
)
def test_mypys_lines_are_read(said: Said, findings: list[Finding] | None) -> None:
    assert MYPY.read(said, Path()) == findings


def test_ruffs_lines_are_read() -> None:
    out = "a b.py:1:8: F401 [*] `os` imported but unused\nb.py:1:5: invalid-syntax: Expected an identifier\nFound 2 errors.\n"
    assert RUFF.read(Said(1, out, ""), Path()) == [
        Finding("a b.py", 0, "`os` imported but unused", "F401", 7),
        Finding("b.py", 0, "Expected an identifier", "invalid-syntax", 4),
    ]
    assert RUFF.read(Said(2, out, "error"), Path()) is None
    assert PYRIGHT.read(Said(3, "no json", ""), Path()) is None


@pytest.mark.parametrize(
    ("files", "used"),
    [
        ({}, []),
        ({"ruff.toml": "", "pyrightconfig.json": "{}"}, ["pyright", "ruff"]),
        ({"pyproject.toml": "[tool.ruff.lint]\nselect = []\n[tool.mypy]\n"}, ["mypy", "ruff"]),
        ({"pyproject.toml": "# [tool.ruff]\n[project]\nname = '[tool.mypy'\n"}, []),
        ({"setup.cfg": "[mypy]\nstrict = true\n[mypy-x]\ny = 1\n"}, ["mypy"]),
        ({"setup.cfg": "[mypy-x]\ny = 1\n", "pyproject.toml": "not toml"}, []),
    ],
)
def test_a_check_is_used_where_the_project_configures_it(files: dict[str, str], used: list[str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert sorted(checker.name for checker in (RUFF, MYPY, PYRIGHT) if checker.is_used(tmp_path)) == used


def test_the_identity_of_a_finding_holds_no_line() -> None:
    one, other = (Finding("a.py", n, f"redefined from line {n}", "F811") for n in (3, 8))
    assert one.identity == other.identity
    assert str(one) == "a.py:4:1: F811 redefined from line 3"
