"""The model in the loop, by script: drafts, re-asks, critiques, plans, repeats; nothing it says makes the loop go round for ever."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

from refine_tui.core.stopping import StopReason
from refine_tui.loop import events
from refine_tui.loop.ports.thinking import FillMarks
from refine_tui.prompting.profiles import LineEdit, profile_for
from tests.loop.loop_script import Bench, block

ROMAN = 'LIMIT = 9\n\n\ndef other(n):\n    secret = n\n    return secret\n\n\ndef roman(number):\n    return ""\n'
RIGHT = 'def roman(number):\n    return {4: "IV", 9: "IX"}[number]\n'
HALF = 'def roman(number):\n    return "IV"\n'
WRONG = 'def roman(number):\n    return "V"\n'
TESTS = """from roman import roman

def test_four():
    assert roman(4) == "IV", "four"

def test_nine():
    assert roman(9) == "IX", "nine"
"""
PROJECT = {"roman.py": ROMAN, "test_roman.py": TESTS}
CRITIC = "Write no code. Say why"
PLANNER = "Look at it afresh"
AGAIN = "Your answer cannot be used"
CRITIQUE = "CAUSE: It knows only one number.\nLINES: line 10\nCHANGE: Add `9`."
E = TypeVar("E", bound=events.Event)


def only(told: Sequence[events.Event], kind: type[E]) -> list[E]:
    return [event for event in told if isinstance(event, kind)]


def finished(told: Sequence[events.Event]) -> events.TaskFinished:
    (end,) = only(told, events.TaskFinished)
    return end


def test_a_right_answer_is_run_and_proposed_with_all_that_is_needed_to_ask_again() -> None:
    bench = Bench(PROJECT, lambda prompt: [block(RIGHT)])
    told = bench.work()
    assert finished(told).outcome == "solved"
    best = finished(told).best
    assert best is not None
    detail = dict(best.proposal.detail)
    assert detail["prompt"] == "propose.1"
    assert detail["prompts"].startswith("common.1 ")
    assert detail["parts"].startswith("rules ")
    assert (detail["model"], detail["temperature"], "left out" in detail) == ("scripted", "0.9", False)
    (stored,) = [row for _, _, _, _, row in bench.journal.rows("candidate") if row["verdict"] == "solved"]
    assert stored["detail"] == detail


def test_the_file_around_the_scope_is_shown_without_other_bodies() -> None:
    bench = Bench(PROJECT, lambda prompt: [block(RIGHT)])
    bench.work()
    assert "LIMIT = 9\n\ndef other(n):\n    ...\n\ndef roman(number):\n    ..." in bench.model.prompts[0]
    assert "secret" not in bench.model.prompts[0]


def test_what_is_written_for_one_scope_is_run_before_the_next_is_asked_about() -> None:
    table = '{4: "IV", 9: "IX"}'
    code = 'def digit(n):\n    return ""\n\n\ndef roman(number):\n    return digit(number)\n'
    right = {name: f"def {name}(n):\n    return {table}[n]\n" for name in ("digit", "roman")}
    bench = Bench({**PROJECT, "roman.py": code}, lambda prompt: [block(right["digit" if "Change `digit`" in prompt else "roman"])])
    assert finished(bench.work()).outcome == "solved"
    assert len(bench.model.prompts) == 1


def test_what_did_not_fit_into_the_prompt_is_part_of_the_provenance() -> None:
    long = {**PROJECT, "roman.py": "".join(f"NAME_{n} = {n}\n" for n in range(400)) + ROMAN}
    best = finished(Bench(long, lambda prompt: [block(RIGHT)]).work()).best
    assert best is not None
    assert dict(best.proposal.detail)["left out"].endswith("tokens of file")


def test_an_answer_that_cannot_be_read_is_asked_for_once_more_with_its_fault() -> None:
    bench = Bench(PROJECT, lambda prompt: [block(RIGHT)] if AGAIN in prompt else ["return 4", "no"])
    told = bench.work()
    assert finished(told).outcome == "solved"
    first, second = bench.model.prompts
    assert "it has no fenced block" in second
    assert "return 4" in second
    assert second.startswith(first.removesuffix("Assistant:\n"))
    assert (finished(told).answers, finished(told).malformed) == (3, 2)
    best = finished(told).best
    assert best is not None
    assert dict(best.proposal.detail)["prompt"] == "again.1"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("junk", "it has no fenced block"),
        (block("def roman(number:\n"), "its code does not parse"),
        (block("def arabic(number):\n    return 4\n"), "its code does not define `roman`"),
        (block(WRONG) + "…", "it was cut off because it is too long"),
    ],
)
def test_answers_that_are_never_readable_are_all_counted_and_end_the_task(answer: str, fault: str) -> None:
    bench = Bench(PROJECT, lambda prompt: [CRITIQUE] if CRITIC in prompt else [answer], candidates=3)
    told = bench.work()
    assert (finished(told).outcome, finished(told).reason, finished(told).candidates) == ("unsolved", StopReason.EXHAUSTED, 0)
    critiques = [event.critique for event in only(told, events.CritiqueReady)]
    # Each round asks for three and once more for one of them; the second round is the look from scratch.
    assert [(one.answers, one.malformed) for one in critiques] == [(4, ((fault, 4),)), (8, ((fault, 8),))]
    assert sum(AGAIN in prompt for prompt in bench.model.prompts) == 2


def test_an_answer_that_can_no_longer_parse_is_dropped_while_it_is_written() -> None:
    hopeless = block("def roman(number):\n    if number = 4:\n        return 1\n    return 2\n    return 3\n")
    bench = Bench(PROJECT, lambda prompt: [CRITIQUE] if CRITIC in prompt else [hopeless, block(HALF)], rounds=1)
    told = bench.work()
    assert bench.model.dropped[0] == "```python\ndef roman(number):\n    if number = 4:\n"
    (critique,) = [event.critique for event in only(told, events.CritiqueReady)]
    assert (critique.answers, critique.malformed) == (3, (("its code does not parse", 2),))
    assert finished(told).outcome == "improved"


def test_the_model_s_critique_leads_to_the_better_change() -> None:
    def answers(prompt: str) -> list[str]:
        if CRITIC in prompt:
            return [CRITIQUE]
        return [block(RIGHT if "It knows only one number." in prompt else HALF)]

    bench = Bench(PROJECT, answers)
    told = bench.work()
    (critique,) = [event.critique for event in only(told, events.CritiqueReady)]
    assert (critique.hypothesis, critique.rests_on, critique.change) == ("It knows only one number.", "line 10", "Add `9`.")
    assert finished(told).outcome == "solved"
    refining = bench.model.prompts[-1]
    for said in ('return "IV"', "test_nine", "Cause: It knows only one number.", "test_four passes with it"):
        assert said in refining
    assert "Suggested change: Add `9`." in refining


def test_what_a_critique_cites_and_is_not_there_is_struck_out_and_counted() -> None:
    critique = (
        "CAUSE: It fails. It raises KeyError. Line 99 is wrong.\nLINES: line 10, line 77, `nowhere`\nCHANGE: Add `new(code)`. See line 55."
    )
    bench = Bench(PROJECT, lambda prompt: [critique] if CRITIC in prompt else [block(HALF)], rounds=1)
    (told,) = only(bench.work(), events.CritiqueReady)
    assert (told.critique.hypothesis, told.critique.rests_on, told.critique.change) == ("It fails.", "line 10", "Add `new(code)`.")
    assert told.critique.struck == 5


def test_a_critique_that_cannot_be_read_costs_its_round_and_nothing_more() -> None:
    counter = iter(range(100))

    def answers(prompt: str) -> list[str]:
        return ["I think it is fine"] if CRITIC in prompt else [block(f'def roman(number):\n    return "{next(counter)}"\n')]

    bench = Bench(PROJECT, answers, rounds=3, candidates=1)
    told = bench.work()
    assert [event.critique.unread for event in only(told, events.CritiqueReady)] == [1, 2, 3]
    assert [event.critique.hypothesis for event in only(told, events.CritiqueReady)] == ["", "", ""]
    assert finished(told).reason in (StopReason.ROUNDS, StopReason.PLATEAU)
    assert sum(CRITIC in prompt and AGAIN not in prompt for prompt in bench.model.prompts) == 3
    assert sum(CRITIC in prompt and AGAIN in prompt for prompt in bench.model.prompts) == 3


def test_one_answer_over_and_over_is_run_once_and_ends_after_a_second_look() -> None:
    bench = Bench(PROJECT, lambda prompt: [CRITIQUE] if CRITIC in prompt else ["Do it."] if PLANNER in prompt else [block(WRONG)])
    told = bench.work()
    assert (finished(told).reason, finished(told).candidates) == (StopReason.REPEATED, 1)
    asked = [
        "plan" if PLANNER in p else "critique" if CRITIC in p else "refine" if "better change" in p else "propose"
        for p in bench.model.prompts
    ]
    assert asked == ["propose", "critique", "refine", "critique", "plan", "propose", "critique"]


def test_the_second_look_begins_from_scratch_and_knows_what_is_ruled_out() -> None:
    bench = Bench(
        PROJECT, lambda prompt: [CRITIQUE] if CRITIC in prompt else ["Map it. See line 99."] if PLANNER in prompt else [block(WRONG)]
    )
    told = bench.work()
    (plan,) = only(told, events.PlanReady)
    assert (plan.text, plan.struck) == ("Map it.", 1)
    planned, fresh = bench.model.prompts[-3], bench.model.requests[-2]
    assert 'write `return "V"`' in planned
    assert "The plan:\nMap it." in fresh.prompt
    assert "It knows only one number" not in fresh.prompt
    assert fresh.sampling.temperature > bench.model.requests[0].sampling.temperature


def test_a_second_look_may_solve_what_the_rounds_before_did_not() -> None:
    bench = Bench(
        PROJECT,
        lambda prompt: (
            [CRITIQUE] if CRITIC in prompt else ["Map it."] if PLANNER in prompt else [block(RIGHT if "Map it" in prompt else WRONG)]
        ),
    )
    assert finished(bench.work()).outcome == "solved"


def test_no_round_tries_again_what_differs_in_layout_only() -> None:
    layouts = [block('def roman(number):\n    return  "V"\n'), block('def roman(number):\n    # now\n    return "V"\n'), block(WRONG)]
    bench = Bench(PROJECT, lambda prompt: [CRITIQUE] if CRITIC in prompt else layouts, candidates=3)
    assert finished(bench.work()).candidates == 1


def test_a_goal_in_words_is_planned_first() -> None:
    bench = Bench(PROJECT, lambda prompt: ["Use a table."] if PLANNER in prompt else [block(RIGHT)])
    bench.work(goal="support nine")
    assert PLANNER in bench.model.prompts[0]
    assert "The plan:\nUse a table." in bench.model.prompts[1]
    assert "(goal: support nine)" in bench.model.prompts[1]


def test_all_prompts_about_one_scope_begin_alike() -> None:
    bench = Bench(PROJECT, lambda prompt: [CRITIQUE] if CRITIC in prompt else ["Map."] if PLANNER in prompt else [block(HALF)])
    bench.work()
    shared = os.path.commonprefix(bench.model.prompts)  # noqa: RUF071 - by characters is what is meant
    assert "Most suspicious lines:" in shared
    assert len(bench.model.prompts) >= 4


def test_a_completion_model_fills_in_the_suspicious_line() -> None:
    bench = Bench(PROJECT, lambda prompt: ['    return {4: "IV", 9: "IX"}[number]'], profile="fim")
    bench.profile = lambda info: profile_for(info, FillMarks("<P>", "<S>", "<M>"))
    end = finished(bench.work())
    assert (end.outcome, end.best and end.best.proposal.operator) == ("solved", "fim")
    assert bench.model.prompts[0].endswith("def roman(number):\n<S><M>")


def test_a_scope_that_does_not_fit_is_told_and_the_task_ends() -> None:
    bench = Bench(PROJECT, lambda prompt: [block(RIGHT)], context_tokens=256)
    told = bench.work()
    assert any("choose a smaller scope" in event.text for event in only(told, events.Notice))
    assert finished(told).outcome == "unsolved"


def test_the_small_model_writes_once_single_edits_are_used_up() -> None:
    lines = ["def roman(number):", '    return ""']
    edit = LineEdit().render_edit(lines, RIGHT.splitlines())
    tried: list[int] = []

    def answers(_: str) -> list[str]:
        tried.append(len(list(bench.journal.rows("candidate"))))
        return [edit]

    bench = Bench(PROJECT, answers, candidates=1_000, profile="line-edit")
    end = finished(bench.work(search=True))
    assert end.outcome == "solved"
    assert end.best is not None
    assert end.best.proposal.proposer == "model"
    assert tried[0] > 30
    assert tried[0] + 2 > end.candidates
