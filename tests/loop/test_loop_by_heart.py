"""What passes the tests by giving what they want is shown for what it is, and never called solved."""

from __future__ import annotations

from dataclasses import replace

from refine_tui.core.evidence import Baseline, Flag
from refine_tui.core.task import Budget
from refine_tui.evaluation.tampering import find
from refine_tui.loop import events
from refine_tui.loop.ports.running import Cancelled, Content, OnCase, OnPhase
from tests.loop.loop_fakes import ForkEvaluator, MemoryWorkspace
from tests.loop.test_loop_refine import Made

SLUG = "def slug(text):\n    return text\n"
SLUG_TEST = 'from slug import slug\n\ndef test_words():\n    assert slug("Hello, World again") == "hello-world-again"\n'
COST = "def cost(distance, zone):\n    return distance + zone\n"
COST_TEST = "from cost import cost\n\ndef test_far():\n    assert cost(12, 4) == 48\n"
WANTED = {"test_slug.py::test_words": "'hello-world-again'", "test_cost.py::test_far": "48"}
FEW = Budget(rounds=1, candidates=200, seconds=None)


class Watchful(ForkEvaluator):
    """Looks for tampering as the real one does."""

    def __init__(self, workspace: MemoryWorkspace) -> None:
        super().__init__(workspace)
        self.tests = {path: data for path, data in workspace.tree.items() if path.startswith("test_")}

    def baseline(
        self, on_case: OnCase, cancelled: Cancelled, *, limit_s: float, coverage: bool = True, on_phase: OnPhase | None = None
    ) -> Baseline:
        """Tell what the tests compared, too."""
        known = super().baseline(on_case, cancelled, limit_s=limit_s, coverage=coverage, on_phase=on_phase)
        cases = tuple(replace(case, values=("''", WANTED[case.node_id])) for case in known.suite.cases)
        return replace(known, suite=replace(known.suite, cases=cases))

    def flags(self, before: Content, after: Content, *, strict: bool) -> tuple[Flag, ...]:
        return find(before, after, self.tests, strict=strict)


class Watched(Made):
    """A session whose evaluator looks for tampering."""

    evaluator_kind = Watchful


def test_the_value_of_a_test_put_into_the_code_is_no_solution() -> None:
    told, end = Watched({"slug.py": SLUG, "test_slug.py": SLUG_TEST}, FEW).fix()
    found = [event.candidate for event in told if isinstance(event, events.CandidateJudged) and event.candidate.by_heart]
    assert {candidate.verdict for candidate in found} == {"improved"}
    assert [candidate.confirmed for candidate in found].count(True) == 1, "only the first is worth a cold run"
    assert (end.outcome, "return 'hello-world-again'" in end.patch.apply(end.tree)["slug.py"].decode()) == ("improved", True)
    assert any("where it computed something" in flag for flag in end.flags)


def test_whatever_computes_the_value_is_found_first() -> None:
    told, end = Watched({"cost.py": COST, "test_cost.py": COST_TEST}, FEW).fix()
    assert end.outcome == "solved"
    assert end.patch.apply(end.tree)["cost.py"].decode() == COST.replace("+", "*")
    assert not any(event.candidate.by_heart for event in told if isinstance(event, events.CandidateJudged))
