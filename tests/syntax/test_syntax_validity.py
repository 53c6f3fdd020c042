from __future__ import annotations

import warnings

import pytest

from refine_tui.core.text import SourceFile
from refine_tui.syntax import TreeSitter

SYNTAX = TreeSitter()


def source(text: str | bytes) -> SourceFile:
    return SourceFile("example.py", text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n    pass\n",
        "x = (1\n",
        "return 1\n",
        "for x in y:\n    pass\nbreak\n",
        "def f():\n    x = 1\n    global x\n",
        "f(a=1, 2)\n",
        "1 = x\n",
        "def f(a, a):\n    pass\n",
        "x = 08\n",
        "a\x00b\n",
        f"x = {'(' * 4000}1{')' * 4000}\n",
    ],
)
def test_what_python_refuses_is_not_valid(text: str) -> None:
    assert not SYNTAX.is_valid(source(text))


@pytest.mark.parametrize(
    "text", ["", "x = 1\n", "\ufeffx = 1\r\n", "async def f():\n    await g()\n", "# -*- coding: latin-1 -*-\nx = 'e'\n"]
)
def test_what_python_takes_is_valid(text: str) -> None:
    assert SYNTAX.is_valid(source(text))


def test_a_check_is_silent_about_odd_but_valid_code() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert SYNTAX.is_valid(source("x = 1 is 1\ny = '\\d'\n"))


def test_error_lines_are_named() -> None:
    assert SYNTAX.errors(source("x = 1\ny = = 2\nz = 3\n")) == (1,)
    assert SYNTAX.errors(source("x = 1\n")) == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x = 1  # one\n", "x=1\n"),
        ("def f(a):\n    return a\n", "def f( a ):\n  # note\n\n  return a"),
        ("x = 1; y = 2\n", "x = 1\ny = 2\n"),
        ("f(a,\n  b)\n", "f(a, b)\n"),
        ("x = 1\r\n", "x = 1\n"),
    ],
)
def test_layout_and_comments_do_not_make_another_program(first: str, second: str) -> None:
    assert SYNTAX.normalised(source(first)) == SYNTAX.normalised(source(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("if a:\n    b\n    c\n", "if a:\n    b\nc\n"),
        ("x = 'a b'\n", "x = 'ab'\n"),
        ("x = 1\n", "x = 2\n"),
        ("a = b\nc\n", "a = bc\n"),
        ("if a:\n    if b:\n        c\n    else:\n        d\n", "if a:\n    if b:\n        c\nelse:\n    d\n"),
        ("x = f'{a}'\n", "x = f'{b}'\n"),
    ],
)
def test_what_runs_differently_is_another_program(first: str, second: str) -> None:
    assert SYNTAX.normalised(source(first)) != SYNTAX.normalised(source(second))
