"""Fakes of the ports that `fix --faster` adds: costs are lines executed, so that what is faster is no matter of chance."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from typing import Any

from refine_tui.core.evidence import CaseResult
from refine_tui.core.intervals import compare
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.loop.ports.observing import CallInput, Observed, Outcome
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.ports.timing import Cost, Timing
from tests.loop.loop_fakes import MemoryWorkspace

PER_LINE_S = 1e-6
ROUNDS = 12
LONGEST = 800
"""Bytes of an input: to count lines takes its time."""


class LineTimer:
    """Costs a microsecond a line of the scope's file."""

    def __init__(self, workspace: MemoryWorkspace) -> None:
        self._workspace = workspace
        self.compared: list[int | None] = []
        """For each comparison, how many rounds were asked for."""

    def costs(self, scope: Scope, inputs: Sequence[CallInput], cancelled: Cancelled, *, limit_s: float) -> tuple[Cost | None, ...]:
        return tuple(self._cost(Patch(), scope, one) if len(one.text) < LONGEST else None for one in inputs)

    def compare(
        self,
        patch: Patch,
        scope: Scope,
        costs: Sequence[Cost],
        cancelled: Cancelled,
        *,
        limit_s: float,
        seed: int,
        rounds: int | None = None,
    ) -> Timing:
        self.compared.append(rounds)
        found = [self._cost(patch, scope, cost.input) for cost in costs]
        if None in found:
            return Timing(None, stopped="it raised")
        pairs = tuple((cost.seconds, one.seconds) for cost, one in zip(costs, found, strict=True) if one)
        total = (sum(base for base, _ in pairs), sum(other for _, other in pairs))
        return Timing(compare([total] * (rounds or ROUNDS), lambda values, _: values), pairs)

    def _cost(self, patch: Patch, scope: Scope, given: CallInput) -> Cost | None:
        lines = 0

        def count(frame: Any, event: str, arg: object) -> Any:
            nonlocal lines
            lines += event == "line" and frame.f_code.co_filename == scope.path
            return count

        function = loaded(self._workspace, patch, scope)
        args, kwargs = ast.literal_eval(given.text)
        before = sys.gettrace()
        sys.settrace(count)
        try:
            function(*args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever the project raises
            return None
        finally:
            sys.settrace(before)
        return Cost(given, lines * PER_LINE_S)


class PlainObserver:
    """Calls in this process; inputs are given, others for each seed."""

    def __init__(self, workspace: MemoryWorkspace, *inputs: tuple[str, ...]) -> None:
        self._workspace, self._inputs = workspace, inputs

    def inputs(self, scope: Scope, *, count: int, seed: int, cancelled: Cancelled) -> tuple[CallInput, ...]:
        return tuple(CallInput(text) for text in self._inputs[min(seed, len(self._inputs) - 1)])[:count]

    def imported_as(self, scope: Scope) -> str:
        return scope.path.removesuffix(".py")

    def outcomes(self, patch: Patch, scope: Scope, inputs: tuple[CallInput, ...], cancelled: Cancelled, *, limit_s: float) -> Observed:
        return Observed(tuple(self._outcome(patch, scope, one) for one in inputs))

    def twice(self, patch: Patch, path: str, cancelled: Cancelled, *, limit_s: float) -> tuple[CaseResult, ...]:
        return ()

    def _outcome(self, patch: Patch, scope: Scope, given: CallInput) -> Outcome:
        args, kwargs = ast.literal_eval(given.text)
        try:
            return Outcome("returned", repr(loaded(self._workspace, patch, scope)(*args, **kwargs)), repr((args, kwargs)))
        except Exception as error:  # noqa: BLE001 - whatever the project raises
            return Outcome("raised", f"{type(error).__name__}: {error}")


def loaded(workspace: MemoryWorkspace, patch: Patch, scope: Scope) -> Callable[..., Any]:
    """The function of a tree with a patch."""
    text = {**workspace.tree, **patch.apply(workspace.tree)}[scope.path]
    space: dict[str, Any] = {"__name__": scope.path.removesuffix(".py")}
    exec(compile(text, scope.path, "exec"), space)
    function: Callable[..., Any] = space[scope.name]
    return function
