from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refine_tui.cli.eval_document import Evaluation, document, flags_of, schema_text
from refine_tui.cli.sarif import sarif
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Finding, Flag, GateResult, SuiteResult
from refine_tui.core.isolation import Level
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.json_schema import violations

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]
SCHEMA = json.loads(schema_text())
EMPTY = SuiteResult()


def told(found: Evaluation, level: Level = Level.ISOLATED) -> dict[str, Any]:
    """The document as its reader gets it."""
    result: dict[str, Any] = json.loads(json.dumps(document(found, level)))
    return result


def evaluation(suite: SuiteResult = EMPTY, **more: Any) -> Evaluation:
    baseline = Baseline(suite, Coverage(), False, "", "python", "pytest 9.0.1")
    flags = flags_of(baseline, more.pop("tampering", ()))
    return Evaluation(baseline, more.pop("gates", ()), flags, {"python": "3", "pytest": "9"}, (), 1.5, **more)


@pytest.mark.parametrize("name", ["flat", "broken", "classes"])
def test_what_a_real_run_gives_is_what_the_schema_says(name: str, zoo: Copy, plain_sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo(name)
    (project / "ruff.toml").write_text("[lint]\nselect = ['F', 'D100']\n")
    running = evaluator(project, plain_sandbox, Path(sys.executable), gates=("exit 1",))
    baseline = running.baseline(lambda *_: None, lambda: False, limit_s=60, coverage=False)
    tools = {"python": baseline.interpreter, "pytest": baseline.runner, **running.tools()}
    found = told(Evaluation(baseline, running.inspect(), flags_of(baseline, ()), tools, baseline.notes, 1.0))
    assert violations(found, SCHEMA) == []
    assert found["tests"]["total"] == len(found["cases"]) == len(baseline.suite.cases)
    assert [gate["kind"] for gate in found["gates"]] == ["lint", "command"]
    assert found["gates"][0]["findings"][0]["line"] == 1
    assert (found["passed"], found["exit_status"]) == (False, 1)


RED = CaseResult("t.py::a", "failed")


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (evaluation(SuiteResult((CaseResult("t.py::a", "passed"),))), 0),
        (evaluation(SuiteResult((RED,))), 1),
        (evaluation(SuiteResult((RED,), flaky=("t.py::a",))), 0),
        (evaluation(SuiteResult(complete=False, stopped="time")), 1),
        (evaluation(gates=(GateResult("ruff", False, "1 finding"),)), 1),
        (evaluation(gates=(GateResult("ruff", True, "could not run: it broke", ran=False),)), 0),
        (evaluation(tampering=(Flag("tampering", "a test was deleted", rule="test-deleted", path="t.py", line=3),)), 1),
        (evaluation(SuiteResult(limited=("t.py::a wants the network",))), 0),
        (evaluation(was_interrupted=True), 130),
    ],
)
def test_the_exit_status_follows_from_what_was_found(found: Evaluation, status: int) -> None:
    result = told(found)
    assert violations(result, SCHEMA) == []
    assert (result["exit_status"], result["passed"]) == (status, status == 0)


def test_flags_say_the_worst_first_and_where() -> None:
    suite = SuiteResult((RED,), flaky=("t.py::a",), limited=("t.py::b wants the network",))
    flags = told(evaluation(suite, tampering=(Flag("tampering", "a test was deleted", rule="test-deleted", path="t.py", line=3),)))["flags"]
    assert flags == [
        {"kind": "tampering", "message": "a test was deleted", "rule": "test-deleted", "path": "t.py", "line": 4},
        {"kind": "flaky", "message": "t.py::a failed and passed on the same text", "test": "t.py::a"},
        {"kind": "limited", "message": "t.py::b wants the network"},
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("passed",), "yes"),
        (("exit_status",), 2),
        (("tests", "passed"), -1),
        (("tests", "more"), 1),
        (("cases", 0, "outcome"), "green"),
        (("cases", 0, "seconds"), True),
        (("tools", "ruff"), 1),
        (("schema",), "refine-tui/eval/2"),
    ],
)
def test_the_schema_refuses_what_the_document_never_holds(path: tuple[Any, ...], value: object) -> None:
    found = told(evaluation(SuiteResult((RED,))))
    place: Any = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert len(violations(found, SCHEMA)) == 1
    del found["notes"]
    assert len(violations(found, SCHEMA)) == 2


def test_findings_become_a_sarif_log_with_a_run_for_each_tool() -> None:
    findings = (Finding("a b.py", 3, "`os` imported but unused", "F401", 7), Finding("ü.py", 0, "odd"))
    gates = (
        GateResult("ruff", False, "2 findings", findings),
        GateResult("mypy", True, "could not run: broken", kind="types", ran=False),
        GateResult("make check", False, "fails", findings, kind="command"),
    )
    tampering = (Flag("tampering", "skips test_a", rule="test-skipped", path="t.py", line=2),)
    found = replace(evaluation(gates=gates, tampering=tampering), tools={"ruff": "ruff 0.9.1"})
    log = json.loads(json.dumps(sarif(found)))
    assert log["version"] == "2.1.0"
    ruff, mypy, own = log["runs"]
    assert ruff["tool"]["driver"] == {"name": "ruff", "version": "0.9.1", "rules": [{"id": "F401"}, {"id": "ruff"}]}
    assert ruff["invocations"] == [{"executionSuccessful": True}]
    first, second = ruff["results"]
    assert (first["ruleId"], first["level"], first["message"]) == ("F401", "error", {"text": "`os` imported but unused"})
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a%20b.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 4, "startColumn": 8},
            }
        }
    ]
    assert second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "%C3%BC.py"
    assert first["partialFingerprints"] != second["partialFingerprints"]
    assert (mypy["results"], mypy["invocations"][0]["executionSuccessful"]) == ([], False)
    assert [(result["ruleId"], result["level"]) for result in own["results"]] == [("test-skipped", "warning")]


def test_a_finding_that_moves_keeps_its_fingerprint() -> None:
    logs = [sarif(evaluation(gates=(GateResult("ruff", False, "1", (Finding("a.py", line, "m", "F1"),)),))) for line in (1, 9)]
    prints = [log["runs"][0]["results"][0]["partialFingerprints"] for log in logs]
    assert prints[0] == prints[1]
