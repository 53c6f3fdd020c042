from __future__ import annotations

from dataclasses import replace

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.core.scope import Scope
from refine_tui.core.text import Span
from refine_tui.loop.ports.thinking import Ask, Fault, FillMarks, ModelInfo, Profile
from refine_tui.prompting.profiles import LineEdit, profile_for

METHOD = ("    def total(self):", "        return self.price", "")
ASK = Ask("make test_total pass", Scope("cart.py", "Cart.total", "method", Span(0, 10), 4, 6), METHOD)


def info(profile: str) -> ModelInfo:
    return ModelInfo("m", "m.gguf", "llama", "Q8_0", 1, 1024, "CPU", profile=profile)


def test_the_ranking_form_takes_indentation_off_and_the_answer_gets_it_back() -> None:
    profile = LineEdit()
    prompt = profile.prompt(ASK, "propose")
    assert prompt is not None
    assert "1|def total(self):" in prompt.text
    edit = profile.render_edit(METHOD, ("    def total(self):", "        return self.price * self.count", ""))
    assert edit.startswith("2|    return self.price * self.count\n")
    assert profile.read(edit, ASK) == ["    def total(self):", "        return self.price * self.count", ""]
    assert profile.read("9|x\n", ASK) == Fault("it is not a list of line edits")


def test_a_model_that_writes_edits_only_is_asked_for_nothing_else() -> None:
    profile: Profile = LineEdit()
    assert profile.prompt(ASK, "critique") is profile.prompt(ASK, "plan") is profile.again(ASK, "propose", "x", Fault("y")) is None
    assert not profile.converses
    with pytest.raises(ModelError, match="own marks"):
        profile.prompt(replace(ASK, lines=("x = '<|end|>'",)), "propose")


def test_each_model_gets_its_profile() -> None:
    assert profile_for(info("line-edit")).name == "line-edit"
    assert profile_for(info("scope-rewrite")).name == "scope-rewrite"
    assert profile_for(info("fim"), FillMarks("<P>", "<S>", "<M>")).name == "fim"


def test_a_completion_model_whose_marks_are_not_known_is_asked_to_rewrite() -> None:
    assert profile_for(info("fim")).name == "scope-rewrite"
