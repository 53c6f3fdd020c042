"""The loop at work, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from refine_tui.core.amounts import counted
from refine_tui.core.candidate import Candidate
from refine_tui.core.critique import Critique
from refine_tui.core.task import Task
from refine_tui.loop.events import Progress
from refine_tui.loop.ports.thinking import Usage
from refine_tui.loop.session.state import State
from refine_tui.ui.live import STEPS, Live
from refine_tui.ui.paint.evidence import short_test
from refine_tui.ui.paint.ink import block, ink

_VERDICTS = {
    "solved": ("ok  solved  ", "bold $success"),
    "improved": ("+   improved", "$success"),
    "same": ("=   same    ", "$diff-number"),
    "worse": ("-   worse   ", "$error"),
}


def paint_goal(live: Live, state: State) -> list[Content]:
    """Paint goal, scope, steps, counters and what ends the task."""
    task = live.task
    if task is None:
        waiting = sum(item.status == "waiting" for item in state.queue)
        return [
            ink(
                (" The loop is not running. ", "bold"),
                f"{counted(waiting, 'task')} {'waits' if waiting == 1 else 'wait'}." if waiting else "No task waits.",
            )
        ]
    scope = task.scopes[0].label if task.scopes else "where the failing tests lead"
    more = f" and {len(task.scopes) - 1} more" if len(task.scopes) > 1 else ""
    return [
        ink((" Goal   ", "bold"), f"{task.id} {task.goal}"),
        ink((" Scope  ", "bold"), f"{scope}{more}"),
        _steps(live),
        _counters(live, state),
        _budget(task, live, state),
        _best(live),
    ]


def _steps(live: Live) -> Content:
    parts: list[str | tuple[str, str]] = [" "]
    for step in STEPS:
        if step != STEPS[0]:
            parts.append((" -> ", "$diff-number"))
        parts.append((f"[{step}]", "bold $accent") if step == live.step else (step, "$diff-number"))
    return ink(*parts)


def _counters(live: Live, state: State) -> Content:
    progress = live.progress or Progress("", live.round, live.judged, live.judged, 0.0, None, 0, state.usage)
    rate = f", {progress.executions / progress.seconds:.1f} a second" if progress.seconds >= 1 else ""
    candidates = max(progress.candidates, live.judged)
    return ink(
        (" Round  ", "bold"), f"{progress.round or 1}   {counted(candidates, 'candidate')}   {counted(progress.executions, 'run')}{rate}"
    )


def _budget(task: Task, live: Live, state: State) -> Content:
    tokens = _tokens(live.progress.usage if live.progress else state.usage)
    end = live.finished
    if end is not None and end.task_id == task.id:
        why = f": {end.reason.value}" if end.reason.value != end.outcome else ""
        return ink((" Ended  ", "bold"), f"{end.outcome}{why}, after {end.seconds:.0f} s{tokens}")
    budget = task.budget
    used = f"{live.progress.seconds:.0f} s used" if live.progress else "just begun"
    seconds = f"{budget.seconds:.0f} s" if budget.seconds else "no time limit"
    return ink((" Budget ", "bold"), f"{budget.rounds} rounds, {seconds}; {used}{tokens}")


def _tokens(usage: Usage) -> str:
    if not usage.prompt:
        return ""
    told = {name: "?" if name in usage.unknown else getattr(usage, name) for name in ("generated", "reused", "prompt")}
    return f"   tokens {told['generated']} written, {told['reused']} of {told['prompt']} reused"


def _best(live: Live) -> Content:
    if live.best is None:
        return ink((" Best   ", "bold"), "your tree as it is")
    delta = live.best.delta
    return ink((" Best   ", "bold"), f"{live.best.id} {live.best.proposal.note}: {len(delta.fixed)} fixed, {len(delta.broken)} broken")


def paint_candidates(live: Live) -> list[Content]:
    """Paint the recent candidates, oldest first."""
    if not live.recent:
        return [ink(("No candidate was run yet.", "$diff-number"))]
    return [_candidate(candidate) for candidate in live.recent]


def _candidate(candidate: Candidate) -> Content:
    proposal, delta = candidate.proposal, candidate.delta
    effect = " ".join(
        f"{sign}{len(nodes)} {word}" for sign, nodes, word in (("+", delta.fixed, "fixed"), ("-", delta.broken, "broken")) if nodes
    )
    return ink(
        f"{candidate.id:<5}",
        _VERDICTS[candidate.verdict],
        (f"  {proposal.proposer:<7}", "$diff-number"),
        f" L{proposal.line + 1} {proposal.note}",
        (f"  {effect}" if effect else "", "bold"),
    )


def paint_critique(critique: Critique | None, *, ended: bool = False) -> list[Content]:
    """Paint what still fails, where it is suspected and what was ruled out; a task that has `ended` waits for none."""
    if critique is None:
        said = "The task ended without a critique." if ended else "No critique yet: it follows the first round."
        return [ink((said, "$diff-number"))]
    return list(_critique(critique))


def _critique(critique: Critique) -> Iterator[Content]:
    yield ink((f"Round {critique.round}. ", "bold"), critique.effect)
    for case in critique.failures:
        yield ink(("FAIL ", "bold $error"), f"{short_test(case.node_id)}  ", (case.message or case.error, "$error"))
    for one in critique.effects:
        if one.kind == "other":
            yield ink("  now ", f"{short_test(one.node_id)}  ", (one.after, "$error"), (f"  before {one.before}", "$diff-number"))
    if critique.hypothesis or critique.change:
        rests_on = f" ({critique.rests_on})" if critique.rests_on else ""
        yield block(f"Model: {critique.hypothesis}{rests_on} {critique.change}".rstrip())
    if critique.unread:
        yield ink(("! ", "bold $warning"), f"{critique.unread} critiques of the model could not be read")
    if critique.malformed:
        faults = ", ".join(f"{count} times {fault}" for fault, count in critique.malformed)
        yield ink(("! ", "bold $warning"), f"of {critique.answers} answers some could not be used: {faults}")
    if critique.struck:
        yield ink(("! ", "bold $warning"), f"{critique.struck} citations of the model were struck: they name nothing that exists")
    for suspect in critique.suspects[:8]:
        place = f"{suspect.path}:{suspect.line + 1}  "
        yield ink((f"{suspect.score:.2f} ", "$diff-number"), place, (suspect.text.strip(), "$syntax-string"))
    yield ink((f"{counted(critique.tried, 'candidate')} ruled out", "$diff-number"))


def paint_stream(live: Live, state: State) -> list[Content]:
    """Paint the end of what the model wrote in this round."""
    if live.text:
        return [ink(line) for line in live.text.split("\n")]
    if state.model is None:
        reason = state.model_reason.rstrip(".")
        said = f"No model: {reason}. Search goes on without it." if reason else "The model is loaded with the first task."
        return [ink((said, "$diff-number"))]
    said = "The model wrote nothing in the last round." if live.finished else "The model writes here when it is its turn."
    return [ink((said, "$diff-number"))]
