"""What `refine-tui eval --json` prints: one document to a published schema."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from refine_tui import __version__
from refine_tui.core.evidence import Baseline, CaseResult, Flag, GateResult
from refine_tui.core.isolation import Level
from refine_tui.core.mutants import Weight

SCHEMA = "refine-tui/eval/1"


def schema_text() -> str:
    """Return the JSON schema of the document."""
    return (files("refine_tui") / "_data" / "schemas" / "eval-1.json").read_text("utf-8")


@dataclass(frozen=True)
class Evaluation:
    """Everything that one evaluation found."""

    baseline: Baseline
    gates: tuple[GateResult, ...]
    flags: tuple[Flag, ...]
    tools: dict[str, str]
    notes: tuple[str, ...]
    total_s: float
    gates_s: float = 0.0
    was_interrupted: bool = False
    against: str = ""
    weight: Weight | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the tree."""
        tampered = any(flag.kind == "tampering" for flag in self.flags)
        return self.baseline.suite.is_green and all(gate.ok for gate in self.gates) and not tampered and not self.was_interrupted

    @property
    def exit_status(self) -> int:
        """The status of the process."""
        return 130 if self.was_interrupted else 0 if self.passed else 1


def document(found: Evaluation, level: Level) -> dict[str, Any]:
    """Return the document."""
    suite = found.baseline.suite
    weighed = {"mutants": found.weight.as_json()} if found.weight else {}
    return {
        "schema": SCHEMA,
        "passed": found.passed,
        "exit_status": found.exit_status,
        "against": found.against,
        "tests": {
            **suite.counts.as_json(),
            "flaky": len(suite.flaky),
            "total": suite.counts.total,
            "complete": suite.complete,
            "stopped": suite.stopped,
        },
        "cases": [_case(case, suite.flaky) for case in suite.cases],
        "gates": [_gate(gate) for gate in found.gates],
        "flags": [_flag(flag) for flag in found.flags],
        "sandbox": level.value,
        "tools": {"refine-tui": __version__, **found.tools},
        "timings": {"tests_s": _seconds(suite.duration_s), "gates_s": _seconds(found.gates_s), "total_s": _seconds(found.total_s)},
        "notes": list(found.notes),
        **weighed,
    }


def flags_of(baseline: Baseline, tampering: Iterable[Flag]) -> tuple[Flag, ...]:
    """Return what is to be said beside passed and failed, the worst first."""
    flaky = (Flag("flaky", f"{node} failed and passed on the same text", test=node) for node in baseline.suite.flaky)
    limited = (Flag("limited", sentence) for sentence in baseline.suite.limited)
    return (*tampering, *flaky, *limited)


def _seconds(seconds: float) -> float:
    return round(max(0.0, seconds), 4)


def _case(case: CaseResult, flaky: tuple[str, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {"id": case.node_id, "outcome": case.outcome, "seconds": _seconds(case.duration_s)}
    if case.node_id in flaky:
        told["flaky"] = True
    if case.is_red:
        told |= {"message": case.message, "error": case.error, "timed_out": case.timed_out}
        told["frames"] = [{"path": f.path, "line": f.line + 1, "function": f.function} for f in case.frames]
    return told


def _gate(gate: GateResult) -> dict[str, Any]:
    findings = [{"path": f.path, "line": f.line + 1, "column": f.column + 1, "rule": f.rule, "message": f.message} for f in gate.findings]
    told = {"name": gate.name, "kind": gate.kind, "ok": gate.ok, "ran": gate.ran, "summary": gate.summary}
    return {**told, "findings": findings, "seconds": _seconds(gate.seconds)}


def _flag(flag: Flag) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": flag.kind, "message": flag.message}
    told |= {name: value for name in ("test", "rule", "path") if (value := getattr(flag, name))}
    return told | ({"line": flag.line + 1} if flag.path else {})
