from __future__ import annotations

from refine_tui.core.review import Review
from refine_tui.loop.session.memory import recall, remember_review
from tests.loop.loop_fakes import MemoryJournal
from tests.ui.ui_fakes import make_review


def changed(journal: MemoryJournal, before: Review, after: Review) -> Review:
    remember_review(journal, after, before)
    return after


def recalled(journal: MemoryJournal) -> Review:
    (review,) = recall(journal)[1]
    return review


def test_decisions_are_stored_without_the_review_and_come_back_with_their_undo_history() -> None:
    journal, review = MemoryJournal(), make_review(prices=True)
    remember_review(journal, review)
    review = changed(journal, review, review.decide("h1", "accepted"))
    review = changed(journal, review, review.decide_rest("src/shop/cart.py", "rejected"))
    review = changed(journal, review, review.toggle("h3"))
    review = changed(journal, review, review.undo())
    review = changed(journal, review, review.undo())
    review = changed(journal, review, review.redo())
    assert [kind for _, _, kind, _, _ in journal.stored] == ["proposal", *["mark"] * 6]
    assert max(len(text) for _, _, kind, _, text in journal.stored if kind == "mark") < 120
    back = recalled(journal)
    assert (back.marks, back.past, back.future) == (review.marks, review.past, review.future)


def test_what_is_more_than_a_decision_is_stored_whole_and_later_decisions_rest_on_it() -> None:
    journal = MemoryJournal()
    review = make_review(new=make_review().tree["src/shop/cart.py"].replace(b"subtotal = 0\n        for", b"subtotal = 0.0\n        FOR"))
    remember_review(journal, review)
    review = changed(journal, review, review.decide("h1", "rejected"))
    review = changed(journal, review, review.split("h1"))
    review = changed(journal, review, review.decide("h1.2", "accepted"))
    assert [kind for _, _, kind, _, _ in journal.stored] == ["proposal", "mark", "proposal", "mark"]
    assert recalled(journal).marks == review.marks


def test_a_stored_decision_that_fits_nothing_changes_nothing() -> None:
    journal, review = MemoryJournal(), make_review()
    remember_review(journal, review)
    for row in ({"step": "decide", "decisions": ["accepted"]}, {"step": "decide", "decisions": ["x", "y"]}, {"step": "jump"}, {}):
        journal.append("mark", {"review": review.id, **row}, task="t1")
    journal.append("mark", {"review": "p9", "step": "undo"}, task="t1")
    assert recalled(journal).marks == review.marks
