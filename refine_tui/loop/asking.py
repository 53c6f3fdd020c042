"""Talking with the model about one task: drafts of scopes, and why the tests fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from refine_tui.core.critique import Critique
from refine_tui.core.errors import ModelError
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.loop import events
from refine_tui.loop.critiquing import in_words, machine_critique, strike_out
from refine_tui.loop.drafting import ask_of, draft
from refine_tui.loop.ports.thinking import Ask, Completion, Generator, Profile, Request, Sampling
from refine_tui.loop.run import Run
from refine_tui.loop.search import Base, is_plain, scope_in

DRAFTS = 16
DRAFTED_SCOPES = 3


def drafts(run: Run, base: Base, into: list[Proposal]) -> Iterator[events.Event]:
    """Ask the model for changes of the most suspicious scopes; proposals go `into` the list, what it writes is told."""
    profile, is_over = run.tools.profile, run.half_time()
    for scope in run.suspects.scopes[:DRAFTED_SCOPES]:
        generator, ask = run.generator, _ask(run, base, scope)
        if ask is None or generator is None or profile is None or is_over():
            continue
        count, seed = run.task.budget.candidates or DRAFTS, run.task.seed + 1000 * run.round + len(into)
        told = draft(ask, base, generator, profile, count=count, seed=seed, task_id=run.task.id, cancelled=is_over, tally=run.tally)
        try:
            for item in told:
                if isinstance(item, Proposal):
                    into.append(item)
                else:
                    yield item
        except ModelError as error:
            run.model_failed(scope, error)
        yield from run.failures_to_tell()


def _ask(run: Run, base: Base, scope: Scope) -> Ask | None:
    """Return the question about a scope as it stands in `base`, or `None` when it is not there or not text."""
    now = scope_in(base, scope, run.tools.syntax)
    if now is None or now.kind == "module" or now.last_line - now.first_line > 120:
        return None
    lines = sorted(
        (line for path, line in run.suspects.lines if path == scope.path and now.holds_line(line)),
        key=lambda n: -run.suspects.lines[scope.path, n],
    )
    ask = ask_of(
        base,
        now,
        goal=run.task.goal,
        failures=run.critique.failures if run.critique else criticise(run).failures,
        suspects=tuple(line - now.first_line for line in lines),
        tried=tuple(candidate.proposal.note for candidate in run.tried[-20:]),
        critique=in_words(run.critique) if run.critique else "",
        note=run.task.note,
    )
    return ask if is_plain(ask.lines) else None


def criticise(run: Run) -> Critique:
    """Return the machine half of a critique of the best state so far."""
    return machine_critique(run.task, run.round, run.judge.baseline, run.best, run.suspects, run.tree, len(run.tried))


def criticised(run: Run) -> Iterator[events.Event]:
    """Add the model's hypothesis where the model can write one, its citations checked, and tell the critique."""
    tools, critique = run.tools, run.critique
    if critique is None:
        return
    if run.generator and tools.profile and run.suspects.scopes and not run.spent():
        try:
            yield from _hypothesised(run, critique, run.generator, tools.profile)
        except ModelError as error:
            run.model_failed(run.suspects.scopes[0], error)
        yield from run.failures_to_tell()
        critique = run.critique or critique
    yield events.CritiqueReady(run.task.id, critique)


def _hypothesised(run: Run, critique: Critique, generator: Generator, profile: Profile) -> Iterator[events.Event]:
    """Ask the model why the tests fail, and keep what of its answer holds."""
    patch = run.best.proposal.patch if run.best else Patch()
    ask = _ask(run, Base(run.tree, patch), run.suspects.scopes[0])
    prompt = profile.critique_prompt(ask) if ask else ""
    if ask is None or not prompt:
        return
    text = ""
    for item in generator.complete(Request(prompt, 1, 200, Sampling(temperature=0.0, seed=run.task.seed), profile.stop), run.half_time()):
        if isinstance(item, Completion):
            text = item.text
        else:
            yield events.TextStreamed(run.task.id, item.index, item.text)
    shown = {ask.scope.first_line + n + 1: line for n, line in enumerate(ask.lines)}
    hypothesis, struck = strike_out(text, shown, critique.failures)
    run.critique = replace(critique, hypothesis=hypothesis, struck=struck)
