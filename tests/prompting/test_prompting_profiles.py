from __future__ import annotations

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.core.evidence import CaseResult
from refine_tui.core.scope import Scope
from refine_tui.core.text import Span
from refine_tui.loop.ports.thinking import Ask, ModelInfo
from refine_tui.prompting.chat import LONGEST_TEMPLATE, ChatTurn, render_chat
from refine_tui.prompting.profiles import LineEdit, ScopeRewrite, profile_for

METHOD = ("    def total(self):", "        return self.price", "")
ASK = Ask(
    "make test_total pass",
    Scope("cart.py", "Cart.total", "method", Span(0, 10), 4, 6),
    METHOD,
    (CaseResult("tests/test_cart.py::test_total", "failed", message="assert 1 == 2", details="E assert 1 == 2"),),
    suspects=(1,),
    tried=("+ to -",),
    note="mind the quantity",
)
TURNS = (ChatTurn("system", "Be brief."), ChatTurn("user", "Hello"))


def info(profile: str) -> ModelInfo:
    return ModelInfo("m", "m.gguf", "llama", "Q8_0", 1, 1024, "CPU", profile=profile)


def test_the_ranking_form_takes_indentation_off_and_the_answer_gets_it_back() -> None:
    profile = LineEdit()
    assert "1|def total(self):" in profile.prompt(ASK)
    edit = profile.render_edit(METHOD, ("    def total(self):", "        return self.price * self.count", ""))
    assert edit.startswith("2|    return self.price * self.count\n")
    assert profile.read(edit, ASK) == ["    def total(self):", "        return self.price * self.count", ""]
    assert profile.read("9|x\n", ASK) is None
    assert profile.critique_prompt(ASK) == ""


def test_what_copying_a_line_costs_is_asked_in_the_same_form_as_an_edit() -> None:
    profile = LineEdit()
    assert profile.render_unchanged(METHOD, 1) == "2|    return self.price\n<|end|>"
    edit = profile.render_edit(METHOD, ("    def total(self):", "        # now with tax", "        return self.taxed", ""))
    assert profile.touched(edit) == (1, None)
    assert profile.touched(profile.render_edit(METHOD, METHOD[:1])) == (None, None)
    assert profile.touched(profile.render_unchanged(METHOD, 2)) == (2,)


def test_an_instruct_model_is_told_rules_code_failures_and_what_was_tried_in_that_order() -> None:
    prompt = ScopeRewrite("").prompt(ASK)
    places = [
        prompt.index(word)
        for word in ("You repair", "return self.price", "make test_total pass", "assert 1 == 2", "+ to -", "mind the quantity")
    ]
    assert places == sorted(places)
    assert "   6          return self.price" in prompt


def test_a_whole_function_is_read_from_one_block_and_indented_like_the_scope() -> None:
    profile = ScopeRewrite("")
    answer = "Here:\n```python\ndef total(self):\n    return self.price * 2\n```\n"
    assert profile.read(answer, ASK) == ["    def total(self):", "        return self.price * 2"]
    assert profile.read(answer.rstrip().removesuffix("```"), ASK) == ["    def total(self):", "        return self.price * 2"]


@pytest.mark.parametrize("answer", ["", "no block", "```\na\n```\n```\nb\n```", "```python\n\n```"])
def test_an_answer_that_is_not_one_block_is_malformed(answer: str) -> None:
    assert ScopeRewrite("").read(answer, ASK) is None


def test_each_model_gets_its_profile() -> None:
    assert profile_for(info("line-edit")).name == "line-edit"
    assert profile_for(info("scope-rewrite")).name == "scope-rewrite"


def test_a_template_of_the_file_is_used() -> None:
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
    assert render_chat(template, TURNS) == "<system>Be brief.<user>Hello<assistant>"


def test_a_template_without_a_system_role_gets_its_text_with_the_first_user_turn() -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "[{{ m.role }}] {{ m.content }}{% endfor %}"
    )
    assert render_chat(template, TURNS) == "[user] Be brief.\n\nHello"


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages.__class__.__mro__[1].__subclasses__() }}",
        "{% for m in %}",
        "{{ 1 / 0 }}",
        "{{ raise_exception('never') }}",
        "x" * (LONGEST_TEMPLATE + 1),
    ],
)
def test_a_hostile_or_broken_template_is_an_error_in_words(template: str) -> None:
    with pytest.raises(ModelError, match="chat template"):
        render_chat(template, TURNS)
