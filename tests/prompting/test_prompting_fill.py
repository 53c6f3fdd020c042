"""Filling in the middle: which lines are the hole, what stands around it, and how the answer goes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine_tui.core.errors import ModelError
from refine_tui.core.scope import Scope
from refine_tui.core.text import Span
from refine_tui.loop.ports.thinking import Ask, Fault, FillMarks, Profile
from refine_tui.prompting.fill_middle import FillMiddle

LINES = ("def clamp(x):", "    if x < 0:", "        return 1", "    if x > 9:", "        return 9", "    return x")
ASK = Ask("g", Scope("c.py", "clamp", "function", Span(0, 9), 3, 8), LINES, suspects=(2,), around="import os")
MARKS = FillMarks("<P>", "<S>", "<M>")
PROFILE = FillMiddle(MARKS, 2048)


def test_the_suspicious_line_is_what_is_left_open() -> None:
    ((ask, count),) = PROFILE.questions(ASK, 8)
    prompt = PROFILE.prompt(ask, "propose")
    assert prompt is not None
    assert count == 8
    assert prompt.text == ("<P>import os\n\n\ndef clamp(x):\n    if x < 0:\n<S>\n    if x > 9:\n        return 9\n    return x<M>")
    assert [part.name for part in prompt.parts] == ["file", "prefix", "suffix"]


def test_a_model_may_want_what_follows_first() -> None:
    prompt = FillMiddle(FillMarks("[P]", "[S]", "", suffix_first=True)).prompt(replace(ASK, around=""), "propose")
    assert prompt is not None
    assert prompt.text == "[S]\n    if x > 9:\n        return 9\n    return x[P]def clamp(x):\n    if x < 0:\n"


def test_answers_are_shared_out_among_the_most_suspicious_places() -> None:
    asked = PROFILE.questions(replace(ASK, suspects=(4, 1, 2, 5)), 7)
    assert [(one.suspects, count) for one, count in asked] == [((4, 5), 4), ((1, 2), 3)]
    assert [count for _, count in PROFILE.questions(replace(ASK, suspects=(0, 2, 4)), 2)] == [1, 1]


def test_without_suspicion_the_whole_body_is_open() -> None:
    ((ask, _),) = PROFILE.questions(replace(ASK, suspects=()), 1)
    assert ask.suspects == (1, 2, 3, 4, 5)


def test_lines_of_a_candidate_are_found_where_they_went() -> None:
    changed = (LINES[0], "    x = int(x)", *LINES[1:])
    ((ask, _),) = PROFILE.questions(replace(ASK, lines=changed, original=LINES), 1)
    assert [changed[n] for n in ask.suspects] == ["        return 1"]


@given(st.lists(st.integers(0, 5), unique=True), st.lists(st.text("ab ="), min_size=1, max_size=4))
def test_the_answer_takes_the_place_of_the_hole_and_of_nothing_else(suspects: list[int], middle: list[str]) -> None:
    for ask, _ in PROFILE.questions(replace(ASK, suspects=tuple(suspects)), 6):
        first, last = ask.suspects[0], ask.suspects[-1]
        read = PROFILE.read("\n".join(middle), ask)
        assert not isinstance(read, Fault)
        assert read[:first] == list(LINES[:first])
        assert read[len(read) - (len(LINES) - 1 - last) :] == list(LINES[last + 1 :])
        assert PROFILE.read("\n".join(LINES[first : last + 1]) + "\n", ask) == list(LINES)


def test_nothing_at_all_takes_the_lines_away() -> None:
    assert PROFILE.read("", ASK) == [*LINES[:2], *LINES[3:]]


@pytest.mark.parametrize("answer", ["a<S>", "```python\nx\n```", "a\rb"])
def test_an_answer_that_is_more_than_code_is_a_fault(answer: str) -> None:
    assert isinstance(PROFILE.read(answer, ASK), Fault)


def test_code_that_holds_the_marks_is_not_shown() -> None:
    with pytest.raises(ModelError, match="own marks"):
        PROFILE.prompt(replace(ASK, around="x = '<S>'"), "propose")


def test_only_changes_are_asked_for() -> None:
    profile: Profile = PROFILE
    assert profile.prompt(ASK, "critique") is profile.prompt(ASK, "plan") is profile.again(ASK, "propose", "x", Fault("y")) is None
    assert PROFILE.prompts.startswith("fim.1 ")


def test_of_an_unfinished_answer_only_whole_lines_are_settled() -> None:
    assert PROFILE.begun("        ret", ASK) == list(LINES[:2])
    assert PROFILE.begun("        return 0\n    x", ASK) == [*LINES[:2], "        return 0"]
    assert isinstance(PROFILE.begun("<S>\n", ASK), Fault)
