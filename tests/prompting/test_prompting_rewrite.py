"""What an instruct model is shown, in which order, what is cut, and how strictly its answers are read."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from refine_tui.core.critique import Hypothesis
from refine_tui.core.errors import ModelError
from refine_tui.core.evidence import CaseResult, Frame
from refine_tui.core.scope import Scope
from refine_tui.core.text import Span, digest
from refine_tui.loop.ports.thinking import Ask, Fault, Step
from refine_tui.prompting import prompts
from refine_tui.prompting.chat import ChatFormat
from refine_tui.prompting.scope_rewrite import LIMITS, ScopeRewrite

METHOD = ("    def total(self):", "        return self.price", "")
WORSE = ("    def total(self):", "        return self.price + {text}", "")
CASE = CaseResult(
    "tests/test_cart.py::test_total",
    "failed",
    message="assert 1 == 2",
    details="E  assert 1 == 2 in full",
    frames=(Frame("cart.py", 5, "total"),),
    values=("1", "2"),
)
ASK = Ask(
    "make test_total pass",
    Scope("cart.py", "Cart.total", "method", Span(0, 10), 4, 6),
    METHOD,
    (CASE,),
    suspects=(1,),
    note="mind the quantity",
    around="import money\n\nclass Cart:\n    ...",
)
LATER = replace(ASK, lines=WORSE, original=METHOD, tried=("+ to -",), critique="It forgets the quantity.", plan="Multiply.")
PROFILE = ScopeRewrite(ChatFormat(), 8192)
BLOCK = "```python\ndef total(self):\n    return self.price * 2\n```"
NEW = ["    def total(self):", "        return self.price * 2"]
IN_USE = {
    "common": "1:b02d0348",
    "plan": "1:49daf775",
    "propose": "1:09e56183",
    "critique": "1:8fd7c08a",
    "refine": "1:f0db80d7",
    "again": "1:9e407c0c",
    "faster": "1:7d172d30",
    "specify": "1:40c3d4f6",
}
"""File → version and hash. A text that is changed gets a new version; then both change here."""


def test_a_prompt_file_that_is_changed_gets_a_new_version() -> None:
    assert {name: f"{prompts.VERSIONS[name]}:{digest(prompts.text_of(name).encode())[:8]}" for name in prompts.VERSIONS} == IN_USE


def test_the_fingerprint_names_every_file_with_version_and_hash() -> None:
    assert re.fullmatch(r"(\w+\.\d [0-9a-f]{8}(, |$)){8}", PROFILE.prompts)


def test_what_stays_comes_first_and_what_changes_last() -> None:
    text = PROFILE.prompt(LATER, "refine").text
    said = (
        "You repair code",
        "import money",
        "        return self.price\n",
        "make test_total pass",
        "mind the quantity",
        "line 6: return self.price",
        "Multiply.",
        "return self.price + {text}",
        "test_total: assert 1 == 2",
        "at cart.py:6 in total",
        "assert 1 == 2 in full",
        "It forgets the quantity.",
        "+ to -",
        "Make a better change of `Cart.total`",
    )
    places = [text.index(words) for words in said]
    assert places == sorted(places)


def test_what_a_part_tells_already_is_not_told_again() -> None:
    long = replace(CASE, message="assert total(...) == ...", details="cart.py:6: AssertionError")
    assert "compared 1 with 2" in PROFILE.prompt(replace(ASK, failures=(long,)), "propose").text
    assert "at cart.py:6" not in PROFILE.prompt(replace(ASK, failures=(long,)), "propose").text
    text = PROFILE.prompt(ASK, "propose").text
    assert "assert 1 == 2" in text
    assert "compared" not in text
    assert "suspicious" not in PROFILE.prompt(replace(ASK, suspects=(0, 1)), "propose").text


@pytest.mark.parametrize("step", ["plan", "propose", "critique", "refine"])
def test_every_step_of_a_task_begins_with_the_same_text(step: Step) -> None:
    first, later = PROFILE.prompt(ASK, "propose").text, PROFILE.prompt(LATER, step).text
    shared = next((i for i, (a, b) in enumerate(zip(first, later, strict=False)) if a != b), 0)
    assert first[:shared].endswith(("line 6: return self.price\n\n", "line 6: return self.price\n\nThe plan:\n"))


def test_equal_questions_give_equal_prompts_without_times_or_numbers_of_rounds() -> None:
    assert PROFILE.prompt(LATER, "refine") == PROFILE.prompt(LATER, "refine")
    assert not re.search(r"\b20\d\d\b|\d\d:\d\d|round", PROFILE.prompt(LATER, "refine").text)


def test_empty_parts_are_not_mentioned() -> None:
    text = PROFILE.prompt(replace(ASK, note="", around="", suspects=(), failures=()), "propose").text
    assert not any(words in text for words in ("plan", "without the bodies", "user says", "suspicious", "printed:", "did not help"))


def test_each_part_tells_what_it_costs_and_what_it_may() -> None:
    prompt = PROFILE.prompt(LATER, "refine")
    assert [part.name for part in prompt.parts] == [
        "rules",
        "file",
        "scope",
        "task",
        "plan",
        "candidate",
        "failures",
        "output",
        "critique",
        "tried",
        "step",
    ]
    assert prompt.form == "refine.1"
    assert re.match(r"rules \d+, file \d+ of 600, scope \d+, task \d+ of 300", prompt.budget)
    assert prompt.left_out == ""


def test_a_part_beyond_its_limit_is_cut_with_a_record_where_it_says_least() -> None:
    long = replace(LATER, around="\n".join(f"import m{n}" for n in range(500)), failures=(replace(CASE, details=many("E", 400)),))
    prompt = PROFILE.prompt(long, "refine")
    cut = {part.name: part for part in prompt.parts if part.left_out}
    assert set(cut) == {"file", "output"}
    assert all(part.tokens <= LIMITS[name] for name, part in cut.items())
    assert re.fullmatch(r"\d+ tokens of file, \d+ tokens of output", prompt.left_out)
    assert "import m0\n" in prompt.text
    assert "import m499" not in prompt.text
    assert "E 399" in prompt.text
    assert "E 0\n" not in prompt.text
    assert prompt.text.count("lines left out]") == 2


def test_in_a_small_context_the_least_important_parts_go_first_and_what_is_asked_never() -> None:
    long = replace(LATER, around=many("import x", 60), failures=(replace(CASE, details=many("E", 60)),), critique=many("because", 40))
    sizes = []
    for context in (1600, 1100, 900, 750):
        prompt = ScopeRewrite(ChatFormat(), context).prompt(long, "refine")
        sizes.append(sum(part.tokens for part in prompt.parts))
        assert sizes[-1] <= context - PROFILE.max_tokens(long, "refine")
        assert all(words in prompt.text for words in ("You repair", "return self.price\n", "+ {text}", "Make a better change"))
    kept = {part.name for part in prompt.parts if part.tokens}
    assert {"file", "output"} & {part.name for part in prompt.parts if not part.tokens}
    assert "critique" in kept
    assert sizes == sorted(sizes, reverse=True)


def test_a_scope_that_cannot_fit_is_refused_with_figures() -> None:
    with pytest.raises(ModelError, match=r"about [\d,]+ tokens and there is room for [\d,]+ .*smaller scope"):
        ScopeRewrite(ChatFormat(), 512).prompt(replace(ASK, lines=tuple(f"x{n} = {n}" for n in range(200))), "propose")


def many(text: str, count: int) -> str:
    return "\n".join(f"{text} {n}" for n in range(count))


def test_braces_in_code_are_only_text() -> None:
    assert "self.price + {text}" in PROFILE.prompt(LATER, "refine").text


def test_a_whole_scope_is_read_from_one_block_and_indented_like_the_scope() -> None:
    assert PROFILE.read(f"Here:\n{BLOCK}\nDone.", ASK) == NEW
    assert PROFILE.read(BLOCK.removesuffix("\n```"), ASK) == NEW
    assert PROFILE.read(f"<think>\n```\nno\n```\n</think>\n{BLOCK}", ASK) == NEW
    assert PROFILE.read(BLOCK.replace("\n", "\r\n"), ASK) == NEW


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("", "it has no fenced block"),
        ("return 1", "it has no fenced block"),
        (f"{BLOCK}\n{BLOCK}", "it has 2 fenced blocks where there must be one"),
        ("```python\n\n```", "its block is empty"),
        ("```python\ndef total(self):\n    # ... rest as before\n```", "it leaves code out at `# ... rest as before`"),
        ("<think>hm", "it ended while still thinking"),
    ],
)
def test_an_answer_of_another_form_is_a_fault_in_words(answer: str, fault: str) -> None:
    assert PROFILE.read(answer, ASK) == Fault(fault)


def test_an_ellipsis_that_is_code_is_no_fault() -> None:
    assert PROFILE.read("```\ndef total(self):\n    ...\n```", ASK) == ["    def total(self):", "        ..."]


def test_the_fault_is_named_after_the_answer_it_is_about() -> None:
    prompt = PROFILE.again(ASK, "propose", "my answer", Fault("it has no fenced block"))
    assert prompt.form == "again.1"
    first = PROFILE.prompt(ASK, "propose").text.removesuffix("Assistant:\n")
    assert prompt.text.startswith(first)
    rest = prompt.text.removeprefix(first)
    assert rest.index("my answer") < rest.index("it has no fenced block") < rest.index("whole of `Cart.total`")
    assert "CAUSE" in PROFILE.again(ASK, "critique", "my answer", Fault("it is prose")).text


def test_a_critique_is_read_from_its_three_lines() -> None:
    said = "CAUSE: It adds.\nLINES: line 6, `return self.price`\nCHANGE: Multiply."
    read = Hypothesis("It adds.", "line 6, `return self.price`", "Multiply.")
    assert PROFILE.read_critique(said) == read
    assert PROFILE.read_critique(f"<think>x</think>\n{said.replace('CAUSE:', '**CAUSE:**')}") == read


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("It adds.", "it has no lines that begin with `CAUSE:` where there must be one"),
        ("CAUSE: a\nCAUSE: b\nLINES: c\nCHANGE: d", "it has 2 lines that begin with `CAUSE:` where there must be one"),
        ("CAUSE: a\nCHANGE: b\nLINES: c", "its three lines are not CAUSE, LINES, CHANGE in this order, each with words after it"),
        ("CAUSE: a\nLINES:\nCHANGE: c", "its three lines are not CAUSE, LINES, CHANGE in this order, each with words after it"),
    ],
)
def test_a_critique_of_another_form_is_a_fault_in_words(answer: str, fault: str) -> None:
    assert PROFILE.read_critique(answer) == Fault(fault)


@pytest.mark.parametrize("cut", range(len(BLOCK)))
def test_of_an_unfinished_answer_only_whole_lines_are_settled(cut: int) -> None:
    begun = PROFILE.begun(f"Here:\n{BLOCK}"[:cut], ASK)
    assert not isinstance(begun, Fault)
    assert begun == NEW[: len(begun)]


def test_what_is_wrong_already_is_said_before_the_end() -> None:
    assert PROFILE.begun("```python\n\n", ASK) == []
    assert PROFILE.begun("```python\ndef total(self):\n    # ...\n    ret", ASK) == Fault("it leaves code out at `# ...`")
