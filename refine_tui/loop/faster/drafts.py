"""Versions of one function that a model writes: it is shown the best so far, and what was tried with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from refine_tui.core.proposal import Proposal
from refine_tui.core.task import Task
from refine_tui.core.text import SourceFile
from refine_tui.loop.drafting import DraftCount, Writer
from refine_tui.loop.events import TextStreamed
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.thinking import Ask, ModelInfo
from refine_tui.loop.search import Base, is_plain, scope_in, scope_lines
from refine_tui.loop.surroundings import surroundings

DRAFTS = 4
"""Versions that are asked for in one generation."""


def writer_for(task: Task, parts: Parts, info: ModelInfo | None, cancelled: Callable[[], bool]) -> Writer | None:
    """Return the loaded model as a writer of whole functions; `None` when there is none, or it only edits lines."""
    generator, profile = parts.generator, parts.profile(info) if info else None
    if generator is None or profile is None or info is None or not profile.converses:
        return None
    before, most = generator.usage().generated, task.budget.tokens
    spent = lambda: most is not None and generator.usage().generated - before >= most  # noqa: E731
    return Writer(generator, profile, parts.syntax, info.name, task.id, DraftCount(), cancelled, spent)


def drafted(task: Task, writer: Writer, base: Base, generation: int, tried: Sequence[str]) -> Iterator[TextStreamed | Proposal]:
    """Ask for versions of the task's function as it stands in `base`: the text as it comes, and a proposal for each that can be used.

    Raises:
        ModelError: the model cannot be asked or does not answer.
    """
    scope = task.scopes[0]
    now = scope_in(base, scope, writer.syntax)
    lines, original = scope_lines(base.text(scope.path), now) if now else [], scope_lines(base.tree[scope.path], scope)
    if now is None or not is_plain(lines) or not is_plain(original):
        return
    source = SourceFile(scope.path, base.tree[scope.path])
    around = surroundings(source, scope, writer.syntax.scopes(source))
    ask = Ask(task.goal, now, tuple(lines), tried=tuple(tried), note=task.note, original=tuple(original), around=around)
    yield from writer.draft(ask, base, "faster", count=DRAFTS, seed=task.seed + 1000 * generation)
