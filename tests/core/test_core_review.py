from __future__ import annotations

import pytest

from refine_tui.cli.parser import parse
from refine_tui.core.evidence import CaseResult, Outcome, SuiteResult, delta


@pytest.mark.parametrize("arguments", [["--project", "/tmp", "--debug", "fix"], ["fix", "--debug", "--project", "/tmp"]])
def test_what_holds_everywhere_holds_before_and_after_the_command(arguments: list[str]) -> None:
    options = parse(arguments)
    assert (str(options.project), options.debug, options.offline) == ("/tmp", True, False)


def test_what_holds_everywhere_holds_in_nested_commands() -> None:
    assert parse(["models", "list", "--debug"]).debug
    assert not parse(["models", "list"]).debug


@pytest.mark.parametrize("arguments", [["--model", "none"], ["--seed", "3"], ["--model", "none", "--project", "/tmp"], []])
def test_without_a_command_the_ui_opens_whatever_the_options(arguments: list[str]) -> None:
    assert parse(arguments).path is None


@pytest.mark.parametrize(
    "arguments", [["--rounds", "0"], ["--candidates", "-1"], ["--seconds", "nan"], ["--seconds", "inf"], ["--rounds", "x"]]
)
def test_bounds_that_bound_nothing_are_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(["fix", *arguments])
    assert stopped.value.code == 2


def suite(**outcomes: Outcome) -> SuiteResult:
    return SuiteResult(tuple(CaseResult(name.replace("__", "::"), outcome) for name, outcome in outcomes.items()))


def test_a_file_that_could_not_be_collected_is_fixed_when_all_its_tests_pass() -> None:
    base = suite(a="error", b__two="passed")
    assert delta(base, suite(a__one="passed", a__two="skipped", b__two="passed")).fixed == ("a::one", "a::two", "a")
    assert delta(base, suite(a__one="passed", a__two="skipped", b__two="passed")).fixed_tests == ("a::one", "a::two")
    assert delta(suite(a="error"), suite(a="passed")).fixed_tests == ("a",)
    half = delta(base, suite(a__one="passed", a__two="failed", b__two="failed"))
    assert (half.fixed, half.still_red, half.broken) == (("a::one",), ("a::two",), ("b::two",))
    assert delta(base, suite(a="error", b__two="passed")).still_red == ("a",)
