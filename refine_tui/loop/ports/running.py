"""Running code: a sandbox starts processes, an evaluator runs tests through it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Flag, GateResult, SuiteResult
from refine_tui.core.isolation import Level, Limits, Probe
from refine_tui.core.patch import Patch

Cancelled = Callable[[], bool]
Content = Mapping[str, bytes | None]
"""Path → what a file holds; `None` where there is no such file."""
OnCase = Callable[[CaseResult, int, int], None]
"""Called for each finished test with the result, how many are done, and how many there are (0: not known yet)."""
OnPhase = Callable[[str], None]
"""Called with what is done now, in words: `checking again 3 failing tests`."""


@dataclass(frozen=True)
class Launch:
    """A process to be started in a work copy of the project."""

    argv: tuple[str, ...]
    project: Path
    """The copy appears at this very path, and it is the working directory unless `cwd` says otherwise."""
    cwd: str = "."
    """Relative to the project."""
    readable: tuple[Path, ...] = ()
    """Folders the process may read beside the system's own: the interpreter, its environment."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Content laid over the project in the copy: project-relative path → bytes."""
    tools: Mapping[str, bytes] = field(default_factory=dict)
    """Our own stand-alone files, put into `{tools}`; that word in `argv` and `environment` becomes the folder's path."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the scrubbed environment."""
    limits: Limits = field(default_factory=Limits)
    nests: bool = False
    """The process will fork children that each get a copy of their own, by the sandbox's stand-alone `inside.py` in `{tools}`."""


class Running(Protocol):
    """A started process tree. A context manager: leaving it kills what is left."""

    stdin: IO[bytes]
    stdout: IO[bytes]

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return the exit status, or `None` when it still runs after `timeout_s`."""

    def kill(self) -> None:
        """End the whole process tree; safe to call from any thread and more than once."""

    @property
    def stopped(self) -> str:
        """The limit that ended it: `time`, `memory`, `output`, or empty."""

    @property
    def stderr_tail(self) -> str:
        """The last 8 kB of its standard error."""

    def __enter__(self) -> Running: ...
    def __exit__(self, *exc: object) -> None: ...


class Sandbox(Protocol):
    """Starts processes at one isolation level."""

    level: Level
    can_nest: bool
    """Whether `Launch.nests` works here; if not, every candidate is a launch of its own."""

    def probes(self) -> tuple[Probe, ...]:
        """Return what the canaries found for every level, strongest first."""

    def fingerprint(self, project: Path) -> str:
        """Return what the project's sources look like now: not the same before and after a run, and the run was of no one tree."""

    def launch(self, launch: Launch) -> Running:
        """Start a process.

        Raises:
            IsolationError: no level that may run code holds on this machine.
        """


class Evaluator(Protocol):
    """Runs the project's tests. One instance per project; a context manager that ends its processes."""

    level: Level

    def describe(self) -> str:
        """Return the project's interpreter and test runner in a few words.

        Raises:
            ProjectError: they cannot be used.
        """

    def baseline(
        self, on_case: OnCase, cancelled: Cancelled, *, limit_s: float, coverage: bool = True, on_phase: OnPhase | None = None
    ) -> Baseline:
        """Collect and run everything on the tree as it is, with per-test coverage. `on_phase` hears what follows the run itself.

        Raises:
            ProjectError: no tests, tests that cannot be collected, no pytest, no such interpreter.
        """

    def run(
        self,
        patch: Patch,
        node_ids: Sequence[str],
        cancelled: Cancelled,
        *,
        limit_s: float,
        stop_at_first: bool = False,
        better_than: Collection[str] | None = None,
        full_time: bool = False,
    ) -> SuiteResult:
        """Run some tests on the tree with a patch, warm where possible.

        A patch whose base is not the tree's text any more gives a result with `stopped="stale"`. With `stop_at_first` or `better_than`
        it is a trial: a test gets a few times what tests took on the base, and its full time only when nothing else speaks against
        the patch; see `SuiteResult.cut_short`.

        Args:
            limit_s: seconds for the first run of them all; what `full_time` adds comes on top.
            stop_at_first: end at the first failure.
            better_than: the tests that pass without what is tried here. The run ends, `stopped="no better"`, when one of them fails, or
                when failures have cost more than a moment and no other test passes.
            full_time: give every test its full time at once.
        """

    def expect(self, patch: Patch, node_ids: Sequence[str], *, limit_s: float, better_than: Collection[str]) -> None:
        """Say what will probably be run soon: where there are cores for it, it begins beside what runs now.

        It changes nothing but how soon an answer comes. A wrong guess is given up after a while.
        """

    def affected(self, coverage: Coverage, patch: Patch) -> tuple[str, ...]:
        """Return the tests that a patch can affect, as far as what they executed on the base tells; all of them when its base is gone."""

    def confirm(self, patch: Patch, on_case: OnCase, cancelled: Cancelled, *, limit_s: float) -> SuiteResult:
        """Run the whole suite cold on the tree with a patch: what may be called proof."""

    def gates(self, patch: Patch) -> tuple[GateResult, ...]:
        """Run lint and types, as far as the project uses them; only what the patch makes worse counts."""

    def inspect(self, before: Content | None = None) -> tuple[GateResult, ...]:
        """Run lint, types and the user's commands on the tree as it is.

        Args:
            before: what files held before, `None` for those that were not there: then only what is new since then counts.
        """

    def flags(self, before: Content, after: Content, *, strict: bool) -> tuple[Flag, ...]:
        """Return what makes a change look as if it made the tests say less instead of the code right.

        Args:
            before: the files that change, as they were.
            after: the same files as they are.
            strict: whether a machine made the change, to make tests pass: then it may not touch a test, nor silence a check.
        """

    def tools(self) -> Mapping[str, str]:
        """Return the versions of the tools that `inspect` uses, by name."""

    def refresh(self) -> None:
        """Forget warm state: the tree changed."""

    def close(self) -> None:
        """End every process."""
