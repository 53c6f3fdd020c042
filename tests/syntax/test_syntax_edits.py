from __future__ import annotations

import ast
import sysconfig
import textwrap
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.core.patch import edit_file, splice
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.syntax import OPERATORS, TreeSitter
from refine_tui.syntax.edits import LINE_LIMIT

SYNTAX = TreeSitter()
LIBRARY = Path(sysconfig.get_path("stdlib"))
NAMES = {operator.name for operator in OPERATORS}


def source(text: str) -> SourceFile:
    return SourceFile("example.py", text.encode())


def edited(file: SourceFile, edit: OperatorEdit) -> str:
    return splice(file.data, edit.edits).decode()


def all_edits(text: str) -> list[tuple[OperatorEdit, str]]:
    """Every edit of a module's first function, with its result."""
    file = source(text)
    return [(edit, edited(file, edit)) for edit in SYNTAX.edits(file, SYNTAX.scopes(file)[1])]


@cache
def library_functions() -> tuple[tuple[Path, str], ...]:
    """Functions of 3 to 40 lines from modules of the standard library."""
    found = []
    for name in (
        "bisect",
        "heapq",
        "textwrap",
        "shlex",
        "fnmatch",
        "statistics",
        "difflib",
        "calendar",
        "csv",
        "string",
        "graphlib",
        "colorsys",
    ):
        path = LIBRARY / f"{name}.py"
        file = SourceFile(path.name, path.read_bytes())
        found += [(path, scope.name) for scope in SYNTAX.scopes(file) if is_small(scope)]
    return tuple(found)


def is_small(scope: Scope) -> bool:
    return scope.kind in ("function", "method") and 3 <= scope.last_line - scope.first_line <= 40


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_edits_of_library_functions_hold_what_they_promise(seed: int) -> None:
    rng = Random(seed)
    path, name = rng.choice(library_functions())
    file = SourceFile(path.name, path.read_bytes())
    scope = next(scope for scope in SYNTAX.scopes(file) if scope.name == name)
    edits = list(SYNTAX.edits(file, scope))
    for edit in rng.sample(edits, min(40, len(edits))):
        new = splice(file.data, edit.edits)
        assert new != file.data
        assert all(scope.span.contains(part.span) for part in edit.edits)
        assert scope.holds_line(edit.line)
        assert edit.operator in NAMES
        parses(file, scope, new, edit)
        patch = edit_file(file, edit.edits)
        assert patch.invert({file.path: file.data}).apply({file.path: new}) == {file.path: file.data}


def parses(file: SourceFile, scope: Scope, new: bytes, edit: OperatorEdit) -> None:
    start = file.line_starts[scope.first_line]
    text = textwrap.dedent(new[start : scope.span.end + len(new) - len(file.data)].decode())
    try:
        ast.parse(text)
    except SyntaxError:
        ast.parse(new)  # a string that spans lines defeats dedent


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_equal_results_come_once_and_likelier_edits_first(seed: int) -> None:
    path, name = Random(seed).choice(library_functions())
    file = SourceFile(path.name, path.read_bytes())
    scope = next(scope for scope in SYNTAX.scopes(file) if scope.name == name)
    edits = list(SYNTAX.edits(file, scope))
    assert len({splice(file.data, edit.edits) for edit in edits}) == len(edits)
    assert [edit.prior for edit in edits] == sorted((edit.prior for edit in edits), reverse=True)


def test_edits_can_be_confined_to_lines() -> None:
    file = source("def f(a):\n    b = a + 1\n    return b\n")
    scope = SYNTAX.scopes(file)[1]
    assert {edit.line for edit in SYNTAX.edits(file, scope, [2])} == {2}
    assert list(SYNTAX.edits(file, scope, [])) == []


def test_a_line_has_a_bounded_number_of_edits() -> None:
    text = f"def f(a, b, c):\n    return {' + '.join(['a * (b - c)'] * 20)}\n"
    assert len(all_edits(text)) <= 2 * LINE_LIMIT


def test_an_unused_parameter_is_tried_first() -> None:
    found = [edit.note for edit, _ in all_edits("def f(a, k):\n    b = 2\n    return a * b + a\n") if edit.operator == "name.other"]
    assert all(note.endswith("to k") for note in found[:3])


def test_the_same_text_gives_the_same_edits_in_the_same_order() -> None:
    text = "def f(a, b):\n    if a in b and not b:\n        return [x for x in a]\n    return None\n"
    assert all_edits(text) == all_edits(text)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_inserted_statements_use_the_line_end_of_the_file(newline: str) -> None:
    text = newline.join(["def f(a):", "    for b in a:", "        a = b", "    return a", ""])
    results = [result for _, result in all_edits(text)]
    assert any(result.count(newline) > text.count(newline) for result in results)
    assert all(result.count("\n") == result.count(newline) for result in results)


def test_tabs_stay_tabs() -> None:
    results = [result for _, result in all_edits("def f(a):\n\tfor b in a:\n\t\tif b:\n\t\t\treturn b\n\treturn a\n")]
    assert all("    " not in result for result in results)
    for result in results:
        ast.parse(result)


