"""Talking with the model about one task: how to go about it, drafts of scopes, and why the tests fail."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from refine_tui.core.critique import Critique, Hypothesis
from refine_tui.core.errors import ModelError
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop import events
from refine_tui.loop.critiquing import checked, cited_lines, in_words, machine_critique, strike_out
from refine_tui.loop.drafting import TEMPERATURE, Writer
from refine_tui.loop.ports.thinking import Ask, Completion, Fault, Prompt, Request, Sampling, Step
from refine_tui.loop.run import Run
from refine_tui.loop.search import Base, is_plain, scope_in, scope_lines
from refine_tui.loop.streams import Trial
from refine_tui.loop.surroundings import surroundings

DRAFTS = 16
DRAFTED_SCOPES = 3
LONGEST_SCOPE = 120
"""Lines; a longer scope is not shown to a model."""
BOLDER = 1.1
"""Temperature of the second look: the usual one has said what it has to say."""


def drafts(run: Run, base: Base) -> Iterator[events.Event | list[Proposal]]:
    """Ask the model for changes of the most suspicious scopes: what it writes is told, and after each scope come its proposals.

    Whoever runs the proposals of one scope before the next is asked about saves the asking when one of them is right. A second look
    begins with a plan, forgets critique and candidate, and takes in twice as many scopes.
    """
    yield from _planned(run)
    written = 0
    for scope in run.suspects.scopes[: DRAFTED_SCOPES * (2 if run.looks_again else 1)]:
        writer, ask = _writer(run), _ask(run, base, scope)
        if ask is None or writer is None or writer.cancelled():
            continue
        found: list[Proposal] = []
        count, seed = run.task.budget.candidates or DRAFTS, run.task.seed + 1000 * run.round + written
        try:
            for item in writer.draft(ask, base, "refine" if ask.critique else "propose", count=count, seed=seed):
                if isinstance(item, Proposal):
                    found.append(item)
                else:
                    yield item
        except ModelError as error:
            run.model_failed(scope, error)
        yield from run.failures_to_tell()
        written += len(found)
        yield found


def _writer(run: Run) -> Writer | None:
    """Return the model with what it needs, or `None` when there is none or it may not write any more."""
    generator, profile, tools = run.generator, run.tools.profile, run.tools
    if generator is None or profile is None:
        return None
    temperature = BOLDER if run.looks_again else TEMPERATURE
    name = tools.info.name if tools.info else ""
    is_over, is_spent = run.half_time(), lambda: run.generator is None
    return Writer(generator, profile, tools.syntax, name, run.task.id, run.tally, is_over, is_spent, temperature)


def _ask(run: Run, base: Base, scope: Scope) -> Ask | None:
    """Return the question about a scope as it stands in `base`, or `None` when it is not there or not text."""
    now = scope_in(base, scope, run.tools.syntax)
    if now is None or now.kind == "module" or now.last_line - now.first_line > LONGEST_SCOPE:
        return None
    lines, original = scope_lines(base.text(scope.path), now), scope_lines(run.tree[scope.path], scope)
    if not is_plain(lines) or not is_plain(original):
        return None
    critique = None if run.looks_again else run.critique
    source = SourceFile(scope.path, run.tree[scope.path])
    known = run.critique or criticise(run)
    return Ask(
        run.task.goal,
        now,
        tuple(lines),
        known.failures,
        _suspects(run, scope, original, critique),
        known.ruled_out,
        in_words(critique) if critique else "",
        run.task.note,
        tuple(original),
        surroundings(source, scope, run.tools.syntax.scopes(source)),
        run.plan,
    )


def _suspects(run: Run, scope: Scope, original: list[str], critique: Critique | None) -> tuple[int, ...]:
    """Return the scope's suspicious lines, 0-based within it: those a critique rests on first, then by score."""
    numbered = dict(enumerate(original, scope.first_line + 1))
    cited = cited_lines(critique.rests_on, numbered) if critique else ()
    scores = {line: score for (path, line), score in run.suspects.lines.items() if path == scope.path and scope.holds_line(line)}
    order = sorted(scores, key=lambda line: (line + 1 not in cited, -scores[line]))
    return tuple(line - scope.first_line for line in order if line - scope.first_line < len(original))


