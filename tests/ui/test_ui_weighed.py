"""How much the tests notice, beside the evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refine_tui.core.mutants import Mutant, Weight
from refine_tui.core.review import Review
from refine_tui.loop.events import Weighed
from refine_tui.loop.session.state import QueueItem
from refine_tui.ui.messages import ResumeWork
from refine_tui.ui.paint.evidence import paint_evidence
from refine_tui.ui.session_worker import Mailbox
from tests.ui.ui_fakes import BASELINE, make_review, ready, task_events
from tests.ui.ui_hands import Opened, press

MISSED = Mutant("src/shop/cart.py", 11, "compare.operator", "< to <=")


def weighed(weight: Weight | None) -> Review:
    review = make_review()
    return replace(review, candidate=replace(review.candidate, weight=weight))


def said_of(review: Review, width: int = 100) -> str:
    return "\n".join(row.plain for row in paint_evidence(review, BASELINE, width))


def test_the_evidence_says_how_much_the_tests_notice_and_what_they_miss_first() -> None:
    said = said_of(weighed(Weight(39, 40, 86, (MISSED,))))
    assert "tests notice 39 of 40 mistakes put in here  not line 12: < to <=" in said


@pytest.mark.parametrize("weight", [None, Weight(), Weight(possible=9, ended="time")])
def test_nothing_is_said_when_nothing_was_measured(weight: Weight | None) -> None:
    assert said_of(weighed(weight)) == said_of(make_review())


def test_tests_that_notice_nothing_are_a_warning() -> None:
    assert "! Weak tests they notice none of 7 mistakes" in said_of(weighed(Weight(0, 7, 7, (MISSED,) * 7)))


def test_it_is_not_said_of_a_part_of_the_patch_that_was_not_weighed() -> None:
    review = weighed(Weight(39, 40, 86, (MISSED,)))
    edited = replace(review.hunks[0], edit=replace(review.hunks[0].edit, new=b"            pass\n"))
    marks = ((edited, "accepted"), *review.marks[1:])
    suite = review.candidate.suite
    partly = replace(review, marks=marks).with_evidence(frozenset({edited.key}), suite)
    assert "notice" not in said_of(partly)


def test_of_what_the_screen_has_not_seen_yet_the_last_counts() -> None:
    mail = Mailbox(lambda: None)
    first, last = (Weighed(weighed(Weight(killed, killed, 9))) for killed in (1, 2))
    mail.put(first)
    mail.put(last)
    assert mail.drain() == (last,)


async def test_a_task_that_ended_is_weighed_after_its_proposal_is_there(opened: Opened) -> None:
    review = make_review()
    session = ready()
    session.current = session.current.with_item(QueueItem(review.task))
    session.scripts = {review.task.id: task_events(review.task, review)}
    async with opened(session) as pilot:
        pilot.app.screen.post_message(ResumeWork())
        await press(pilot)
        assert [call[0] for call in session.calls if call[0] in ("work", "weigh")] == ["work", "weigh"]
        assert session.called("weigh") == [(review.task.id,)]
