from __future__ import annotations

import pytest

from refine_tui.core.patch import splice
from refine_tui.core.text import SourceFile
from refine_tui.syntax import TreeSitter
from refine_tui.syntax.operators.faster import SPEEDUPS, Speedup
from refine_tui.syntax.speedups import TreeSpeedups

ROWS = [pytest.param(row, id=row.name) for row in SPEEDUPS]


def results(text: str, name: str = "") -> dict[str, str]:
    """Every rewrite of the last function of a module, by its text: the operator's name."""
    source = SourceFile("a.py", text.encode())
    scope = [scope for scope in TreeSitter().scopes(source) if scope.kind in ("function", "method")][-1]
    made = {splice(source.data, edit.edits).decode(): edit.operator for edit in TreeSpeedups().speedups(source, scope)}
    return {after: operator for after, operator in made.items() if operator == name or not name}


@pytest.mark.parametrize("row", ROWS)
def test_a_rewrite_makes_its_example(row: Speedup) -> None:
    assert row.after in results(row.before, row.name)


@pytest.mark.parametrize("row", ROWS)
def test_examples_are_python(row: Speedup) -> None:
    compile(row.before, "before", "exec")
    compile(row.after, "after", "exec")


@pytest.mark.parametrize("row", ROWS)
def test_what_a_rewrite_makes_of_any_example_is_python(row: Speedup) -> None:
    for other in SPEEDUPS:
        for text in results(other.after, row.name):
            compile(text, row.name, "exec")
