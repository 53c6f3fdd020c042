"""What the user states: goals in words, where changes may be made, and why a proposal is not wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.evidence import Baseline
from refine_tui.core.paths import matches
from refine_tui.core.scope import Scope
from refine_tui.core.task import Task
from refine_tui.loop.session.expecting import NO_PLACE, Expecting


class Stating(Expecting):
    """The part of a session that turns words into tasks."""

    _protected: tuple[str, ...]
    """Patterns of paths that no patch may touch."""

    def add_goal(self, goal: str, scope_label: str = "", targets: Sequence[str] = ()) -> Task:
        """Queue a goal in words.

        Args:
            goal: what is to become true.
            scope_label: `FILE::SYMBOL`, where it may change; empty: what the targets execute.
            targets: tests that must pass; empty: those that fail now. When none of them can have to do with the scope and the model
                writes tests, the task is to begin with one that fails.

        Raises:
            UsageError: no such scope, or nothing tells when the goal is reached.
        """
        baseline = self._state.baseline
        failing = tuple(targets) or (baseline.suite.red if baseline else ())
        scopes = (self.scope(scope_label),) if scope_label else ()
        red = _reaching(scopes[0], failing, baseline) if scopes and baseline and not targets else failing
        if not red and (missing := self._has_no_writer() or ("" if scopes else NO_PLACE)):
            if not failing:
                raise UsageError(missing)
            red = failing
        task = Task(f"t{self._next_number()}", goal, red, scopes, budget=self._settings.budget, seed=self._seed, note=goal)
        self._set_status(task, "waiting")
        return task

    def scope(self, label: str) -> Scope:
        """Return the scope that `FILE::SYMBOL` names.

        Raises:
            UsageError: no such file or symbol; the message names the closest ones.
            SafetyError: the file is one that no patch may touch.
        """
        path, _, name = label.partition("::")
        source = self._source(path)
        if source is None:
            raise UsageError(
                f"{label}: there is no file {path} that may be changed. Give it relative to the project, as in src/cart.py::Cart.total."
            )
        if not self.editable(path):
            reason = self._parts.workspace.refuses(path) or "tests, packaging files and protected paths are never changed"
            raise SafetyError(
                f"{label}: {reason if self._parts.syntax.handles(path) else 'it is in no known language'}. Name another place."
            )
        scopes = self._parts.syntax.scopes(source)
        wanted = name or "<module>"
        for scope in scopes:
            if scope.name == wanted:
                return scope
        known = ", ".join(scope.name for scope in scopes if scope.kind != "module")
        raise UsageError(f"{label}: {path} has no {name}. It has: {known or 'no function or class'}.")

    def refine_with_note(self, review_id: str, note: str) -> Task:
        """Reject what is there with a reason and queue its task again with that reason."""
        review = self._state.review(review_id)
        self._keep(replace(review, state="closed"))
        self._parts.journal.append("decision", {"review": review_id, "rejected_because": note}, task=review.task.id)
        task = replace(review.task, note=note, seed=review.task.seed + 1, id=f"t{self._next_number()}")
        self._set_status(review.task, "cancelled", stop_reason=f"rejected: {note}")
        self._set_status(task, "waiting")
        return task

    def editable(self, path: str) -> bool:
        """Say whether a patch may touch a path: not a test, not protected, and a file that can be written."""
        return (
            self._parts.syntax.handles(path)
            and not matches(path, self._protected, beneath=True)
            and not self._parts.workspace.refuses(path)
        )


def _reaching(scope: Scope, red: Sequence[str], baseline: Baseline) -> tuple[str, ...]:
    """Return the failing tests that run the scope's file, or may do so: of what was not watched nobody knows."""
    touching = set(baseline.coverage.tests_touching_files([scope.path]))
    return tuple(node for node in red if node in touching or node not in baseline.coverage.lines)
