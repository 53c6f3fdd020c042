"""What the user asked for on the command line, turned into targets and scopes once the tests are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from refine_tui.core.errors import UsageError
from refine_tui.core.evidence import Baseline
from refine_tui.core.scope import Scope
from refine_tui.core.task import Task

SHOWN = 5
"""Tests that are named when one was asked for that does not exist."""
_EMPTY_WORDS = frozenset({"and", "are", "but", "for", "has", "have", "must", "not", "should", "that", "the", "then", "when", "with"})


@dataclass(frozen=True)
class Wanted:
    """A choice among what fails; the default is everything that fails."""

    targets: tuple[str, ...] = ()
    """Node ids, names of tests, test files, or `FILE::SYMBOL` of code that is no test."""
    scopes: tuple[str, ...] = ()
    """`FILE::SYMBOL`: the only places that may change; empty: wherever suspicion leads."""
    goal: str = ""

    def check(self, scope: Callable[[str], Scope]) -> None:
        """Look up the places in Python code that are named, before any test runs.

        Raises:
            UsageError: no such file or symbol, or a path from outside the project.
            SafetyError: the file is one that no patch may touch.
        """
        for target in self.targets:
            if target.startswith(("/", "../", "~")):
                raise UsageError(
                    f"{target}: a target is named from the project on, as in tests/test_cart.py. Another project is chosen with --project."
                )
        for label in (*self.scopes, *filter(_names_code, self.targets)):
            scope(label)

    def targets_in(self, baseline: Baseline, scope: Callable[[str], Scope]) -> tuple[str, ...]:
        """Return the failing tests that are meant.

        Raises:
            UsageError: a target names nothing; the message says what is known.
        """
        if not self.targets:
            return baseline.suite.red
        meant: list[str] = []
        for target in self.targets:
            nodes = _named(target, baseline)
            meant += nodes if nodes is not None else _touching(scope(target), baseline)
        chosen = set(meant)
        return tuple(node for node in baseline.suite.red if node in chosen)

    def applied_to(self, task: Task, scope: Callable[[str], Scope], baseline: Baseline) -> Task:
        """Return a task with the wanted scopes and goal."""
        labels = (*self.scopes, *(target for target in self.targets if _named(target, baseline) is None))
        scopes = tuple(scope(label) for label in labels)
        goal = f"{task.goal} (goal: {self.goal})" if self.goal else task.goal
        return replace(task, scopes=scopes or task.scopes, goal=goal, note=self.goal or task.note)

    def is_spoken_of_by(self, nodes: Iterable[str], baseline: Baseline) -> bool:
        """Say whether the failing tests can be about the goal: places or tests were named with it, or one says half of its words."""
        words = _words(self.goal)
        if not words or self.targets or self.scopes:
            return True
        told = (_words(f"{case.node_id} {case.message}") for node in nodes if (case := baseline.suite.by_id.get(node)))
        return any(len(words & said) * 2 >= len(words) for said in told)


def _named(target: str, baseline: Baseline) -> list[str] | None:
    target = target.removeprefix("./")
    ids = list(baseline.suite.by_id)
    if target in baseline.suite.by_id:
        return [target]
    if target.split("::")[0] in baseline.suite.by_id:
        return [target.split("::")[0]]  # a file that cannot be collected stands for every test in it
    under = [node for node in ids if node.startswith((target + "::", target + "[", target.rstrip("/") + "/"))]
    if under:
        return under
    if "::" not in target and (named := [node for node in ids if node.endswith(f"::{target}")]):
        return named
    if _is_test(target):
        raise UsageError(_unknown(target, baseline))
    return None


def _unknown(target: str, baseline: Baseline) -> str:
    """Say what a test that does not exist may have been meant for: those that fail first, then the closest in name."""
    path, _, name = target.partition("::")
    cases = baseline.suite.cases
    there = [case for case in cases if case.node_id.split("::", 1)[0] == path]
    is_in_file = bool(name) or path.endswith(".py") or "/" in path
    said = f"{target}: there is no test file {path}" if is_in_file and not there else f"{target}: no such test"

    def likeness(node: str) -> float:
        return SequenceMatcher(None, target, node if is_in_file else node.rsplit("::", 1)[-1]).ratio()

    known = [case.node_id for case in sorted(there or cases, key=lambda case: (not case.is_red, -likeness(case.node_id)))]
    more = f", and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"{said}. Tests, those that fail first: {', '.join(known[:SHOWN])}{more}." if known else f"{said}. See `refine-tui eval`."


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]{3,}", text.lower())) - _EMPTY_WORDS


def _names_code(target: str) -> bool:
    """Say whether a target names a place in Python code, as far as its form tells."""
    return target.count("::") == 1 and target.split("::")[0].endswith(".py") and "[" not in target and not _is_test(target)


def _is_test(target: str) -> bool:
    name = target.split("::")[0].rsplit("/", 1)[-1]
    return name.startswith("test_") or name.endswith("_test.py") or "::" not in target


def _touching(scope: Scope, baseline: Baseline) -> list[str]:
    if not baseline.coverage.lines:
        return list(baseline.suite.red)  # nobody knows which of them run it
    lines = frozenset(range(scope.first_line, scope.last_line + 1))
    return list(baseline.coverage.tests_touching({scope.path: lines}))
