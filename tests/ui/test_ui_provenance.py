"""How a model was asked, what it was not told, and how its answers fared: shown where the proposal is."""

from __future__ import annotations

from dataclasses import replace

from refine_tui.core.critique import Critique, Effect
from refine_tui.core.review import Review
from refine_tui.core.stopping import StopReason
from refine_tui.loop import events
from refine_tui.ui.live import Live, advance
from refine_tui.ui.paint.evidence import paint_why
from refine_tui.ui.paint.loop_lines import paint_critique, paint_stream
from tests.ui.ui_fakes import make_review, ready


def made_by(proposer: str, **detail: str) -> Review:
    review = make_review()
    proposal = replace(review.candidate.proposal, proposer=proposer, detail=tuple((k.replace("_", " "), v) for k, v in detail.items()))
    return replace(review, candidate=replace(review.candidate, proposal=proposal))


def why(review: Review) -> list[str]:
    return [row.plain for row in paint_why(review)]


def test_a_model_s_proposal_tells_how_it_was_asked_and_what_it_was_not_told() -> None:
    said = why(made_by("model", model="m", prompt="refine.1", parts="rules 80, file 600 of 600", left_out="90 tokens of file"))
    assert "Asked     m  refine.1, tokens: rules 80, file 600 of 600" in said
    assert "! Not told 90 tokens of file: there was no room in the prompt" in said


def test_what_search_found_says_nothing_of_prompts() -> None:
    assert not any(row.startswith(("Asked", "! Not told")) for row in why(made_by("search")))


def test_a_patch_from_outside_is_called_that() -> None:
    assert "(brought in from outside)" in why(made_by("outside", form="unified diff"))[0]


def test_a_critique_tells_what_changed_what_held_and_what_could_not_be_read() -> None:
    critique = Critique(
        2,
        (),
        (),
        "c1 passes 1 of 2 and breaks none.",
        7,
        hypothesis="It adds.",
        rests_on="line 6",
        change="Multiply.",
        struck=1,
        effects=(Effect("t.py::test_a", "other", "1", "2"),),
        unread=1,
        answers=9,
        malformed=(("it has no fenced block", 3),),
    )
    said = "\n".join(row.plain for row in paint_critique(critique))
    for words in ("now test_a  2  before 1", "Model: It adds. (line 6) Multiply.", "1 critiques of the model could not be read"):
        assert words in said
    assert "of 9 answers some could not be used: 3 times it has no fenced block" in said


def test_a_task_that_ended_waits_neither_for_a_critique_nor_for_the_model() -> None:
    task = make_review().task
    finished = events.TaskFinished(task.id, "solved", StopReason.SOLVED, None, "", 1, 1, 2, 1.0)
    live = advance(Live(), [events.TaskStarted(task), finished], 0.0)
    assert [row.plain for row in paint_critique(live.critique, ended=live.finished is not None)] == ["The task ended without a critique."]
    assert [row.plain for row in paint_stream(live, ready().state())] == ["The model wrote nothing in the last round."]