def test_what_is_no_code_of_the_function_is_left_alone() -> None:
    text = '@cache\ndef f(self, a: int = 1) -> int:\n    """Return a."""\n    import os\n    global g\n    return a\n'
    for _, result in all_edits(text):
        assert result.startswith("@cache\ndef f(self, a: int = ")
        assert '-> int:\n    """Return a."""\n' in result


def test_expressions_inside_format_strings_stay_well_formed() -> None:
    results = [result for _, result in all_edits("def f(a, b):\n    c = 'x'\n    return f'{a + 1:>{b}} {c!r}'\n")]
    assert "def f(a, b):\n    c = 'x'\n    return f'{a - 1:>{b}} {c!r}'\n" in results
    for result in results:
        ast.parse(result)


def test_text_that_is_not_ascii_is_kept_and_shown() -> None:
    found = all_edits("def f(a):\n    é = 'ß'\n    return é\n")
    assert any("'ß'" in edit.note for edit, _ in found)
    assert all("Ã" not in result for _, result in found)


def test_bytes_that_are_not_utf_8_survive() -> None:
    file = SourceFile("example.py", b"# -*- coding: latin-1 -*-\ndef f(a):\n    return a + '\xe9'\n")
    edits = list(SYNTAX.edits(file, SYNTAX.scopes(file)[1]))
    assert any(b"\xe9" in splice(file.data, edit.edits) for edit in edits)


def test_nested_functions_see_the_names_around_them() -> None:
    text = "def f(a, b):\n    def g(c):\n        return c\n    return g(a)\n"
    file = source(text)
    inner = next(scope for scope in SYNTAX.scopes(file) if scope.name == "f.g")
    assert text.replace("return c", "return b") in {edited(file, edit) for edit in SYNTAX.edits(file, inner)}


def test_a_class_and_a_module_can_be_edited_too() -> None:
    file = source("LIMIT = 1\nclass A:\n    size = 2\n    def f(self):\n        return self.size > LIMIT\n")
    module, owner, _ = SYNTAX.scopes(file)
    texts = {edited(file, edit) for edit in SYNTAX.edits(file, module)}
    assert any("LIMIT = 0" in text for text in texts)
    assert any("size = 1" in text for text in texts)
    assert not any("LIMIT = 0" in edited(file, edit) for edit in SYNTAX.edits(file, owner))


def test_edits_of_a_statement_stay_in_it() -> None:
    file = source("def f(a):\n    b = a + 1\n    return b\n")
    statement = SYNTAX.statement_at(file, 1)
    texts = {edited(file, edit) for edit in SYNTAX.edits(file, statement)}
    assert "def f(a):\n    b = a - 1\n    return b\n" in texts
    assert all(text.endswith("    return b\n") for text in texts)


@pytest.mark.parametrize(
    "text", ["", "\n", "def f(", "x = (1 +\n", "def f():\n\treturn 1\n        return 2\n", "if x:\n", "\x00\x01", "é" * 50]
)
def test_broken_text_gives_edits_or_none_but_no_error(text: str) -> None:
    file = source(text)
    for scope in SYNTAX.scopes(file):
        list(SYNTAX.edits(file, scope))


def test_very_deep_code_is_edited_without_running_out_of_stack() -> None:
    file = source(f"def f(a):\n    return {' + '.join(['a'] * 600)} and {'(' * 90}a{')' * 90}\n")
    assert len(list(SYNTAX.edits(file, SYNTAX.scopes(file)[1]))) > 100


def test_what_failing_tests_compared_is_offered_as_a_constant() -> None:
    file = source("def f(a):\n    if a:\n        return None\n    return a + 5\n")
    scope = SYNTAX.scopes(file)[1]
    with_values = {edited(file, edit) for edit in SYNTAX.edits(file, scope, None, ["'none'", "731", "[1, 2, 3]"])}
    without = {edited(file, edit) for edit in SYNTAX.edits(file, scope)}
    assert any("return 'none'" in text for text in with_values)
    assert any("a + 731" in text for text in with_values)
    assert not any("none'" in text or "731" in text for text in without)
    assert not any("[1, 2, 3]" in text for text in with_values)


def test_operators_and_families_can_be_left_out_and_what_others_lead_to_as_well_stays() -> None:
    file = source("def f(a, b):\n    if a < b:\n        return a + b\n    return a\n")
    scope = SYNTAX.scopes(file)[1]
    without = TreeSitter(["compare", "arithmetic.operator"])
    names = {edit.operator for edit in without.edits(file, scope)}
    assert not {name for name in names if name.startswith("compare.")} | {"arithmetic.operator"} & names
    assert {"arithmetic.order", "constant.integer", "name.other"} & names
    left = {edited(file, edit) for edit in without.edits(file, scope)}
    assert left < {edited(file, edit) for edit in SYNTAX.edits(file, scope)}
