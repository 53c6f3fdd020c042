"""Events as JSON rows and as lines for people."""

from __future__ import annotations

from typing import Any

from refine_tui.core.amounts import counted
from refine_tui.core.candidate import Candidate
from refine_tui.core.critique import Critique
from refine_tui.core.intervals import rounded
from refine_tui.core.proposal import Proposal
from refine_tui.core.sanitize import visible
from refine_tui.loop import events
from refine_tui.loop.faster.optimising import Weighed


def row(event: events.Event, time_s: float) -> dict[str, Any] | None:
    """Return the JSON object of an event, or `None` for one that only a screen needs."""
    told = _told(event)
    return None if told is None else {"event": told[0], "time_s": round(time_s, 3), **told[1]}


def _told(event: events.Event) -> tuple[str, dict[str, Any]] | None:
    match event:
        case events.SurveyStarted(limit_s):
            return "survey_started", {"limit_s": limit_s}
        case events.SurveyFinished(baseline, tasks, level):
            planned = [{"id": t.id, "goal": t.goal, "targets": list(t.targets), "scopes": [s.label for s in t.scopes]} for t in tasks]
            told = {"counts": baseline.suite.counts.as_json(), "warm": baseline.warm, "cold_reason": baseline.cold_reason}
            told["tracing"] = None if baseline.tracing is None else round(baseline.tracing, 2)
            return "survey_finished", {**told, "sandbox": level.value, "tasks": planned, "notes": list(baseline.notes)}
        case events.ModelReady(info, reason):
            return "model_ready", {"model": info.name if info else "none", "device": info.device if info else "", "reason": reason}
        case events.TaskStarted(task):
            return "task_started", {"task": task.id, "goal": task.goal}
        case events.PlanReady(task_id, text, struck):
            return "plan", {"task": task_id, "text": text, "struck": struck}
        case events.RoundStarted(task_id, number, best, proposals):
            return "round_started", {"task": task_id, "round": number, "best": best, "proposals": proposals}
        case events.CandidateJudged(task_id, candidate):
            return "candidate", {"task": task_id, **_candidate(candidate)}
        case events.Improved(task_id, candidate):
            return "improved", {"task": task_id, **_candidate(candidate)}
        case events.CritiqueReady(task_id, critique):
            suspects = [{"path": s.path, "line": s.line + 1, "score": round(s.score, 3)} for s in critique.suspects]
            failing = [case.node_id for case in critique.failures]
            return "critique", {"task": task_id, **_critique(critique), "suspects": suspects, "failing": failing}
        case Weighed():
            told = {"id": event.id, "generation": event.generation, "parent": event.parent, "verdict": event.verdict}
            ratio = None if event.ratio is None else rounded(event.ratio)
            return "weighed", {"task": "t1", **told, "ratio": ratio, "reason": event.reason, **_made(event.proposal)}
        case events.TaskFinished():
            told = {"outcome": event.outcome, "reason": event.reason.value, "best": event.best.id if event.best else ""}
            counts = {"rounds": event.rounds, "candidates": event.candidates, "executions": event.executions}
            counts |= {"answers": event.answers, "malformed": event.malformed}
            return "task_finished", {"task": event.task_id, **told, **counts, "seconds": round(event.seconds, 3)}
        case events.Notice(text, severity):
            return "notice", {"text": text, "severity": severity}
    return None


def _critique(critique: Critique) -> dict[str, Any]:
    return {
        "round": critique.round,
        "effect": critique.effect,
        "effects": [{"test": one.node_id, "kind": one.kind, "before": one.before, "after": one.after} for one in critique.effects],
        "ruled_out": list(critique.ruled_out),
        "hypothesis": critique.hypothesis,
        "rests_on": critique.rests_on,
        "change": critique.change,
        "struck": critique.struck,
        "unread": critique.unread,
        "answers": critique.answers,
        "malformed": dict(critique.malformed),
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    proposal = candidate.proposal
    return {
        "id": candidate.id,
        "round": candidate.round,
        **_made(proposal),
        "verdict": candidate.verdict,
        "fixed": list(candidate.delta.fixed),
        "broken": list(candidate.delta.broken),
        "confirmed": candidate.confirmed,
        "provenance": dict(proposal.detail),
    }


def _made(proposal: Proposal) -> dict[str, Any]:
    return {
        "proposer": proposal.proposer,
        "operator": proposal.operator,
        "note": proposal.note,
        "scope": proposal.scope.label,
        "line": proposal.line + 1,
    }


def line(event: events.Event) -> str | None:
    """Return one line for a person, or `None` when the event is not worth one."""
    text = _line(event)
    return None if text is None else visible(text)


def _line(event: events.Event) -> str | None:
    match event:
        case events.SurveyFinished(baseline, tasks, level):
            counts = baseline.suite.counts
            how = "warm" if baseline.warm else f"cold: {baseline.cold_reason}"
            how += f"; watching lines takes {baseline.tracing:.1f} x" if baseline.tracing else ""
            told = f"{counts.passed} passed, {counts.failed} failed, {counted(counts.errors, 'error')}"
            return f"tests    {told}; {counted(len(tasks), 'task')}; {level.value}, {how}"
        case events.ModelReady(info, reason):
            return f"model    {info.name} on {info.device}" if info else f"model    none: {reason}"
        case events.TaskStarted(task):
            return f"task     {task.id} {task.goal}"
        case events.PlanReady(_, text, _) if text:
            return f"  plan     {text}"
        case events.Improved(_, candidate):
            proposal = candidate.proposal
            proof = f"{'verified' if candidate.verdict == 'solved' else candidate.verdict}, {len(candidate.delta.fixed_tests)} fixed"
            return f"  {candidate.id:7} {proposal.scope.label}:{proposal.line + 1} {proposal.note} ({proof})"
        case Weighed(id, proposal, _, _, verdict, ratio):
            cost = "" if ratio is None else f", about {rounded(1 / ratio):g} times as fast"
            return f"  {id:7} {proposal.scope.label}:{proposal.line + 1} {proposal.note} ({verdict}{cost})"
        case events.CritiqueReady(_, critique):
            return f"  critique {critique.effect} {critique.hypothesis} {critique.change}".rstrip()
        case events.TaskFinished():
            told = f"{counted(event.candidates, 'candidate')}, {counted(event.executions, 'run')}"
            return f"  {event.outcome}: {event.reason.value}, {told}, {event.seconds:.1f} s"
        case events.Notice(text, _):
            return f"note     {text}"
    return None
