"""A goal in words that no test speaks of: a test that fails comes first, to be accepted by itself; then there is something to repair."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from refine_tui.core.candidate import adds_test
from refine_tui.core.errors import ModelError
from refine_tui.core.evidence import CaseResult, Delta, SuiteResult, delta
from refine_tui.core.patch import Patch, create_file
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop import events
from refine_tui.loop.authoring.awaiting import amiss
from refine_tui.loop.authoring.conventions import Host, host_of, manner_of, new_test_path
from refine_tui.loop.authoring.spelling import Manner
from refine_tui.loop.drafting import TEMPERATURE
from refine_tui.loop.fixing import Fixed
from refine_tui.loop.ports.keeping import Workspace
from refine_tui.loop.ports.observing import Observer
from refine_tui.loop.ports.running import Cancelled, Evaluator
from refine_tui.loop.ports.thinking import Ask, Completion, Fault, Generator, Profile, Request, Sampling, Syntax
from refine_tui.loop.search import is_plain, scope_lines
from refine_tui.loop.surroundings import surroundings

ANSWERS = 4
SECONDS = 60.0
FIRST = "a failing test comes first: apply it and ask again, then it is what has to pass"
NO_PLACE = "no test fails, so nothing shows when the goal is reached; name the place with --scope FILE::SYMBOL, or write a failing test"
NO_WRITER = (
    "no test fails, so nothing shows when the goal is reached, and there is no model that writes one; "
    "write a failing test, or choose a model that answers in words (`refine-tui models list`)"
)


@dataclass(frozen=True)
class Specified(Fixed):
    """The end: the patch adds a test that fails, or there is none, for a reason."""

    scope: str
    tests: tuple[str, ...]
    """Node ids of the tests that the patch adds; each fails now."""
    wanted: str
    """The goal."""
    suite: SuiteResult
    """The run of everything with the tests, or without them where there are none."""
    asked: tuple[tuple[str, str], ...]
    """How the model was asked, as in a proposal's detail; empty when it was not."""

    @property
    def goal(self) -> str:
        """What was to become true."""
        return f"a failing test for: {self.wanted}"

    @property
    def helps(self) -> bool:
        """Whether the patch may be written."""
        return not self.patch.is_empty

    @property
    def more(self) -> Mapping[str, Any]:
        """What the last JSON object holds beside a fix's own."""
        return {"scope": self.scope, "failing_tests": list(self.tests)}


@dataclass(frozen=True)
class Means:
    """What it is done with."""

    workspace: Workspace
    syntax: Syntax
    evaluator: Evaluator
    observer: Observer
    generator: Generator | None
    profile: Profile | None


@dataclass(frozen=True)
class Goal:
    """What is to become true, and where."""

    words: str
    scope: Scope
    seed: int = 0
    hint: str = ""
    """What the user had against an earlier test."""


@dataclass(frozen=True)
class _Made:
    """A test that an answer makes."""

    patch: Patch
    path: str
    tree: Mapping[str, bytes]
    """The file as it is, when there is one."""

    def own(self, cases: Iterable[CaseResult]) -> list[CaseResult]:
        """Return the results of its tests alone; of a file that cannot be collected, that."""
        return [case for case in cases if case.node_id == self.path or adds_test(self.patch, case.node_id)]


@dataclass
class _Told:
    """How it goes."""

    before: SuiteResult
    answers: int = 0
    executions: int = 0
    reason: str = ""
    asked: tuple[tuple[str, str], ...] = ()

    def end(
        self,
        goal: str,
        scope: str,
        made: _Made | None = None,
        tests: tuple[str, ...] = (),
        after: SuiteResult | None = None,
        *,
        was_cancelled: bool = False,
    ) -> Specified:
        """Return the end; the goal itself is not reached by a test."""
        suite = after or self.before
        return Specified(
            outcome="cancelled" if was_cancelled else "unsolved",
            patch=made.patch if made else Patch(),
            tree=dict(made.tree) if made else {},
            before=self.before.counts,
            after=suite.counts,
            delta=Delta(),
            rounds=0,
            candidates=self.answers,
            executions=self.executions,
            flags=(),
            handoff="" if made else f"### No test for the goal yet\n\nStopped: {self.reason}.",
            stop_reason=FIRST if made else self.reason,
            scope=scope,
            tests=tests,
            wanted=goal,
            suite=suite,
            asked=self.asked,
        )


def without_test(words: str, scope: str, before: SuiteResult, reason: str) -> Specified:
    """Return the end for a goal that cannot be worked on yet."""
    return _Told(before, reason=reason).end(words, scope)


def specify(means: Means, goal: Goal, before: SuiteResult, cancelled: Cancelled) -> Iterator[events.Event]:
    """Ask the model for a test of the goal, keep the first that fails for the right reason, and end with `Specified`.

    Args:
        means: what it is done with; a model that cannot write tests is told in the end's reason.
        goal: what is to become true.
        before: the run of all tests as they are; none of them fails.
        cancelled: polled often.
    """
    told = _Told(before)
    if means.generator is None or means.profile is None or not means.profile.converses:
        told.reason = NO_WRITER
        yield told.end(goal.words, goal.scope.label)
        return
    told.reason = "the model gave no answer"
    try:
        for made in _tests(means, goal, told, cancelled):
            fault = made if isinstance(made, Fault) else _misses(means, goal, made, told, cancelled)
            if isinstance(made, _Made) and fault is None:
                yield from _confirmed(means, goal, made, told, cancelled)
                return
            if cancelled():
                break
            words = fault.words if fault else ""
            yield events.Notice(f"a test was written and left out: {words}")
            told.reason = f"of {told.answers} answers none was a test that fails as it should; the last: {words}"
    except ModelError as error:
        told.reason = str(error)
    yield told.end(goal.words, goal.scope.label, was_cancelled=cancelled())


