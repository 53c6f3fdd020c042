from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refine_tui.prompting.line_edit import (
    CODE,
    EDIT,
    END,
    begun_edit,
    dedent,
    first_indent,
    has_mark,
    parse_edit,
    render_edit,
    render_prompt,
)

TEXTS = st.lists(st.sampled_from(["", " ", "a", "    b", "1|x", "2-|", "0+|y", "|", "é\u2028\x0b", "return x"]), max_size=8)
LINES = TEXTS | st.lists(st.text(st.characters(exclude_characters="\r\n"), max_size=6).filter(lambda text: END not in text), max_size=6)


@given(LINES, LINES)
@example([], ["a"])
@example(["a", "b"], [])
def test_any_change_survives_rendering_and_parsing(old: list[str], new: list[str]) -> None:
    answer = render_edit(old, new)
    if old == new:
        assert answer == END
    else:
        assert parse_edit(answer, old) == new
        assert parse_edit(answer.removesuffix(END), old) == new


@given(st.sampled_from(["", "  ", "    ", "\t"]), TEXTS.map(lambda lines: [line.rstrip(" ") for line in lines]), TEXTS)
def test_an_edit_of_dedented_code_changes_the_indented_code(indent: str, old: list[str], new: list[str]) -> None:
    indented = [indent + line if line.strip() else line for line in old]
    plain = dedent(indented, indent)
    if plain != new:
        expected = [indent + line if line.strip() else line for line in new]
        assert parse_edit(render_edit(plain, new), indented, indent) == expected


@given(st.text(st.sampled_from("0123|+-x \n\r") | st.characters(), max_size=40))
def test_parsing_never_raises(text: str) -> None:
    result = parse_edit(text, ["a", "b"])
    assert result is None or all("\n" not in line for line in result)


@given(TEXTS, TEXTS, st.integers(0, 200))
def test_an_unfinished_answer_settles_only_lines_that_stay(old: list[str], new: list[str], cut: int) -> None:
    begun = begun_edit(render_edit(old, new)[:cut], old)
    assert begun is not None
    assert begun == new[: len(begun)]


def test_an_unfinished_answer_is_given_up_at_its_first_wrong_line() -> None:
    assert begun_edit("2|x\n9", ["a", "b", "c"]) == ["a", "x"]
    assert begun_edit("2|x\n9|y\n", ["a", "b", "c"]) is None
    assert begun_edit("Sure\n", ["a"]) is None


def test_a_prompt_numbers_the_lines_between_the_marks() -> None:
    assert render_prompt(["def f(x):", "    return x"]) == f"{CODE}1|def f(x):\n2|    return x\n{EDIT}"


def test_an_answer_names_only_the_lines_that_change() -> None:
    old = ["def f(x):", "    x += 1", "    print(x)", "    return x"]
    assert render_edit(old, ["def f(x):", "    x += 2", "    print(x)", "    return x"]) == f"2|    x += 2\n{END}"
    assert render_edit(old, ["def f(x):", "    x += 1", "    return x"]) == f"3-|\n{END}"
    assert render_edit(old, [*old[:2], "    x *= 2", *old[2:]]) == f"2+|    x *= 2\n{END}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        END,
        "\n",
        "1|x",
        "1|x\n" + END + "more",
        "9|x\n",
        "01|x\n",
        "0|x\n",
        "0-|\n",
        "1-|x\n",
        "2|x\n1|y\n",
        "1|x\n1|y\n",
        "1|x\n1-|\n",
        "1+|x\n1|y\n",
        "x\n",
        "1|x\r\n",
    ],
)
def test_what_is_not_in_the_format_is_refused(text: str) -> None:
    assert parse_edit(text, ["a", "b"]) is None


def test_one_line_can_become_several() -> None:
    assert parse_edit("1|x\n1+|y\n1+|z\n", ["a", "b"]) == ["x", "y", "z", "b"]


def test_a_line_that_holds_a_line_end_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        render_prompt(["a", "b\nc"])


def test_the_inside_of_a_long_string_keeps_its_place() -> None:
    lines = ["    def f():", '        return """', "x", '        """', " "]
    assert first_indent(lines) == "    "
    assert dedent(lines, "    ") == ["def f():", '    return """', "x", '    """', ""]


def test_code_that_holds_a_mark_is_recognised() -> None:
    assert has_mark(["x = '<|end|>'"])
    assert not has_mark(["x = '<|>'"])
