"""The machine half of a critique, and what the model adds once its citations hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from refine_tui.core.candidate import Candidate, rank
from refine_tui.core.critique import Critique, Effect, Hypothesis, Suspect
from refine_tui.core.evidence import Baseline, CaseResult
from refine_tui.core.task import Task
from refine_tui.core.text import SourceFile
from refine_tui.loop.drafting import DraftCount
from refine_tui.loop.planning import Suspects

SHOWN = 10
RULED_OUT = 12
"""Changes that a prompt and a critique name as tried."""
_LINES = re.compile(r"(?<![\w.])lines?\s+(\d+(?:\s*(?:,|-|and|to)\s*\d+)*)|[\w./-]+\.\w+:(\d+)", re.IGNORECASE)
_QUOTES = re.compile(r"`([^`]+)`")
_ERRORS = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Warning)\b")
_LISTED = re.compile(r"(?:`[^`]*`|[^,;`])+")
"""Items of a list; what is quoted may hold commas."""
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


def machine_critique(
    task: Task,
    round: int,
    baseline: Baseline,
    best: Candidate | None,
    suspects: Suspects,
    tree: Mapping[str, bytes],
    tried: Sequence[Candidate],
    tally: DraftCount,
) -> Critique:
    """Say what still fails, where to look, what the last patch changed for which test, and what has been tried."""
    cases = {**baseline.suite.by_id, **(best.suite.by_id if best else {})}
    failures = [cases[node] for node in task.targets if node in cases and cases[node].is_red]
    return Critique(
        round,
        tuple(failures[:SHOWN]),
        _to_look_at(suspects, tree)[:SHOWN],
        _effect(task, best),
        len(tried),
        effects=effects(baseline, _last(tried, round, best)),
        ruled_out=ruled_out(tried),
        unread=tally.unread_critiques,
        answers=tally.answers,
        malformed=tuple(tally.faults.most_common()),
    )


def _to_look_at(suspects: Suspects, tree: Mapping[str, bytes]) -> tuple[Suspect, ...]:
    """Return the suspicious lines that say something, the worst first; of equals, those in the likelier scope."""

    def order(place: tuple[str, int]) -> tuple[float, int]:
        path, line = place
        scopes = (i for i, scope in enumerate(suspects.scopes) if scope.path == path and scope.holds_line(line))
        return -suspects.lines[place], next(scopes, len(suspects.scopes))

    rows = (
        Suspect(path, line, suspects.lines[path, line], _line(tree, path, line))
        for path, line in sorted(suspects.lines, key=order)
        if path in tree
    )
    return tuple(row for row in rows if row.text)


def _line(tree: Mapping[str, bytes], path: str, line: int) -> str:
    source = SourceFile(path, tree[path])
    return source.line(line).decode("utf-8", "replace").strip() if line < len(source.line_starts) else ""


def _effect(task: Task, best: Candidate | None) -> str:
    if best is None:
        return "No candidate so far passes a test that failed before."
    fixed = len(set(best.delta.fixed) & set(task.targets))
    return f"{best.id} ({best.proposal.note}) passes {fixed} of {len(task.targets)} and breaks {len(best.delta.broken) or 'none'}."


def _last(tried: Sequence[Candidate], round: int, best: Candidate | None) -> Candidate | None:
    """Return the patch whose effect is worth telling: the best of all when it is of this round, else the best of this round."""
    mine = [candidate for candidate in tried if candidate.round == round]
    return best if best is not None and best.round == round else min(mine, key=rank, default=best)


def effects(baseline: Baseline, candidate: Candidate | None) -> tuple[Effect, ...]:
    """Return what a candidate changed for each test that it ran and that is or was red, what changed first."""
    if candidate is None:
        return ()
    found = [_one_effect(baseline.suite.by_id.get(case.node_id), case) for case in candidate.suite.cases]
    order = ("fixed", "broken", "other", "same")
    return tuple(sorted((one for one in found if one), key=lambda one: order.index(one.kind))[:SHOWN])


def _one_effect(before: CaseResult | None, after: CaseResult) -> Effect | None:
    was = _said(before) if before and before.is_red else ""
    now = _said(after) if after.is_red else ""
    if not was and not now:
        return None
    if was and now:
        # An address in memory is another one in each process.
        return Effect(after.node_id, "same" if _ADDRESS.sub("", was) == _ADDRESS.sub("", now) else "other", was, now)
    return Effect(after.node_id, "fixed" if was else "broken", was, now)


def _said(case: CaseResult) -> str:
    return "timed out" if case.timed_out else case.message or case.error or case.outcome


def ruled_out(tried: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the changes that did not help, in words and each once: those a model wrote before those of search, the latest last."""
    failed = [candidate for candidate in tried if candidate.verdict in ("same", "worse")]
    by_model = {c.proposal.note: None for c in failed if c.proposal.proposer == "model"}
    by_search = {f"line {c.proposal.line + 1}: {c.proposal.note}": None for c in failed if c.proposal.proposer != "model"}
    room = max(0, RULED_OUT - len(by_model))
    return (*list(by_search)[:room], *list(by_model)[-RULED_OUT:])