def _tests(means: Means, goal: Goal, told: _Told, cancelled: Cancelled) -> Iterator[_Made | Fault]:
    """Yield the test that each answer makes, equal ones once, or why it makes none."""
    manner = manner_of(goal.scope, means.workspace, means.observer.imported_as(goal.scope))
    host, seen = host_of(goal.scope, means.workspace, manner), set[str]()
    for answer in _answers(means, goal, told, cancelled):
        told.answers += 1
        body = _body(goal, answer, means) if isinstance(answer, list) else answer
        if isinstance(body, Fault):
            yield body
        elif body not in seen:
            seen.add(body)
            yield _placed(means, goal, body, manner, host)


def _placed(means: Means, goal: Goal, body: str, manner: Manner, host: Host | None) -> _Made:
    """Put a test into the file of its module's tests, where that imports all it needs, else into a new one."""
    added = host.patch_with(body, " ".join(goal.words.split())) if host else None
    if host is not None and added is not None:
        return _Made(added, host.source.path, {host.source.path: host.source.data})
    path = new_test_path(goal.scope, means.workspace.files())
    return _Made(create_file(path, _file(goal, body, manner).encode()), path, {})


def _answers(means: Means, goal: Goal, told: _Told, cancelled: Cancelled) -> Iterator[list[str] | Fault]:
    """Ask once for several tests; yield each as it is finished, as lines, or what is wrong with it."""
    assert means.generator is not None
    assert means.profile is not None
    source = means.workspace.read(goal.scope.path)
    lines = scope_lines(source.data, goal.scope)
    if not is_plain(lines):
        yield Fault(f"{goal.scope.label} is not plain text")
        return
    around = surroundings(source, goal.scope, means.syntax.scopes(source))
    ask = Ask(goal.words, goal.scope, tuple(lines), around=around, note=goal.hint)
    prompt = means.profile.prompt(ask, "specify")
    if prompt is None:
        return
    longest = means.profile.max_tokens(ask, "specify")
    detail = {"seed": str(goal.seed + 1), "temperature": str(TEMPERATURE), "prompt": prompt.form, "prompts": means.profile.prompts}
    detail |= {"parts": prompt.budget, "left out": prompt.left_out}
    told.asked = tuple((key, value) for key, value in detail.items() if value)
    sampling = Sampling(temperature=TEMPERATURE, seed=goal.seed + 1)
    for item in means.generator.complete(Request(prompt.text, ANSWERS, longest, sampling, means.profile.stop), cancelled):
        if isinstance(item, Completion) and item.reason != "cancelled":
            yield means.profile.read(item.text, ask)


def _body(goal: Goal, answer: list[str], means: Means) -> str | Fault:
    """Return the functions and imports that an answer holds, or why they are no test of the goal."""
    body = textwrap.dedent("\n".join(answer)).strip()
    if not means.syntax.is_valid(SourceFile("test.py", body.encode())):
        return Fault("it does not parse")
    try:
        statements = ast.parse(body).body
    except (SyntaxError, ValueError):
        return Fault("it does not parse")
    if not any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in statements):
        return Fault("it has no function test_…")
    if any(not isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom) for node in statements):
        return Fault("it holds more than functions and imports")
    if goal.scope.name.rpartition(".")[2] not in body:
        return Fault(f"it never calls {goal.scope.name}")
    return body


def _file(goal: Goal, body: str, manner: Manner) -> str:
    """Return a whole file of tests."""
    own = goal.scope.name.split(".")[0]
    imported = f"import {manner.module}" if manner.imports_module else f"from {manner.module} import {own}"
    pytest = "import pytest\n\n" if "pytest." in body and "import pytest" not in body else ""
    about = f'"""{goal.words.strip().rstrip(".")}."""'.replace("\\", "/") if '"' not in goal.words else ""
    return "\n\n".join(part for part in (about, pytest + imported) if part) + f"\n\n\n{body}\n"


def _misses(means: Means, goal: Goal, made: _Made, told: _Told, cancelled: Cancelled) -> Fault | None:
    """Run a test on the code as it is, twice; return why it is not the test that is wanted, `None` when it is."""
    told.executions += 2
    cases = made.own(means.observer.twice(made.patch, made.path, cancelled, limit_s=SECONDS))
    broken = next((case for case in cases if "::" not in case.node_id), None)
    if broken is not None or not cases:
        return Fault(f"it cannot be collected: {broken.message}" if broken else "pytest collects nothing from it")
    return next((Fault(words) for case in cases if (words := amiss(case, goal.scope))), None)


def _confirmed(means: Means, goal: Goal, made: _Made, told: _Told, cancelled: Cancelled) -> Iterator[events.Event]:
    """Run everything with the test: it fails again, and nothing else does."""
    told.executions += 1
    after = means.evaluator.confirm(made.patch, lambda *_: None, cancelled, limit_s=30.0 + 5 * told.before.duration_s)
    tests = tuple(case.node_id for case in made.own(after.cases))
    broken = [node for node in delta(told.before, after).broken if node not in tests]
    unsure = [node for node in tests if not after.by_id[node].is_red]
    if after.complete and tests and not unsure and not broken:
        yield told.end(goal.words, goal.scope.label, made, tests, after)
        return
    told.reason = f"with the test {broken[0]} fails" if broken else after.stopped or "the test does not fail every time"
    yield told.end(goal.words, goal.scope.label, was_cancelled=cancelled())
