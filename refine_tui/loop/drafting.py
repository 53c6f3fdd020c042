"""The model proposer: asks for changes of the suspicious scopes and turns the answers into proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from refine_tui.core.patch import Edit
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.loop.events import TextStreamed
from refine_tui.loop.ports.thinking import Ask, Completion, Delta, Generator, Profile, Request, Sampling
from refine_tui.loop.ranking import WEIGHT, bounded
from refine_tui.loop.search import Base, scope_lines

DRAFT_PRIOR = -4.0
"""Log prior of a model's draft beside the operators' priors."""


@dataclass
class DraftCount:
    """How the model's answers fared; kept for the task's record."""

    answers: int = 0
    malformed: int = 0


def draft(
    ask: Ask,
    base: Base,
    generator: Generator,
    profile: Profile,
    *,
    count: int,
    seed: int,
    task_id: str,
    cancelled: Callable[[], bool],
    tally: DraftCount,
) -> Iterator[TextStreamed | Proposal]:
    """Ask for `count` changes of one scope; yields the text as it comes and a proposal for each answer that can be read."""
    request = Request(profile.prompt(ask), count, profile.max_tokens(ask), Sampling(temperature=0.9, seed=seed), profile.stop)
    for item in generator.complete(request, cancelled):
        if isinstance(item, Delta):
            yield TextStreamed(task_id, item.index, item.text)
            continue
        tally.answers += 1
        proposal = _proposal(item, ask, base, profile, seed) if item.reason == "stop" else None
        if proposal is None:
            tally.malformed += item.reason != "cancelled"
        else:
            yield proposal


def _proposal(item: Completion, ask: Ask, base: Base, profile: Profile, seed: int) -> Proposal | None:
    lines = profile.read(item.text, ask)
    if lines is None or tuple(lines) == ask.lines:
        return None
    patch = base.with_edits(ask.scope.path, (replace_scope(base.text(ask.scope.path), ask.scope, lines),))
    if patch.is_empty:
        return None
    changed = next((i for i, (a, b) in enumerate(zip(ask.lines, lines, strict=False)) if a != b), min(len(lines), len(ask.lines)) - 1)
    detail = (("seed", str(seed)), ("index", str(item.index)), ("tokens", str(item.tokens)))
    note = _note(ask.lines, lines)
    return Proposal(
        patch, "model", profile.name, note, ask.scope, ask.scope.first_line + changed, DRAFT_PRIOR + WEIGHT * bounded(item.logprob), detail
    )


def replace_scope(text: bytes, scope: Scope, lines: Sequence[str]) -> Edit:
    """Return the edit that puts `lines` in place of a scope. Lines that stay keep their line ends, new ones get the usual one."""
    start = text.rfind(b"\n", 0, scope.span.start) + 1
    old = text[start : scope.span.end]
    usual = b"\r\n" if old.count(b"\r\n") * 2 > old.count(b"\n") else b"\n"
    before, new = scope_lines(text, scope), [line.encode("utf-8", "surrogateescape") + usual for line in lines]
    raw = old.split(b"\n")
    for first, at, count in SequenceMatcher(None, before, lines, autojunk=False).get_matching_blocks():
        # The scope's last line ends outside of it.
        new[at : at + count] = [line + (b"\n" if first + n < len(raw) - 1 else usual) for n, line in enumerate(raw[first : first + count])]
    return Edit(start, old, b"".join(new).removesuffix(b"\n").removesuffix(b"\r"))


def _note(old: Sequence[str], new: Sequence[str]) -> str:
    added = [line.strip() for line in new if line not in old]
    removed = [line.strip() for line in old if line not in new]
    if added:
        return f"write `{added[0][:60]}`"
    return f"remove `{removed[0][:60]}`" if removed else "reorder lines"


def ask_of(base: Base, scope: Scope, **told: object) -> Ask:
    """Return the question about one scope of a base; `told` are further fields of `Ask`."""
    return Ask(scope=scope, lines=tuple(scope_lines(base.text(scope.path), scope)), **told)  # type: ignore[arg-type]