def criticise(run: Run) -> Critique:
    """Return the machine half of a critique of the best state so far."""
    return machine_critique(run.task, run.round, run.judge.baseline, run.best, run.suspects, run.tree, run.tried, run.tally)


def criticised(run: Run) -> Iterator[events.Event]:
    """Add the model's hypothesis where the model can write one, its citations checked, and tell the critique."""
    if run.critique is None:
        return
    if run.suspects.scopes and not run.spent():
        try:
            yield from _hypothesised(run, run.critique, run.suspects.scopes[0])
        except ModelError as error:
            run.model_failed(run.suspects.scopes[0], error)
        yield from run.failures_to_tell()
    yield events.CritiqueReady(run.task.id, run.critique)


def _hypothesised(run: Run, critique: Critique, scope: Scope) -> Iterator[events.Event]:
    """Ask the model why the tests fail, and keep what of its answer holds. An answer that cannot be read twice is left at that.

    The first answer that is the changed scope instead is run before anything else: that tells more than asking again for words.
    """
    base = Base(run.tree, run.best.proposal.patch if run.best else Patch())
    writer, ask = _writer(run), _ask(run, base, scope)
    prompt = writer.profile.prompt(ask, "critique") if writer and ask else None
    if writer is None or ask is None or prompt is None:
        return
    answer = yield from _written(run, writer, ask, "critique", prompt)
    said = writer.profile.read_critique(answer)
    is_first = not run.tally.unread_critiques
    if isinstance(said, Fault) and is_first and (change := writer.unasked(answer, ask, base, prompt, run.task.seed)):
        run.streams.urge([Trial(change, run.best)])
    elif isinstance(said, Fault):
        prompt = writer.profile.again(ask, "critique", answer, said)
        answer = (yield from _written(run, writer, ask, "critique", prompt)) if prompt and not (run.spent() or writer.spent()) else ""
        said = writer.profile.read_critique(answer)
    if isinstance(said, Hypothesis):
        kept, struck = checked(said, _numbered(run, scope), critique.failures)
        run.critique = replace(critique, hypothesis=kept.cause, rests_on=kept.rests_on, change=kept.change, struck=struck)
    else:
        run.tally.unread_critiques += 1
        run.critique = replace(critique, unread=run.tally.unread_critiques)


def _planned(run: Run) -> Iterator[events.Event]:
    """Let the model say how it would go about it, where that is worth its time: for a goal in words, and for a second look."""
    wanted = run.looks_again or (run.round == 1 and bool(run.task.note))
    writer = _writer(run)
    if not wanted or writer is None or not run.suspects.scopes:
        return
    scope = run.suspects.scopes[0]
    run.plan = ""
    try:
        ask = _ask(run, Base(run.tree, Patch()), scope)
        prompt = writer.profile.prompt(ask, "plan") if ask else None
        if ask is None or prompt is None:
            return
        answer = yield from _written(run, writer, ask, "plan", prompt)
    except ModelError as error:
        run.model_failed(scope, error)
        return
    run.plan, struck = strike_out(answer, _numbered(run, scope), ask.failures, new_code=True)
    yield events.PlanReady(run.task.id, run.plan, struck)


def _numbered(run: Run, scope: Scope) -> dict[int, str]:
    """Return the lines of a scope in the user's tree by their 1-based numbers."""
    return dict(enumerate(scope_lines(run.tree[scope.path], scope), scope.first_line + 1))


def _written(run: Run, writer: Writer, ask: Ask, step: Step, prompt: Prompt) -> Generator[events.Event, None, str]:
    """Let the model write one answer, most likely words only; what it writes is told as it comes."""
    request = Request(
        prompt.text, 1, writer.profile.max_tokens(ask, step), Sampling(temperature=0.0, seed=run.task.seed), writer.profile.stop
    )
    text = ""
    for item in writer.generator.complete(request, writer.cancelled):
        if isinstance(item, Completion):
            text = item.text
        else:
            yield events.TextStreamed(run.task.id, item.index, item.text)
    return text
