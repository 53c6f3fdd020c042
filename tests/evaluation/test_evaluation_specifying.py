"""A test for a goal in words: written by a scripted model, judged by real runs of a real project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from refine_tui.core.evidence import CaseResult, SuiteResult
from refine_tui.core.text import SourceFile
from refine_tui.loop.authoring.specifying import FIRST, NO_WRITER, Goal, Means, Specified, specify
from refine_tui.loop.ports.running import Sandbox
from refine_tui.prompting.profiles import LineEdit, profile_for
from refine_tui.syntax import TreeSitter
from tests.evaluation.evaluation_hands import Make, never, write
from tests.loop.loop_fakes import MemoryWorkspace
from tests.loop.loop_script import ScriptedModel, block

SHOP = "def total(prices):\n    if prices is None:\n        raise KeyError('no prices')\n    return sum(prices)\n"
TESTS = "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
BEFORE = SuiteResult((CaseResult("test_shop.py::test_total", "passed"),))
RIGHT = "def test_nothing_costs_nothing():\n    assert total([]) is None\n"
BY_ERROR = "def test_no_prices():\n    assert total(None) is None\n"
WRONG = {
    "passes already": "def test_sum():\n    assert total([1]) == 1\n",
    "does not parse": "def test_x(:\n    pass\n",
    "no function test_": "x = total([])\n",
    "more than functions": "x = 1\n\n\ndef test_x():\n    assert total([]) is x\n",
    "never calls total": "def test_x():\n    assert 1 == 2\n",
    "cannot be collected": "import nothing_like_it\n\n\ndef test_x():\n    assert total([]) is None\n",
    "fails by itself": "def test_x():\n    assert total(nothing) is None\n",
    "cannot run": "def test_x(no_such_fixture):\n    assert total([]) is None\n",
}


@pytest.fixture
def means(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> Means:
    project = write(tmp_path / "project", shop=SHOP, test_shop=TESTS)
    one = evaluator(project, plain_sandbox)
    workspace = MemoryWorkspace({"shop.py": SHOP, "test_shop.py": TESTS})
    return Means(workspace, TreeSitter(), one, one.observer(), None, None)


def end_of(means: Means, *answers: str) -> Specified:
    model = ScriptedModel(lambda _: answers)
    scope = next(one for one in TreeSitter().scopes(SourceFile("shop.py", SHOP.encode())) if one.name == "total")
    asked = replace(means, generator=model, profile=profile_for(model.load()))
    *_, end = specify(asked, Goal("no prices, no total", scope), BEFORE, never)
    assert isinstance(end, Specified)
    if model.prompts:
        assert "no prices, no total" in model.prompts[0]
        assert "def total(prices):" in model.prompts[0]
    return end


def test_the_first_test_that_fails_as_it_should_is_proposed_by_itself(means: Means) -> None:
    end = end_of(means, "words only", block(WRONG["passes already"]), block(RIGHT), block(BY_ERROR))
    assert (end.outcome, end.stop_reason, end.helps) == ("unsolved", FIRST, True)
    assert end.tests == ("test_shop.py::test_nothing_costs_nothing",)
    assert (end.before.failed, end.after.failed, end.after.passed) == (0, 1, 1)
    assert end.patch.apply(end.tree)["test_shop.py"].decode() == f"{TESTS}\n\n# no prices, no total\n{RIGHT}"


def test_what_the_file_of_tests_does_not_import_takes_a_new_file(means: Means) -> None:
    end = end_of(means, block(f"import math\n\n\n{RIGHT.replace('None', '-math.inf')}"))
    assert end.tests == ("test_shop_total.py::test_nothing_costs_nothing",)
    text = end.patch.apply(end.tree)["test_shop_total.py"].decode()
    assert text.startswith('"""no prices, no total."""\n\nfrom shop import total\n\n\nimport math\n')


def test_an_error_that_the_function_raises_is_a_right_reason_too(means: Means) -> None:
    assert end_of(means, block(BY_ERROR)).tests == ("test_shop.py::test_no_prices",)


@pytest.mark.parametrize("why", WRONG)
def test_a_test_that_says_nothing_about_the_goal_is_left_out_with_the_reason(means: Means, why: str) -> None:
    end = end_of(means, block(WRONG[why]))
    assert end.patch.is_empty
    assert not end.helps
    assert why in end.stop_reason
    assert why in end.handoff


def test_a_model_that_cannot_write_is_told_in_a_sentence(means: Means) -> None:
    scope = next(one for one in TreeSitter().scopes(SourceFile("shop.py", SHOP.encode())) if one.name == "total")
    model = ScriptedModel(lambda _: ("7|x",), profile="line-edit")
    for generator, profile in ((None, None), (model, LineEdit())):
        means_now = Means(means.workspace, means.syntax, means.evaluator, means.observer, generator, profile)
        (end,) = specify(means_now, Goal("no prices, no total", scope), BEFORE, never)
        assert isinstance(end, Specified)
        assert end.stop_reason == NO_WRITER
    assert model.prompts == []
