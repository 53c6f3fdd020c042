"""Text that is still being written: given up only when nothing that follows could make it parse."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import refine_tui
from refine_tui.syntax import TreeSitter
from refine_tui.syntax.unfinished import python_can_go_on

ODD = '''@wraps(
    f,
)
async def f(a, *, b: int = 1) -> None:
    """Say it's "fine" [here (
    and there.
    """
    x = [
        1,  # one (
        "two",
    ]
    if a and \\
            b:
        pass
    try:
        y = f"""{a
        !r} and
        """
    except (A, B) as error:
        raise C from error
    else:
        return {k: v for k, v in x if k
                if v}
    match a:
        case [1, *rest]:
            return rest
    @other
    def inner():
        nonlocal x
        return (yield)
'''


def functions() -> Iterator[list[str]]:
    """Every function of this program, as lines without their indentation."""
    for path in sorted(Path(refine_tui.__file__).parent.glob("*/*.py")):
        lines = path.read_text("utf-8").split("\n")
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef) and node.col_offset == 0:
                yield lines[node.lineno - 1 : node.end_lineno]


def test_no_beginning_of_code_is_given_up() -> None:
    begun = [ODD.split("\n"), *functions()]
    assert len(begun) > 500
    for lines in begun[:: max(1, len(begun) // 60)]:
        for count in range(1, len(lines) + 1):
            assert python_can_go_on("\n".join(lines[:count])), lines[:count]


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n    return 1",
        "def f(x):\n    return x x",
        "def f(x):\n    if x = 1:\n        return",
        "def f(x):\n  return 1\n return 2",
        "def f(x):\n    return 1)\n    pass",
        "def f(x):\n    y = 'open\n    return y",
        "return return",
    ],
)
def test_what_nothing_can_mend_is_given_up_at_once(text: str) -> None:
    assert not python_can_go_on(text)
    assert not TreeSitter().can_go_on("a.py", text.split("\n"))
