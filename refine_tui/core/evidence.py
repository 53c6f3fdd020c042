"""What a run of the tests said: outcomes, coverage, and how a candidate differs from its base."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from refine_tui.core.isolation import Level

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
RED: frozenset[Outcome] = frozenset({"failed", "error"})
LineMap = Mapping[str, frozenset[int]]
"""Path → 0-based lines of that file."""
_LINE_NUMBER = re.compile(r"\blines? \d+")


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a traceback that lies inside the project."""

    path: str
    line: int
    """0-based."""
    function: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What happened to one test."""

    node_id: str
    outcome: Outcome
    duration_s: float = 0.0
    message: str = ""
    """The error in one line, e.g. `assert 10 == 30`; empty when it passed."""
    details: str = ""
    """The failure as pytest prints it, cut to 8 kB."""
    frames: tuple[Frame, ...] = ()
    """Outermost first, project files only."""
    values: tuple[str, str] | None = None
    """The two sides of a failed comparison, as `repr` gave them."""
    error: str = ""
    """Name of the exception's class."""
    timed_out: bool = False
    cut_short_s: float = 0.0
    """Seconds it had before it was interrupted, when that was less than the project grants a test; 0: it had all its time."""

    @property
    def is_red(self) -> bool:
        """Whether the test failed or could not run."""
        return self.outcome in RED

    @property
    def place(self) -> str:
        """Where the error came up, for a person: the last line of the project, or the test itself."""
        return f"{self.frames[-1].path}:{self.frames[-1].line + 1}" if self.frames else self.node_id


@dataclass(frozen=True, slots=True)
class Counts:
    """Tests by outcome; xfailed counts as passed, xpassed too unless strict."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """All tests that gave an outcome."""
        return self.passed + self.failed + self.errors + self.skipped

    def as_json(self) -> dict[str, int]:
        """Return the object of the command line's contract."""
        return {"passed": self.passed, "failed": self.failed, "errors": self.errors, "skipped": self.skipped}


@dataclass(frozen=True)
class SuiteResult:
    """What one run of some tests gave."""

    cases: tuple[CaseResult, ...] = ()
    complete: bool = True
    """Every test that was asked for gave an outcome."""
    stopped: str = ""
    """Why the run ended early: `time`, `memory`, `output`, `crash`, `cancelled`, `stale`, `no better` (what was run already told that),
    or why collection failed; else empty."""
    duration_s: float = 0.0
    warm: bool = False
    level: Level = Level.STATIC
    limited: tuple[str, ...] = ()
    """What the sandbox kept from the tests, in words."""
    output: str = ""
    """The end of what the run printed, cut to 8 kB."""
    flaky: tuple[str, ...] = ()
    """Tests that both failed and passed on the base, by chance or by which tests ran before them: no verdict rests on them."""

    @cached_property
    def by_id(self) -> Mapping[str, CaseResult]:
        """Results by node id."""
        return {case.node_id: case for case in self.cases}

    @cached_property
    def red(self) -> tuple[str, ...]:
        """Node ids of failed tests and tests in error, in order; flaky ones left out."""
        return tuple(case.node_id for case in self.cases if case.is_red and case.node_id not in self.flaky)

    @cached_property
    def cut_short(self) -> tuple[str, ...]:
        """Node ids of tests that were interrupted before they had all their time: what they would have said is not known."""
        return tuple(case.node_id for case in self.cases if case.is_red and case.cut_short_s)

    @cached_property
    def counts(self) -> Counts:
        """Tests by outcome."""
        by = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
        for case in self.cases:
            by[{"xfailed": "passed", "xpassed": "passed"}.get(case.outcome, case.outcome)] += 1
        return Counts(by["passed"], by["failed"], by["error"], by["skipped"])

    @property
    def is_green(self) -> bool:
        """Whether the run was complete and nothing failed but flaky tests."""
        return self.complete and not self.red


