"""When rounds are seen to lead nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from refine_tui.core.stopping import StopReason
from refine_tui.loop import events
from tests.loop.loop_script import Bench, block

PROJECT = {
    "roman.py": 'def roman(number):\n    return ""\n',
    "test_roman.py": 'from roman import roman\n\ndef test_four():\n    assert roman(4) == "IV"\n',
}


def end(told: Sequence[events.Event]) -> events.TaskFinished:
    (finished,) = [event for event in told if isinstance(event, events.TaskFinished)]
    return finished


def asked(bench: Bench) -> list[str]:
    return ["plan" if "Look at it afresh" in prompt else "critique" if "CAUSE" in prompt else "change" for prompt in bench.model.prompts]


def test_new_answers_that_are_no_better_end_after_one_look_from_scratch() -> None:
    fresh = iter(range(1000))
    bench = Bench(PROJECT, lambda prompt: [block(f"def roman(number):\n    return {next(fresh)}\n")], rounds=9, candidates=1)
    finished = end(bench.work())
    # Three rounds to see that it gets no better, then the second look.
    assert (finished.reason, finished.rounds, asked(bench).count("plan")) == (StopReason.PLATEAU, 4, 1)


def test_the_budget_of_rounds_holds_for_the_second_look_too() -> None:
    bench = Bench(PROJECT, lambda prompt: ["junk"], rounds=1)
    assert (end(bench.work()).rounds, asked(bench).count("plan")) == (1, 0)


def test_a_model_that_is_left_alone_gets_no_second_look() -> None:
    bench = Bench(PROJECT, lambda prompt: ["junk"], context_tokens=200)
    assert end(bench.work()).reason is StopReason.EXHAUSTED
    assert bench.model.prompts == []
