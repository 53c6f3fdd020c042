"""What the user asked for on the command line, turned into targets and scopes once the tests are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from refine_tui.core.errors import UsageError
from refine_tui.core.evidence import Baseline
from refine_tui.core.scope import Scope
from refine_tui.core.task import Task


@dataclass(frozen=True)
class Wanted:
    """A choice among what fails; the default is everything that fails."""

    targets: tuple[str, ...] = ()
    """Node ids, names of tests, test files, or `FILE::SYMBOL` of code that is no test."""
    scopes: tuple[str, ...] = ()
    """`FILE::SYMBOL`: the only places that may change; empty: wherever suspicion leads."""
    goal: str = ""

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
        return replace(task, scopes=scopes or task.scopes, goal=self.goal or task.goal, note=self.goal or task.note)


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
        close = sorted(node for node in ids if node.split("::")[0] == target.split("::")[0])[:5]
        raise UsageError(f"{target}: no such test. Known there: {', '.join(close) or 'none; see `refine-tui eval`'}.")
    return None


def _is_test(target: str) -> bool:
    name = target.split("::")[0].rsplit("/", 1)[-1]
    return name.startswith("test_") or name.endswith("_test.py") or "::" not in target


def _touching(scope: Scope, baseline: Baseline) -> list[str]:
    if not baseline.coverage.lines:
        return list(baseline.suite.red)  # nobody knows which of them run it
    lines = frozenset(range(scope.first_line, scope.last_line + 1))
    return list(baseline.coverage.tests_touching({scope.path: lines}))
