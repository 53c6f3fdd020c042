"""The loop says what it will probably try next."""

from __future__ import annotations

from refine_tui.loop import events
from tests.loop.test_loop_review import CLAMP_PROJECT, Shop


def never() -> bool:
    return False


def test_what_a_stream_offers_next_is_said_before_a_candidate_is_run() -> None:
    shop = Shop(CLAMP_PROJECT)
    list(shop.session.survey(never))
    judged = [event.candidate for event in shop.session.work_all(never) if isinstance(event, events.CandidateJudged)]
    expected = [patch for patch, *_ in shop.evaluator.expected]
    right = [after.proposal.patch in expected for after in judged[1:]]
    assert sum(right) > len(right) / 2
    assert all(nodes and limit_s > 0 for _, nodes, limit_s, _ in shop.evaluator.expected)
