"""What a model answered, read strictly: exactly the form that was asked for, or the fault in words. The loop counts the faults."""

from __future__ import annotations

import re
from collections.abc import Sequence

from refine_tui.core.critique import Hypothesis
from refine_tui.loop.ports.thinking import Fault
from refine_tui.prompting.line_edit import dedent, first_indent

LABELS = ("CAUSE", "LINES", "CHANGE")
_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_LABELLED = re.compile(rf"^[*\s]*({'|'.join(LABELS)})[*]*:[*]*[ \t]*(.*)$", re.MULTILINE)
_LEFT_OUT = re.compile(r"\s*(#|//|/\*|--)?\s*(\.\.\.|…)")


def without_thoughts(answer: str) -> str | Fault:
    """Return an answer without the thinking before it."""
    rest = _THOUGHTS.sub("", answer, count=1) if answer.lstrip().startswith("<think>") else answer
    return Fault("it ended while still thinking") if rest.lstrip().startswith("<think>") else rest


def read_block(answer: str, scope: Sequence[str]) -> list[str] | Fault:
    """Return the lines of the one fenced block, indented like the scope; its closing fence may be missing at the very end."""
    text = without_thoughts(answer)
    if isinstance(text, Fault):
        return text
    rows = text.rstrip().split("\n")
    fences = [at for at, row in enumerate(rows) if row.startswith("```")]
    if not fences:
        return Fault("it has no fenced block")
    if len(fences) > 2 or (len(fences) == 2 and rows[fences[1]].rstrip() != "```"):
        return Fault(f"it has {(len(fences) + 1) // 2} fenced blocks where there must be one")
    block = [row.removesuffix("\r") for row in rows[fences[0] + 1 : fences[1] if len(fences) == 2 else None]]
    while block and not block[-1].strip():
        block.pop()
    if not block:
        return Fault("its block is empty")
    left_out = next((row.strip() for row in block if _LEFT_OUT.match(row) and row.strip() != "..." and row not in scope), "")
    return Fault(f"it leaves code out at `{left_out[:60]}`") if left_out else indented_like(block, scope)


def begun_block(answer: str, scope: Sequence[str]) -> list[str] | Fault:
    """Return the lines of a block that is still being written, none before it begins; or what is wrong with the answer already."""
    whole = answer.rpartition("\n")[0]
    text = without_thoughts(whole)
    rows = [] if isinstance(text, Fault) else text.split("\n")
    fences = [at for at, row in enumerate(rows) if row.startswith("```")]
    has_code = bool(fences) and any(row.strip() for row in rows[fences[0] + 1 :])
    return read_block("\n".join(rows), scope) if has_code else []


def indented_like(lines: list[str], scope: Sequence[str]) -> list[str]:
    """Shift lines so that the first stands where the scope's first line stands."""
    have, want = first_indent(lines), first_indent(scope)
    if have == want:
        return lines
    return [want + line if line.strip() else "" for line in dedent(lines, have)]


def read_labelled(answer: str) -> Hypothesis | Fault:
    """Return what the three labelled lines say; each must be there once, in order, and say something."""
    text = without_thoughts(answer)
    if isinstance(text, Fault):
        return text
    found = _LABELLED.findall(text)
    labels = [label for label, _ in found]
    for label in LABELS:
        if labels.count(label) != 1:
            return Fault(f"it has {labels.count(label) or 'no'} lines that begin with `{label}:` where there must be one")
    cause, rests_on, change = (said.strip() for _, said in found)
    if tuple(labels) != LABELS or not (cause and rests_on and change):
        return Fault("its three lines are not CAUSE, LINES, CHANGE in this order, each with words after it")
    return Hypothesis(cause, rests_on, change)
