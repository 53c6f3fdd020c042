"""Running one proposal and saying what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from refine_tui.core.candidate import Candidate, Verdict, changed_lines
from refine_tui.core.errors import StaleBaseError
from refine_tui.core.evidence import Baseline, Delta, SuiteResult, delta
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.task import Task
from refine_tui.core.text import SourceFile
from refine_tui.loop.pointing import is_file
from refine_tui.loop.ports.running import Evaluator
from refine_tui.loop.ports.thinking import Syntax

SHORTEST_S = 0.6
PATIENCE = 6.0
"""How many times longer a candidate may take that helped but did not come to an end."""
UNKNOWN_S = 5.0
"""Wall time for the tests of a file that could not be collected."""
LONGEST_S = 60.0
MANY_TESTS = 200
"""Up to this many affected tests run warm after the targets; the cold confirmation runs all of them anyway."""
ACCOMPANIED = 10
"""Candidates of one task that are run with all tests at once for a fixture's sake."""


@dataclass
class Judge:
    """Runs proposals of one task against one baseline and counts what it did."""

    task: Task
    baseline: Baseline
    tree: Mapping[str, bytes]
    evaluator: Evaluator
    syntax: Syntax
    cancelled: Callable[[], bool]
    executions: int = 0
    judged: int = 0
    seen: set[str] = field(default_factory=set)
    """Normalised texts that were tried: nothing is run twice."""
    hurried: list[tuple[Proposal, Candidate | None]] = field(default_factory=list)
    """What was no better when its time ran out, with its parent: given more of it, it might be."""
    accompanied: int = 0
    """Candidates that were run with all tests, since a fixture failed that may only hold in their company."""

    def admits(self, proposal: Proposal) -> bool:
        """Say whether a proposal is new, parses, and stays within the task's bounds."""
        if changed_lines(proposal) > self.task.budget.changed_lines:
            return False
        new = proposal.patch.apply(self.tree)
        sources = [SourceFile(path, data) for path, data in new.items()]
        if not all(self.syntax.is_valid(source) or self._is_no_worse(source) for source in sources):
            return False
        identity = "\0".join(f"{source.path}\0{self.syntax.normalised(source)}" for source in sources)
        if identity in self.seen:
            return False
        self.seen.add(identity)
        return True

    def _is_no_worse(self, source: SourceFile) -> bool:
        """Say whether a file that does not parse did not before either, and has no more errors now: what runs it may know more."""
        before = SourceFile(source.path, self.tree[source.path])
        return not self.syntax.is_valid(before) and len(self.syntax.errors(source)) <= len(self.syntax.errors(before))

    def judge(self, proposal: Proposal, round: int, parent: Candidate | None, *, full_time: bool = False) -> Candidate:
        """Run the targets with a proposal, then what else it can affect when it helps. `full_time`: each test gets all it may take.

        Raises:
            StaleBaseError: the user's tree changed under the task.
        """
        before = set(parent.delta.fixed) if parent else set()
        suite = self._tested(proposal.patch, before, full_time)
        change = delta(self.baseline.suite, suite)
        self.judged += 1
        verdict = self._verdict(change, suite, before)
        if verdict == "same" and not full_time and (suite.cut_short or suite.stopped == "time"):
            self.hurried.append((proposal, parent))
        parent_id = parent.id if parent else ""
        flaky = (f"flaky: {', '.join(suite.flaky)}",) if suite.flaky else ()
        return Candidate(f"c{self.judged}", proposal, round, verdict, change, suite, parent_id, flags=(*suite.limited, *flaky))

    def _tested(self, patch: Patch, before: set[str], full_time: bool) -> SuiteResult:
        """Run the targets, then what else a patch can affect when it helps; all at once where a fixture seems to want that."""
        suite = self._run(patch, self.task.targets, before, full_time)
        together = self._green() if self._misses_others(suite) else ()
        if together:
            self.accompanied += 1
            order = [case.node_id for case in self.baseline.suite.cases if case.node_id in {*together, *self.task.targets}]
            return self._run(patch, tuple(order), before.union(together), full_time)
        others = self._affected(patch) if set(delta(self.baseline.suite, suite).fixed) > before else ()
        return _joined(suite, self._run(patch, others)) if others else suite

    def expect(self, proposal: Proposal, parent: Candidate | None) -> None:
        """Let a proposal that will probably be judged next begin to run."""
        before = set(parent.delta.fixed) if parent else set()
        self.evaluator.expect(proposal.patch, self.task.targets, limit_s=self.limit_s(self.task.targets), better_than=before)

    def _run(
        self, patch: Patch, nodes: tuple[str, ...], better_than: Collection[str] | None = None, full_time: bool = False
    ) -> SuiteResult:
        """Run some tests: targets until they show that nothing is `better_than` what passes already, others until one fails."""
        self.executions += 1
        limit_s = self.limit_s(nodes)
        run = partial(
            self.evaluator.run,
            patch,
            nodes,
            self.cancelled,
            stop_at_first=better_than is None,
            better_than=better_than,
            full_time=full_time,
        )
        suite = run(limit_s=limit_s)
        if suite.stopped == "time" and delta(self.baseline.suite, suite).fixed:
            # It helped before the time was over: on a busy machine that may have been too little.
            self.executions += 1
            suite = run(limit_s=PATIENCE * limit_s)
        if suite.stopped == "stale":
            raise StaleBaseError("The project changed while candidates were being run. The task starts again on what is there now.")
        return suite

    def limit_s(self, nodes: tuple[str, ...]) -> float:
        """Return the wall time for some tests: a few times what they took on the base, hanging ones left out."""
        cases = [self.baseline.suite.by_id[node] for node in nodes if node in self.baseline.suite.by_id]
        usual = sum(case.duration_s for case in cases if not case.timed_out)
        unknown = UNKNOWN_S * sum(is_file(case.node_id) for case in cases)
        return min(LONGEST_S, SHORTEST_S + 5 * usual + unknown)

    def whole_limit_s(self) -> float:
        """Return the wall time for the whole suite, cold: generous, since running out of it would hide a solution."""
        return 30.0 + 5 * self.baseline.suite.duration_s

    def _misses_others(self, suite: SuiteResult) -> bool:
        """Say whether a fixture may have failed just because the other tests did not run: it did not before, in no code that changes."""
        known = self.baseline.suite.by_id
        fixtures = [case for case in suite.cases if case.outcome == "error" and case.node_id in known]
        strange = any(
            known[case.node_id].outcome == "failed" and self.tree.keys().isdisjoint(frame.path for frame in case.frames)
            for case in fixtures
        )
        return strange and self.accompanied < ACCOMPANIED

    def _green(self) -> tuple[str, ...]:
        """Return the tests that pass on the base; none when they are too many to run with a candidate."""
        green = tuple(case.node_id for case in self.baseline.suite.cases if case.outcome == "passed")
        return green if len(green) <= MANY_TESTS else ()

    def _affected(self, patch: Patch) -> tuple[str, ...]:
        """Return green tests that the patch can affect; all green ones when coverage knows nothing."""
        coverage = self.baseline.coverage
        green = [case.node_id for case in self.baseline.suite.cases if case.outcome == "passed"]
        known = set(self.evaluator.affected(coverage, patch)) if coverage.lines else set(green)
        wanted = [node for node in green if node in known]
        wanted.sort(key=lambda node: self.baseline.suite.by_id[node].duration_s)
        return tuple(wanted[:MANY_TESTS])

    def _verdict(self, change: Delta, suite: SuiteResult, before: set[str]) -> Verdict:
        if change.broken:
            return "worse"
        fixed = set(change.fixed)
        if suite.complete and set(self.task.targets) <= fixed:
            return "solved"
        return "improved" if fixed > before else "same"


def _joined(first: SuiteResult, second: SuiteResult) -> SuiteResult:
    return SuiteResult(
        (*first.cases, *second.cases),
        first.complete and second.complete,
        first.stopped or second.stopped,
        first.duration_s + second.duration_s,
        first.warm and second.warm,
        second.level,
        tuple(dict.fromkeys((*first.limited, *second.limited))),
        second.output or first.output,
        (*first.flaky, *second.flaky),
    )
