"""Findings in the form that code review tools read: SARIF 2.1.0, one run for each tool."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from refine_tui import __version__
from refine_tui.cli.eval_document import Evaluation
from refine_tui.core.evidence import Finding, Flag, GateResult


def sarif(found: Evaluation) -> dict[str, Any]:
    """Return lint and type findings, and what looks like tampering, as one SARIF log."""
    runs = [_of_gate(gate, found.tools.get(gate.name, "")) for gate in found.gates if gate.kind != "command"]
    return {"version": "2.1.0", "runs": [*runs, _of_flags([flag for flag in found.flags if flag.kind == "tampering"])]}


def _of_gate(gate: GateResult, version: str) -> dict[str, Any]:
    invocation: dict[str, Any] = {"executionSuccessful": gate.ran}
    if not gate.ran:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": gate.summary}}]
    return _run(gate.name, version, gate.findings, "error") | {"invocations": [invocation]}


def _of_flags(flags: Iterable[Flag]) -> dict[str, Any]:
    return _run("refine-tui", __version__, [Finding(flag.path, flag.line, flag.message, flag.rule) for flag in flags], "warning")


def _run(name: str, version: str, findings: Iterable[Finding], level: str) -> dict[str, Any]:
    findings = list(findings)
    driver: dict[str, Any] = {"name": name, "rules": [{"id": rule} for rule in sorted({_rule(finding, name) for finding in findings})]}
    if version:
        driver["version"] = version.removeprefix(f"{name} ")
    return {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": [_result(one, name, level) for one in findings]}


def _rule(finding: Finding, tool: str) -> str:
    return finding.rule or tool


def _result(finding: Finding, tool: str, level: str) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(finding.path, safe="/"), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": finding.line + 1, "startColumn": finding.column + 1},
    }
    return {
        "ruleId": _rule(finding, tool),
        "level": level,
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place}],
        # By what stays when lines move, so that a reader can tell an old finding from a new one.
        "partialFingerprints": {"refineTui/v1": hashlib.sha256("\0".join(finding.identity).encode("utf-8", "replace")).hexdigest()[:32]},
    }
