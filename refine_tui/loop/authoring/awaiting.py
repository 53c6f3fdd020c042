"""Whether a test that comes first fails for the right reason: because the goal is not reached yet, and not by itself."""

from __future__ import annotations

from refine_tui.core.candidate import Candidate, awaited
from refine_tui.core.evidence import CaseResult, SuiteResult
from refine_tui.core.scope import Scope


def amiss(case: CaseResult, scope: Scope) -> str:
    """Say why a result is not that of a test which waits for a goal in `scope`; empty when it is."""
    if not case.is_red:
        return f"{case.node_id.rpartition('::')[2]} passes already"
    if case.outcome == "error" or case.timed_out:
        return f"it cannot run: {case.message}"
    in_scope = any(frame.path == scope.path and scope.holds_line(frame.line) for frame in case.frames)
    if case.error in ("AssertionError", "Failed") or in_scope:
        return ""
    return f"it fails by itself: {case.message or case.error}"


def amiss_in(candidate: Candidate, run: SuiteResult) -> str:
    """Say why the tests that a candidate puts first are not what has to fail now; empty when they are."""
    cases = awaited(candidate, run)
    if not cases:
        return "none of the new tests was run"
    return next((words for case in cases if (words := amiss(case, candidate.proposal.scope))), "")