def checked(said: Hypothesis, lines: Mapping[int, str], failures: Sequence[CaseResult]) -> tuple[Hypothesis, int]:
    """Return what holds of a model's critique, and how many citations were struck; see `strike_out`."""
    cause, one = strike_out(said.cause, lines, failures)
    change, two = strike_out(said.change, lines, failures, new_code=True)
    cited = [strike_out(item, lines, failures) for item in _LISTED.findall(said.rests_on)]
    rests_on = ", ".join(item.strip() for item, _ in cited if item.strip())
    return Hypothesis(cause, rests_on, change), one + two + sum(struck for _, struck in cited)


def strike_out(text: str, lines: Mapping[int, str], failures: Sequence[CaseResult], *, new_code: bool = False) -> tuple[str, int]:
    """Return a model's words without the sentences that cite what does not exist, and how many were struck.

    A sentence is struck when it names a line that is not there, or an error or a quotation (in backquotes) that stands neither in the
    lines nor in what the tests printed.

    Args:
        text: the model's words.
        lines: 1-based number → text of the scope.
        failures: what the tests printed.
        new_code: the words suggest code, so that only the lines they name have to be there.
    """
    printed = "\n".join([*lines.values(), *(_printed(case) for case in failures)])
    known = {*lines, *(frame.line + 1 for case in failures for frame in case.frames)}
    kept, struck = [], 0
    for sentence in re.split(r"(?<=[.!?;])\s+", text.strip()):
        cited = [] if new_code else [*_QUOTES.findall(sentence), *_ERRORS.findall(sentence)]
        if any(number not in known for number in line_numbers(sentence)) or any(quote.strip() not in printed for quote in cited):
            struck += 1
        elif sentence:
            kept.append(sentence)
    return " ".join(kept), struck


def _printed(case: CaseResult) -> str:
    return "\n".join((case.message, case.details, case.error, *(case.values or ())))


def line_numbers(text: str) -> tuple[int, ...]:
    """Return the lines a text names, 1-based and in order: `line 3`, `lines 3, 5 and 7`, `lines 3-5` (its ends), `cart.py:3`."""
    return tuple(int(number) for match in _LINES.finditer(text) for number in re.findall(r"\d+", match[1] or match[2]))


def cited_lines(text: str, lines: Mapping[int, str]) -> tuple[int, ...]:
    """Return the 1-based lines that a text names or quotes, in order and each once."""
    quoted = [quote.strip() for quote in _QUOTES.findall(text)]
    found = [number for quote in quoted for number, line in lines.items() if quote and quote in line]
    return tuple(dict.fromkeys([*(number for number in line_numbers(text) if number in lines), *found]))


def in_words(critique: Critique) -> str:
    """Return a critique as the text a prompt carries; what fails and what was tried are parts of their own there."""
    rows = [critique.effect, *(_effect_in_words(one) for one in critique.effects if one.kind != "same")]
    for label, text in (("Cause", critique.hypothesis), ("It rests on", critique.rests_on), ("Suggested change", critique.change)):
        if text:
            rows.append(f"{label}: {text}")
    return "\n".join(rows)


def _effect_in_words(effect: Effect) -> str:
    name = effect.node_id.rsplit("::", 1)[-1]
    if effect.kind == "fixed":
        return f"- {name} passes with it; it failed with {effect.before}"
    if effect.kind == "broken":
        return f"- {name} fails with it: {effect.after}"
    return f"- {name} fails as before, but says {effect.after} where it said {effect.before}"
