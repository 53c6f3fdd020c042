"""Lint, types and commands of the user's, as far as the project uses them: only what a change makes worse counts against it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from refine_tui.core.evidence import Finding, GateKind, GateResult
from refine_tui.core.isolation import Limits
from refine_tui.evaluation.checkers import CHECKERS, Read, Said, of_command
from refine_tui.evaluation.rounds import TimedCommand
from refine_tui.evaluation.settings import Place
from refine_tui.loop.ports.running import Content, Launch, Running, Sandbox

LIMIT_S = 120.0
SHOWN = 200
"""Findings kept of one gate."""
_OUTPUT_BYTES = 16 << 20
_PYTHON = (".py", ".pyi")


@dataclass(frozen=True)
class _Gate:
    """One check, ready to be called."""

    name: str
    kind: GateKind
    argv: tuple[str, ...]
    everything: tuple[str, ...]
    read: Read
    follows: bool
    """Whether it looks at more than the files that were changed."""


@dataclass(frozen=True)
class _Run:
    """What one call said; `findings` is `None` when the check could not do its work, for `reason`."""

    findings: tuple[Finding, ...] | None
    passed: bool
    reason: str
    seconds: float


_NOTHING = _Run((), True, "", 0.0)
"""Of files that are not there."""


class Gates:
    """The checks that a project configures and whose tool is there, and the user's own commands. `close` works from any thread."""

    def __init__(self, place: Place, sandbox: Sandbox) -> None:
        self._place = place
        self._sandbox = sandbox
        self._gates = (*_configured(place), *(_of_user(command) for command in place.settings.gates))
        self._base: dict[tuple[str, tuple[str, ...]], _Run] = {}
        self._under_way: set[Running] = set()
        self._closed = threading.Event()

    def check(self, files: Mapping[str, bytes]) -> tuple[GateResult, ...]:
        """Compare the findings with these files changed, or created, with those on the tree."""
        there = {path: text for path, text in files.items() if (self._place.project / path).is_file()}
        found = []
        for gate in self._gates:
            then, now = _arguments(gate, there), _arguments(gate, files)
            if now is not None:
                found.append(_compared(gate, _NOTHING if then is None else self._known(gate, then), self._run(gate, now, files)))
        return (*found, *self._timed({}, files))

    def whole(self) -> tuple[GateResult, ...]:
        """Check the tree as it is: every finding counts."""
        return (*(_alone(gate, self._known(gate, gate.everything)) for gate in self._gates), *_missing(self._place))

    def since(self, before: Content) -> tuple[GateResult, ...]:
        """Compare the tree with what some of its files held before."""
        results = []
        for gate in self._gates:
            old = {path: text for path, text in before.items() if text is not None}
            new = {path: b"" for path in before if (self._place.project / path).is_file()}
            then, now = _arguments(gate, old), _arguments(gate, new)
            if now is not None:
                base = _NOTHING if then is None else _without(self._run(gate, then, old), before)
                results.append(_compared(gate, base, self._known(gate, now)))
        return (*results, *self._timed({path: text for path, text in before.items() if text is not None}, {}))

    def versions(self) -> dict[str, str]:
        """Return what each tool says of its version, in a few words."""
        found = {}
        for gate in self._gates:
            if gate.kind != "command":
                said = self._said((gate.argv[0], "--version"), {})
                found[gate.name] = " ".join(said.out.split())[:80] if said.status == 0 else "unknown"
        return found

    def close(self) -> None:
        """End what runs, at once; it counts as a check that could not be made, and so does all that comes later."""
        self._closed.set()
        for running in tuple(self._under_way):
            running.kill()

    def _timed(self, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[GateResult]:
        for command in self._place.settings.timed:
            if not self._closed.is_set():
                yield TimedCommand(self._place, self._sandbox, command, self._ended_by_close).compare(before, after)

    def _known(self, gate: _Gate, paths: tuple[str, ...]) -> _Run:
        if (gate.name, paths) not in self._base:
            self._base[gate.name, paths] = self._run(gate, paths, {})
        return self._base[gate.name, paths]

    def _run(self, gate: _Gate, paths: tuple[str, ...], files: Mapping[str, bytes]) -> _Run:
        began = time.monotonic()
        said = self._said((*gate.argv, *paths), files)
        if self._closed.is_set():
            return _Run(None, False, "it was ended", time.monotonic() - began)
        findings = gate.read(said, self._place.project)
        last = next((line.strip() for line in reversed((said.out + said.errors).splitlines()) if line.strip()), "it printed nothing")
        reason = f"ended at its {said.stopped} limit" if said.status is None else last[:200]
        return _Run(None if findings is None else tuple(findings), said.status == 0, reason, time.monotonic() - began)

    def _said(self, argv: tuple[str, ...], files: Mapping[str, bytes]) -> Said:
        launch = Launch(
            argv=argv,
            project=self._place.project,
            readable=self._place.interpreter.roots,
            files=files,
            environment=self._place.environment(),
            limits=Limits(wall_s=LIMIT_S, cpu_s=LIMIT_S, output_bytes=_OUTPUT_BYTES),
        )
        with self._sandbox.launch(launch) as running, self._ended_by_close(running):
            out = running.stdout.read().decode("utf-8", "replace")
            status = running.wait(LIMIT_S)
            stopped = running.stopped or ("" if status is not None else "time")
            return Said(None if stopped else status, out, running.stderr_tail, stopped)

    @contextmanager
    def _ended_by_close(self, running: Running) -> Iterator[None]:
        self._under_way.add(running)
        try:
            if self._closed.is_set():  # meanwhile, by another thread
                running.kill()
            yield
        finally:
            self._under_way.discard(running)


def _configured(place: Place) -> Iterable[_Gate]:
    for checker in CHECKERS:
        found = checker.find(place.project, place.interpreter.path.parent) if checker.is_used(place.project) else None
        if found is not None:
            argv = (str(found), *checker.options)
            yield _Gate(checker.name, checker.kind, argv, checker.everything(place.project), checker.read, checker.follows)


def _missing(place: Place) -> Iterable[GateResult]:
    """Tell of checks that the project configures and that are not there."""
    for checker in CHECKERS:
        if checker.is_used(place.project) and checker.find(place.project, place.interpreter.path.parent) is None:
            yield GateResult(checker.name, True, "could not run: it is not in the project's environment", (), checker.kind, False)


def _of_user(command: str) -> _Gate:
    return _Gate(command, "command", ("/bin/sh", "-c", command), (), of_command, True)


def _arguments(gate: _Gate, files: Iterable[str]) -> tuple[str, ...] | None:
    """Return what to check when these files change, or `None` when that is no business of the gate."""
    paths = tuple(sorted(path for path in files if path.endswith(_PYTHON)))
    if gate.kind != "command" and not paths:
        return None
    return gate.everything if gate.follows else tuple(f"./{path}" if path.startswith("-") else path for path in paths)


def _without(run: _Run, before: Content) -> _Run:
    """Leave out findings in files that were not there then."""
    if run.findings is None:
        return run
    return _Run(tuple(found for found in run.findings if before.get(found.path, b"") is not None), run.passed, run.reason, run.seconds)


def _compared(gate: _Gate, base: _Run, run: _Run) -> GateResult:
    """Say what `run` found that `base` had not: the same finding on another line is not new."""
    seconds = base.seconds + run.seconds
    if run.findings is None:
        what = "could not run" if base.findings is None else "cannot run with this change"
        return _result(gate, base.findings is None, f"{what}: {run.reason}", (), seconds, ran=base.findings is not None)
    known = Counter(finding.identity for finding in base.findings or ())
    now = Counter(finding.identity for finding in run.findings)
    allowed, new = known.copy(), []
    for finding in run.findings:
        allowed[finding.identity] -= 1
        if allowed[finding.identity] < 0:
            new.append(finding)
    gone = (known - now).total()
    words = f"{len(new)} new finding{'s' if len(new) != 1 else ''}" if new else "no new findings"
    failed = gate.kind == "command" and base.passed and not run.passed
    if gate.kind == "command" and not failed:
        new = []  # it speaks by its exit status; what it prints may be anything
        words = "passes" if run.passed else f"fails as it did before: {run.reason}"
    elif failed and not new:
        words = f"fails: {run.reason}"
    return _result(gate, not new and not failed, words + (f", {gone} fewer" if gone else ""), new, seconds)


def _alone(gate: _Gate, run: _Run) -> GateResult:
    if run.findings is None:
        return _result(gate, True, f"could not run: {run.reason}", (), run.seconds, ran=False)
    count = len(run.findings)
    if gate.kind == "command":
        return _result(
            gate, run.passed, "passes" if run.passed else f"fails: {run.reason}", () if run.passed else run.findings, run.seconds
        )
    return _result(gate, not count, f"{count} finding{'s' if count != 1 else ''}" if count else "no findings", run.findings, run.seconds)


def _result(gate: _Gate, ok: bool, summary: str, findings: Sequence[Finding], seconds: float, *, ran: bool = True) -> GateResult:
    return GateResult(gate.name, ok, summary, tuple(findings[:SHOWN]), gate.kind, ran, seconds)