@dataclass(frozen=True)
class Coverage:
    """Which lines each test executed on the base."""

    lines: Mapping[str, LineMap] = field(default_factory=dict)
    """Node id → path → 0-based lines; project files only, test files included."""
    in_part: frozenset[str] = frozenset()
    """Tests of which only the beginning was watched: any change may affect them."""

    def tests_touching(self, paths_lines: LineMap) -> tuple[str, ...]:
        """Return the tests that executed any of these lines, or may have."""
        return tuple(
            node
            for node, files in self.lines.items()
            if node in self.in_part or any(files.get(path, frozenset()) & lines for path, lines in paths_lines.items())
        )

    def tests_touching_files(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the tests that executed any line of these files, or may have."""
        wanted = set(paths)
        return tuple(node for node, files in self.lines.items() if node in self.in_part or wanted & files.keys())


@dataclass(frozen=True, slots=True)
class Baseline:
    """The project as it is: the run every candidate is measured against."""

    suite: SuiteResult
    coverage: Coverage
    warm: bool
    """Whether candidates can run in forks of a warm parent."""
    cold_reason: str
    """Why not, in words; empty when warm."""
    interpreter: str
    """The project's interpreter and its version, for the screen."""
    runner: str
    """`pytest 9.0.1`, for the screen."""
    notes: tuple[str, ...] = ()
    """Things the user should know: an installed project, a masked secret, a neutralised option."""
    tracing: float | None = None
    """How many times as long tests take when the lines they execute are watched; `None`: not watched, or too short to tell."""


@dataclass(frozen=True, slots=True)
class Delta:
    """How a run differs from the base, over the tests that both ran."""

    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    still_red: tuple[str, ...] = ()

    @property
    def fixed_tests(self) -> tuple[str, ...]:
        """What is fixed, without the files that could not be collected where their tests are told themselves."""
        files = {node.split("::", 1)[0] for node in self.fixed if "::" in node}
        return tuple(node for node in self.fixed if node not in files)


def uncollected(cases: Sequence[CaseResult], python: str) -> str:
    """Say that no test could be collected: the first files with their errors, and what ran them where that may be the reason."""
    rows = ["No test could be collected:", *(f"  {case.place}: {case.message}" for case in cases[:3])]
    if python and any(case.error == "ModuleNotFoundError" for case in cases):
        rows.append(f"Ran on {python}. Activate the project's environment, or set [project] python.")
    return "\n".join(rows)


def delta(base: SuiteResult, run: SuiteResult) -> Delta:
    """Compare two runs test by test. A test that gave no outcome in `run` counts as nothing.

    Tests that are flaky in either are left out. A test that is skipped proves nothing: one that failed is not fixed by that, and one
    that passed is broken. A file that could not be collected on the base stands for the tests in it: none of them can be broken, and
    the file itself is fixed when all of them pass.
    """
    files = {case.node_id for case in base.cases if case.is_red and "::" not in case.node_id}
    fixed: list[str] = []
    broken: list[str] = []
    still: list[str] = []
    for case in run.cases:
        if case.node_id in base.flaky or case.node_id in run.flaky:
            continue
        before = base.by_id.get(case.node_id)
        was_red = before.is_red if before else case.node_id.split("::", 1)[0] in files
        is_lost = before is not None and case.outcome == "skipped" != before.outcome
        if was_red:
            (still if case.is_red or is_lost else fixed).append(case.node_id)
        elif case.is_red or is_lost:
            broken.append(case.node_id)
    whole = {node.split("::", 1)[0] for node in fixed} & files - {node.split("::", 1)[0] for node in still}
    return Delta((*fixed, *sorted(whole - set(fixed))), tuple(broken), tuple(still))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has to say about one place."""

    path: str
    line: int
    """0-based; 0 also when it speaks of the whole file."""
    message: str
    rule: str = ""
    """The check's own name for it, as `F401`; empty when it has none."""
    column: int = 0
    """0-based."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What stays the same when an edit elsewhere moves it."""
        return self.path, self.rule, _LINE_NUMBER.sub("line", self.message)

    def __str__(self) -> str:
        """Return it on one line, as compilers print it."""
        return f"{self.path}:{self.line + 1}:{self.column + 1}: {' '.join(word for word in (self.rule, self.message) if word)}"


GateKind = Literal["lint", "types", "command"]


@dataclass(frozen=True, slots=True)
class GateResult:
    """What lint, types or another check said about a candidate against the base."""

    name: str
    ok: bool
    """True also when it could not be run: then it says nothing."""
    summary: str
    """One line: `2 new findings`."""
    findings: tuple[Finding, ...] = ()
    """Those that count against what was checked."""
    kind: GateKind = "lint"
    ran: bool = True
    """False when the tool could not be run on either side; `summary` says why."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Flag:
    """What a person should know before they believe a verdict."""

    kind: Literal["flaky", "limited", "tampering"]
    message: str
    """What was seen, in a sentence without a full stop."""
    test: str = ""
    """Node id, where it is about one test."""
    rule: str = ""
    """Which detector; for tampering."""
    path: str = ""
    line: int = 0
    """0-based; says something only with a path."""

    def __str__(self) -> str:
        """Return it on one line."""
        return f"{self.kind}: {self.message}" + (f" ({self.path}:{self.line + 1})" if self.path else "")
