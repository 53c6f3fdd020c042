"""Calls single functions in the sandbox, with the project's own interpreter and configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.evaluation.cold import Job, Ran
from refine_tui.evaluation.naming import module_names
from refine_tui.evaluation.survey import failure
from refine_tui.loop.ports.observing import CallInput, Observed, Outcome
from refine_tui.loop.ports.running import Cancelled

CALL_S = 1.0
"""Seconds a call may take; one that takes longer is unstable."""
HASH_SEEDS = (0, 1)
Run = Callable[[Job, Cancelled], Ran]
Patched = Callable[[Patch], dict[str, bytes] | None]
"""Returns the new content of a patch's files, `None` when the tree is not its base any more."""


class PytestObserver:
    """Implements the port beside a pytest evaluator, which lends it its runs."""

    def __init__(self, project: Path, run: Run, patched: Patched) -> None:
        self._project, self._run, self._patched = project, run, patched
        self._modules: dict[str, str] = {}

    def imported_as(self, scope: Scope) -> str:
        """Return the dotted name of the scope's module; see the port."""
        return self._modules.get(scope.path) or module_names(self._project, scope.path)[0]

    def outcomes(self, patch: Patch, scope: Scope, inputs: tuple[CallInput, ...], cancelled: Cancelled, *, limit_s: float) -> Observed:
        """Call the function with every input, twice; see the port."""
        files = self._patched(patch)
        if files is None:
            return Observed(stopped="stale")
        with ThreadPoolExecutor(len(HASH_SEEDS)) as pool:
            jobs = [self._job(scope, inputs, files, seed, limit_s) for seed in HASH_SEEDS]
            first, second = pool.map(lambda job: self._run(job, cancelled), jobs)
        if self._patched(patch) is None:
            return Observed(stopped="stale")
        return self._joined(scope, first, second)

    def _job(self, scope: Scope, inputs: Sequence[CallInput], files: Mapping[str, bytes], seed: int, limit_s: float) -> Job:
        told = {
            "path": scope.path,
            "names": self._names(scope),
            "symbol": scope.name,
            "inputs": [[one.text, one.receiver] for one in inputs],
            "call_s": CALL_S,
            "trace": seed == HASH_SEEDS[0],
        }
        return Job(files=files, limit_s=limit_s, hash_seed=seed, plugins={"_observe": told})

    def _names(self, scope: Scope) -> list[str]:
        known = self._modules.get(scope.path)
        return [known] if known else module_names(self._project, scope.path)

    def _joined(self, scope: Scope, first: Ran, second: Ran) -> Observed:
        runs = [[said for said in ran.gathered.said if "input" in said] for ran in (first, second)]
        for said in first.gathered.said:
            if "cannot" in said:
                return Observed(stopped=f"{scope.label} cannot be called: {said['cannot']}")
            self._modules[scope.path] = said.get("module") or self._modules.get(scope.path, "")
        jumps = [_jumps(said) for said, _ in zip(*runs, strict=False)]
        return Observed(
            tuple(_outcome(one, other) for one, other in zip(*runs, strict=False)),
            tuple(frozenset(line for jump in found for line in jump if line >= 0) for found in jumps),
            tuple(jumps),
            _stopped(first) or _stopped(second),
        )


def _jumps(said: Mapping[str, Any]) -> frozenset[tuple[int, int]]:
    return frozenset((before - 1, after - 1) for before, after in said.get("arcs", ()))


def _outcome(one: Mapping[str, Any], other: Mapping[str, Any]) -> Outcome:
    """Join what the same call did in two processes."""
    keys = ("kind", "text", "after")
    if "unstable" in (one["kind"], other["kind"]):
        return Outcome("unstable", next(said["text"] for said in (one, other) if said["kind"] == "unstable"))
    if any(one.get(key, "") != other.get(key, "") for key in keys):
        return Outcome("unstable", "two runs differ")
    return Outcome(one["kind"], one["text"], one.get("after", ""))


def _stopped(ran: Ran) -> str:
    return ran.gathered.stopped or failure(ran.gathered, ran.output)
