"""The note a person can act on when a task was not solved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from refine_tui.core.candidate import Candidate
from refine_tui.core.critique import Critique
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.core.unified import unified


def handoff_note(
    task: Task,
    reason: StopReason,
    critique: Critique,
    best: Candidate | None,
    tried: Sequence[Candidate],
    tree: Mapping[str, bytes],
) -> str:
    """Return Markdown: what fails, the best state, what was tried and is ruled out, what to try next."""
    return "\n".join(
        [
            f"### Not solved: {task.goal}",
            "",
            f"Stopped: {reason.value}.",
            "",
            *_failing(critique),
            *_best(task, best, tree),
            *_tried(tried),
            *_next(critique, best),
        ]
    )


def _failing(critique: Critique) -> list[str]:
    rows = ["**Still failing**", ""]
    for case in critique.failures:
        rows.append(f"- `{case.node_id}`: {case.message or case.outcome}")
        if case.frames:
            frame = case.frames[-1]
            rows.append(f"  - at `{frame.path}:{frame.line + 1}` in `{frame.function}`")
    return [*rows, ""]


def _best(task: Task, best: Candidate | None, tree: Mapping[str, bytes]) -> list[str]:
    if best is None:
        return ["**Best state**", "", "Your tree as it is: no candidate passed a failing test without breaking another.", ""]
    fixed = len(set(best.delta.fixed) & set(task.targets))
    diff = unified(best.proposal.patch, tree).decode("utf-8", "replace").rstrip()
    return ["**Best state**", "", f"{best.id} passes {fixed} of {len(task.targets)} targets:", "", "```diff", diff, "```", ""]


def _tried(tried: Sequence[Candidate]) -> list[str]:
    by_verdict = Counter(candidate.verdict for candidate in tried)
    by_scope = Counter(candidate.proposal.scope.label for candidate in tried)
    words = ", ".join(f"{count} {verdict}" for verdict, count in by_verdict.most_common())
    rows = ["**Tried and ruled out**", "", f"{len(tried)} candidates were run ({words or 'none'}):"]
    rows += [f"- {count} in `{scope}`" for scope, count in by_scope.most_common(5)]
    if by_verdict.get("same", 0) + by_verdict.get("worse", 0) > 50:
        rows.append("- so a single small edit of an expression or statement there is unlikely to be enough")
    return [*rows, ""]


def _next(critique: Critique, best: Candidate | None) -> list[str]:
    rows = ["**Try next**", ""]
    if critique.suspects:
        first = critique.suspects[0]
        rows.append(f"- Look at `{first.path}:{first.line + 1}`: `{first.text}` (most suspicious line, {first.score:.2f}).")
    values = next((case.values for case in critique.failures if case.values), None)
    if values:
        rows.append(f"- The test compares `{values[0][:80]}` with `{values[1][:80]}`: which step makes the first one?")
    if critique.hypothesis or critique.change:
        rows.append(f"- The model believes: {critique.hypothesis} {critique.change}".rstrip())
    if best is not None:
        rows.append("- Accept the best state as a start, or state a goal in words with the missing rule.")
    else:
        rows.append("- The logic may be missing rather than wrong: write the missing case, or state it as a goal for a larger model.")
    return rows
