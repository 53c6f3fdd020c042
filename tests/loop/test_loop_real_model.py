"""The loop with real llama.cpp: an instruct model and a completion model with random weights, and the model that ships."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refine_tui.bootstrap_models import profile_of
from refine_tui.core.stopping import StopReason
from refine_tui.llama.client import LlamaGenerator
from refine_tui.loop import events
from refine_tui.models.registry import Registry
from tests.llama.tiny_gguf import tiny_metadata, write_tiny
from tests.loop.loop_script import Bench

PROJECT = {
    "roman.py": 'def roman(number):\n    if number == 4:\n        return "V"\n    return ""\n',
    "test_roman.py": 'from roman import roman\n\ndef test_four():\n    assert roman(4) == "IV"\n',
}
TEMPLATE = (
    "{% for m in messages %}<|code|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|code|>assistant\n{% endif %}"
)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    """Work on the project with a model file."""
    made: list[LlamaGenerator] = []

    def work(file: Path, candidates: int = 2, rounds: int = 1) -> tuple[list[events.Event], LlamaGenerator]:
        profile = Registry(tmp_path, user_config=tmp_path).resolve(str(file)).profile
        made.append(LlamaGenerator(file, log_file=tmp_path / "w.log", threads=1, profile=profile))
        bench = Bench(PROJECT, lambda prompt: [], rounds=rounds, candidates=candidates, real=made[-1])
        bench.profile = profile_of
        return bench.work(), made[-1]

    yield work
    for generator in made:
        generator.close()


def finished(told: list[events.Event]) -> events.TaskFinished:
    (end,) = [event for event in told if isinstance(event, events.TaskFinished)]
    return end


def test_a_random_instruct_model_is_asked_read_asked_again_and_left_behind(run: Any, tmp_path: Path) -> None:
    told, generator = run(write_tiny(tmp_path / "chat.gguf", context=8192, fields={"tokenizer.chat_template": TEMPLATE}))
    (critique,) = [event.critique for event in told if isinstance(event, events.CritiqueReady)]
    assert not [event.text for event in told if isinstance(event, events.Notice)]
    # Two drafts, the first of them once more, all of it noise; and a critique that cannot be read, twice.
    assert (critique.answers, sum(count for _, count in critique.malformed), critique.unread) == (3, 3, 1)
    assert finished(told).outcome == "unsolved"
    usage = generator.usage()
    assert usage.reused > usage.prompt / 2, "rules, file, scope and task are computed once"


@pytest.mark.slow
def test_rounds_with_a_model_that_writes_noise_come_to_an_end_after_one_look_from_scratch(run: Any, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "chat.gguf", context=4096, fields={"tokenizer.chat_template": TEMPLATE})
    told, _ = run(file, rounds=9)
    critiques = [event.critique for event in told if isinstance(event, events.CritiqueReady)]
    assert [critique.unread for critique in critiques] == list(range(1, len(critiques) + 1)), "each of them counts as a round"
    assert len([event for event in told if isinstance(event, events.PlanReady)]) == 1
    end = finished(told)
    assert (end.outcome, end.rounds, end.malformed) == ("unsolved", len(critiques), end.answers)
    assert end.rounds < 9
    assert end.reason in (StopReason.EXHAUSTED, StopReason.REPEATED, StopReason.PLATEAU)


def test_a_random_completion_model_is_asked_in_the_marks_of_its_vocabulary(run: Any, tmp_path: Path) -> None:
    tokens = tiny_metadata()["tokenizer.ggml.tokens"]
    fields = {
        "tokenizer.ggml.tokens": [*tokens[:-3], "<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
        "tokenizer.ggml.token_type": [*[3] * 3, *[1] * (len(tokens) - 6), *[3] * 3],
    }
    file = write_tiny(tmp_path / "fim.gguf", context=512, fields=fields)
    told, generator = run(file)
    assert generator.load().profile == "fim"
    assert not [event.text for event in told if isinstance(event, events.Notice)]
    assert profile_of(generator.load()).name == "fim"
    (critique,) = [event.critique for event in told if isinstance(event, events.CritiqueReady)]
    # It cannot be told what was wrong, so each of the two places was asked about once.
    assert critique.answers == 2
    assert critique.unread == 0


def test_the_model_that_ships_writes_edits_that_can_be_read(run: Any, tmp_path: Path) -> None:
    told, _ = run(Registry(tmp_path, user_config=tmp_path).shipped().path, candidates=32)
    (critique,) = [event.critique for event in told if isinstance(event, events.CritiqueReady)]
    assert critique.answers == 32
    assert dict(critique.malformed).get("it is not a list of line edits", 0) <= 3
    written = [event.candidate.proposal for event in told if isinstance(event, events.CandidateJudged)]
    assert written
    assert all(dict(proposal.detail)["prompts"].startswith("line-edit.1 ") for proposal in written)
