"""Second looks at a trial: at tests that were cut short, and at tests that say something else whenever they run in other company."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from refine_tui.core.evidence import CaseResult
from refine_tui.evaluation.cold import Job, Ran

Run = Callable[[Job], Ran]


def give_time(job: Job, ran: Ran, run: Run, full_s: float) -> None:
    """Run tests that were cut short with their full time, when they are all that speaks against the candidate.

    The first that uses that up ends it. Where more tests were cut short than pass, one more look at the whole candidate is left to
    the caller, who knows whether there is nothing better to do.
    """
    found = ran.gathered
    short = tuple(node for node, case in found.cases.items() if case.is_red and case.cut_short_s)
    passing = sum(not case.is_red for case in found.cases.values())
    if not short or found.stopped or len(short) + passing < len(found.cases) or (job.better_than is not None and passing <= len(short)):
        return
    limit_s = job.limit_s + len(short) * full_s
    nodes = (*short, *found.remaining())
    again = run(replace(job, node_ids=nodes, limit_s=limit_s, stop_at_first=True, better_than=None, limits={}, patient=None)).gathered
    found.cases.update(again.cases)
    found.stopped = again.stopped


class Reliance:
    """Which tests of a choice say on the base what they said when everything ran: the others depend on chance, or on tests before them."""

    def __init__(self, base: Mapping[str, CaseResult]) -> None:
        self._base = base
        self._known: dict[tuple[str, ...], frozenset[str]] = {}

    def unreliable(self, job: Job, run: Run) -> frozenset[str]:
        """Return the tests of a job that end otherwise on the base when just these run, once for each choice of tests."""
        nodes = job.node_ids or ()
        if nodes not in self._known:
            plain = replace(job, files={}, stop_at_first=False, better_than=None)
            found = run(plain).gathered.cases
            self._known[nodes] = frozenset(node for node, case in found.items() if self._differs(case) and not case.timed_out)
        return self._known[nodes]

    def settle(self, job: Job, ran: Ran, run: Run) -> frozenset[str]:
        """Leave out tests that cannot be relied on where a trial rests on them; return those.

        What they ended the trial for is no reason: the tests that are left run after all.
        """
        telling = {case.node_id for case in ran.gathered.cases.values() if self._differs(case)}
        doubtful = self.unreliable(job, run) & telling if telling else frozenset()
        if doubtful and ran.gathered.remaining():
            rest = replace(job, node_ids=tuple(node for node in job.node_ids or () if node not in doubtful))
            if rest.node_ids:
                again = run(rest).gathered
                ran.gathered.cases.update(again.cases)
                ran.gathered.stopped, ran.gathered.status = again.stopped, again.status
        return doubtful

    def _differs(self, case: CaseResult) -> bool:
        before = self._base.get(case.node_id)
        return before is not None and before.is_red is not case.is_red and not case.cut_short_s
