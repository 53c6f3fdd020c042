"""The machine half of a critique, and what the model adds once its citations hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

from refine_tui.core.candidate import Candidate
from refine_tui.core.critique import Critique, Suspect
from refine_tui.core.evidence import Baseline, CaseResult
from refine_tui.core.task import Task
from refine_tui.core.text import SourceFile
from refine_tui.loop.planning import Suspects

SHOWN = 10


def machine_critique(
    task: Task, round: int, baseline: Baseline, best: Candidate | None, suspects: Suspects, tree: Mapping[str, bytes], tried: int
) -> Critique:
    """Say what still fails, where to look, and what the best patch so far changed for which test."""
    cases = {**baseline.suite.by_id, **(best.suite.by_id if best else {})}
    failures = [cases[node] for node in task.targets if node in cases and cases[node].is_red]
    ranked = sorted(suspects.lines.items(), key=lambda row: -row[1])[:SHOWN]
    lines = tuple(Suspect(path, line, score, _line(tree, path, line)) for (path, line), score in ranked if path in tree)
    return Critique(round, tuple(failures[:SHOWN]), lines, _effect(task, best), tried)


def _line(tree: Mapping[str, bytes], path: str, line: int) -> str:
    source = SourceFile(path, tree[path])
    return source.line(line).decode("utf-8", "replace").strip() if line < len(source.line_starts) else ""


def _effect(task: Task, best: Candidate | None) -> str:
    if best is None:
        return "No candidate so far passes a test that failed before."
    fixed = len(set(best.delta.fixed) & set(task.targets))
    return f"{best.id} ({best.proposal.note}) passes {fixed} of {len(task.targets)} and breaks {len(best.delta.broken) or 'none'}."


def strike_out(text: str, lines: Mapping[int, str], failures: tuple[CaseResult, ...]) -> tuple[str, int]:
    """Return a model's hypothesis without the sentences that cite what does not exist, and how many were struck.

    `lines` maps the 1-based numbers the model was shown to their text. A sentence is struck when it names a line that was not
    shown, or quotes, in backquotes, text that stands neither in the lines nor in an error that was printed.
    """
    printed = "\n".join([*lines.values(), *(case.message + "\n" + case.details for case in failures)])
    kept, struck = [], 0
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()):
        numbers = [int(n) for n in re.findall(r"\bline (\d+)", sentence)]
        quotes = re.findall(r"`([^`]+)`", sentence)
        if any(number not in lines for number in numbers) or any(quote not in printed for quote in quotes):
            struck += 1
        elif sentence:
            kept.append(sentence)
    return " ".join(kept), struck


def in_words(critique: Critique) -> str:
    """Return a critique as the text a prompt carries."""
    parts = [critique.effect]
    parts += [f"{case.node_id.rsplit('::', 1)[-1]}: {case.message}" for case in critique.failures[:3]]
    if critique.hypothesis:
        parts.append(critique.hypothesis)
    return "\n".join(parts)
