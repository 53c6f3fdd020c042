"""Calls single functions in the sandbox, with the project's own interpreter and configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import CaseResult
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.evaluation.cold import Job, Ran
from refine_tui.evaluation.inputs.reading import Parameter, Signature, read_signature
from refine_tui.evaluation.inputs.varying import Guess, Seen, Unknown, guesses, seen_call, varied
from refine_tui.evaluation.naming import module_names
from refine_tui.evaluation.survey import failure
from refine_tui.loop.ports.observing import CallInput, Observed, Outcome
from refine_tui.loop.ports.running import Cancelled

CALL_S = 1.0
"""Seconds a call may take; one that takes longer is unstable."""
RECORDING_S = 30.0
GUESSING_S = 20.0
RECORDED = 64
"""Different calls that are written down while the tests run."""
HASH_SEEDS = (0, 1)
PROVING_SEEDS = (2, 3)
_WRONG = ("TypeError", "AttributeError")
Run = Callable[[Job, Cancelled], Ran]
Touching = Callable[[Scope], tuple[str, ...] | None]
"""Returns the tests that execute a scope, `None` when they were not run yet."""
Patched = Callable[[Patch], dict[str, bytes] | None]
"""Returns the new content of a patch's files, `None` when the tree is not its base any more."""


class PytestObserver:
    """Implements the port beside a pytest evaluator, which lends it its runs."""

    def __init__(self, project: Path, run: Run, patched: Patched, touching: Touching, *, overlap: bool = True) -> None:
        """Take what the evaluator lends; with `overlap` two runs may go on at the same time."""
        self._project, self._run, self._patched, self._touching = project, run, patched, touching
        self._workers = 2 if overlap else 1
        self._modules: dict[str, str] = {}

    def imported_as(self, scope: Scope) -> str:
        """Return the dotted name of the scope's module; see the port."""
        return self._modules.get(scope.path) or module_names(self._project, scope.path)[0]

    def inputs(self, scope: Scope, *, count: int, seed: int, cancelled: Cancelled) -> tuple[CallInput, ...]:
        """Return inputs from what the tests call it with, its source, and variations of these; see the port."""
        signature = read_signature(self._source(scope), scope.name, scope.first_line)
        if signature is None:
            raise ProjectError(f"{scope.label} is no function that can be called from outside. Name a function of a module or a method.")
        seen = [seen_call(signature, *one) for one in self._recorded(scope, cancelled)]
        try:
            guess = self._guessed(scope, signature, seen, seed, cancelled)
            return varied(signature, seen, guess, count, seed)
        except Unknown as error:
            raise ProjectError(_no_value(scope, signature, error.parameter)) from error

    def _source(self, scope: Scope) -> str:
        try:
            return (self._project / scope.path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ProjectError(f"{scope.path} cannot be read: {error}. Name another file.") from error

    def _recorded(self, scope: Scope, cancelled: Cancelled) -> list[tuple[str, str]]:
        """Run the tests that execute the scope and return the calls they make: text and receiver."""
        nodes = self._touching(scope)
        if nodes == ():
            return []
        told = {"path": scope.path, "symbol": scope.name, "line": scope.first_line + 1, "most": RECORDED}
        ran = self._run(Job(nodes, limit_s=RECORDING_S, plugins={"_record": told}), cancelled)
        names = [name for said in ran.gathered.said for name in said.get("names", ())]
        if names:
            self._modules[scope.path] = min(names, key=lambda name: (name not in module_names(self._project, scope.path), name))
        return [(said["text"], said["receiver"]) for said in ran.gathered.said if "receiver" in said]

    def _guessed(self, scope: Scope, signature: Signature, seen: Sequence[Seen], seed: int, cancelled: Cancelled) -> Guess:
        """Find types for parameters of which nothing tells one, by trying: the first that the function takes without a `TypeError`."""
        options = guesses(signature, seen)
        if len(options) < 2:
            return options[0] if options else {}
        tried = tuple(varied(signature, (), option, 1, seed)[0] for option in options)
        said = self._run(self._job(scope, tried, {}, HASH_SEEDS[0], GUESSING_S), cancelled).gathered.said
        fits = {one["input"]: one["kind"] for one in said if "input" in one and not one["text"].startswith(_WRONG)}
        best = sorted(fits, key=lambda number: ("returned", "raised", "unstable").index(fits[number]))
        return options[best[0] if best else 0]

    def outcomes(self, patch: Patch, scope: Scope, inputs: tuple[CallInput, ...], cancelled: Cancelled, *, limit_s: float) -> Observed:
        """Call the function with every input, twice; see the port."""
        files = self._patched(patch)
        if files is None:
            return Observed(stopped="stale")
        first, second = self._both([self._job(scope, inputs, files, seed, limit_s) for seed in HASH_SEEDS], cancelled)
        if self._patched(patch) is None:
            return Observed(stopped="stale")
        return self._joined(scope, first, second)

    def twice(self, patch: Patch, path: str, cancelled: Cancelled, *, limit_s: float) -> tuple[CaseResult, ...]:
        """Run the tests of one file in two processes; see the port."""
        files = self._patched(patch)
        if files is None:
            return (CaseResult(path, "error", message="the tree was changed meanwhile", error="stale"),)
        jobs = [Job((path,), files, limit_s, hash_seed=seed, reverse=seed == PROVING_SEEDS[1]) for seed in PROVING_SEEDS]
        first, second = self._both(jobs, cancelled)
        cases = [{**ran.gathered.broken, **ran.gathered.cases} for ran in (first, second)]
        for node in first.gathered.collected:
            cases[0].setdefault(node, CaseResult(node, "error", message=first.gathered.stopped or "it gave no result"))
        return tuple(case if case.is_red else cases[1].get(node, case) for node, case in cases[0].items())

    def _both(self, jobs: Sequence[Job], cancelled: Cancelled) -> list[Ran]:
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(lambda job: self._run(job, cancelled), jobs))

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


def _no_value(scope: Scope, signature: Signature, parameter: Parameter) -> str:
    what = f"{parameter.name} ({parameter.annotation})" if parameter.annotation else parameter.name
    of = "" if parameter in signature.parameters else f" of the constructor of {scope.name.rpartition('.')[0]}"
    return (
        f"{scope.label}: nothing tells what {what}{of} may be: no value of its type can be written as a literal, and no test calls it "
        f"with one that can. Write a first test that calls it, or name another function."
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
