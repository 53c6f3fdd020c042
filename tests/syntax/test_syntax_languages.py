from __future__ import annotations

import importlib
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.core.errors import ProjectError
from refine_tui.core.patch import edit_file, splice
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile, Span
from refine_tui.syntax import OPERATORS, TreeSitter, operator_named
from refine_tui.syntax.edits import drafts
from refine_tui.syntax.languages import LANGUAGES, grammar, language_of
from refine_tui.syntax.parsing import language_for, parse
from tests.syntax.language_examples import FRAMES, examples

SYNTAX = TreeSitter()
CASES = [pytest.param(language, *case, id=f"{language}-{case[0]}") for language in FRAMES for case in examples(language)]


def results(language: str, operator: str, text: str) -> set[str]:
    """All texts that one operator makes of a file."""
    root = parse(SourceFile(FRAMES[language].path, text.encode())).root
    made = drafts(root, Span(0, len(text.encode())), None)
    return {text[: draft.start] + draft.text + text[draft.end :] for by, draft in made if by.name == operator}


@pytest.mark.parametrize(("language", "operator", "before", "after"), CASES)
def test_an_operator_carries_over_and_its_inverse_leads_back(language: str, operator: str, before: str, after: str) -> None:
    assert after in results(language, operator, before)
    back = operator_named(operator_named(operator).inverse)
    if back.carries:
        assert before in results(language, back.name, after)


def test_every_operator_that_carries_over_is_shown_in_some_language() -> None:
    shown = {case[0] for language in FRAMES for case in examples(language)}
    assert {operator.name for operator in OPERATORS if operator.carries} - shown == set()


def test_every_language_of_the_table_has_examples() -> None:
    assert {row.name for row in LANGUAGES} - {"Python"} == set(FRAMES)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("struct point { int x; };\nint f(struct point *class);\n", "C"),
        ('#ifdef __cplusplus\nextern "C" {\n#endif\nint f(int a);\n#ifdef __cplusplus\n}\n#endif\n', "C"),
        ("namespace a {\nclass B { public: int f() const; };\n}\n", "C++"),
        ("template <typename T> T f(T a) { return a; }\n", "C++"),
        ("", "C"),
    ],
)
def test_a_header_is_in_the_language_that_reads_it(text: str, name: str) -> None:
    assert language_for(SourceFile("a.h", text.encode())).name == name


SAMPLES = Path(__file__).parent / "samples"
SCOPES = {
    "js": ["class A", "method A.go", "function g", "function f"],
    "ts": ["class A", "method A.go", "function f", "function f.g"],
    "tsx": ["function Row", "function List"],
    "go": ["class T", "method T.Go", "function f"],
    "rs": ["class T", "class T", "method T.go", "function f", "function first_even"],
    "java": ["class T", "method T.T", "method T.f"],
    "c": ["class T", "function f"],
    "cpp": ["class T", "method T.go", "function T::bar", "function f"],
}


def sample(suffix: str) -> SourceFile:
    path = SAMPLES / f"sample.{suffix}"
    return SourceFile(path.name, path.read_bytes())


def last_long(file: SourceFile) -> Scope:
    """The last scope that has lines of its own."""
    return [scope for scope in SYNTAX.scopes(file) if scope.last_line - scope.first_line > 2][-1]


@pytest.mark.parametrize("suffix", SCOPES)
def test_scopes_are_found_in_every_language(suffix: str) -> None:
    file = sample(suffix)
    assert SYNTAX.errors(file) == ()
    assert [f"{scope.kind} {scope.name}" for scope in SYNTAX.scopes(file)[1:]] == SCOPES[suffix]
    last = last_long(file)
    assert SYNTAX.scope_at(file, last.first_line + 1) == last


@pytest.mark.parametrize("suffix", SCOPES)
@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_edits_parse_stay_in_their_scope_and_can_be_taken_back(suffix: str, seed: int) -> None:
    file, rng = sample(suffix), Random(seed)
    scope = rng.choice(SYNTAX.scopes(file))
    edits = list(SYNTAX.edits(file, scope))
    assert len({splice(file.data, edit.edits) for edit in edits}) == len(edits)
    for edit in rng.sample(edits, min(25, len(edits))):
        new = splice(file.data, edit.edits)
        assert new != file.data
        assert all(scope.span.contains(part.span) for part in edit.edits)
        assert scope.holds_line(edit.line)
        assert SYNTAX.is_valid(SourceFile(file.path, new)), (edit.operator, edit.note)
        patch = edit_file(file, edit.edits)
        assert patch.invert({file.path: file.data}).apply({file.path: new}) == {file.path: file.data}


@pytest.mark.parametrize("suffix", SCOPES)
@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_broken_text_gives_edits_or_none_but_no_error(suffix: str, seed: int) -> None:
    data, rng = sample(suffix).data, Random(seed)
    start, end = sorted(rng.choices(range(len(data)), k=2))
    file = SourceFile(f"sample.{suffix}", data[:start] + data[end:])
    for edit in SYNTAX.edits(file, SYNTAX.scopes(file)[0]):
        splice(file.data, edit.edits)


@pytest.mark.parametrize("suffix", SCOPES)
def test_comments_and_layout_do_not_change_the_program(suffix: str) -> None:
    file = sample(suffix)
    other = SourceFile(file.path, b"// nothing\n\n" + file.data.replace(b"{\n", b"{\n\n"))
    assert SYNTAX.normalised(other) == SYNTAX.normalised(file)


@pytest.mark.parametrize("suffix", SCOPES)
def test_a_statement_is_a_scope_too(suffix: str) -> None:
    file = sample(suffix)
    scope = last_long(file)
    inside = [SYNTAX.statement_at(file, line) for line in range(scope.first_line + 1, scope.last_line)]
    assert any(found.kind == "statement" and scope.span.contains(found.span) for found in inside)


def test_a_language_is_known_by_suffix() -> None:
    names = {suffix: row.name for row in LANGUAGES for suffix in row.suffixes if suffix != ".h"}
    assert sum(len(row.suffixes) for row in LANGUAGES) == len(names) + 2
    assert all(language_of(f"a/b{suffix}").name == name for suffix, name in names.items())


def test_a_missing_grammar_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def refuse(name: str, package: str | None = None) -> ModuleType:
        if name == "tree_sitter_go":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr("refine_tui.syntax.languages.import_module", refuse)
    grammar.cache_clear()
    with pytest.raises(ProjectError, match="tree-sitter-go"):
        SYNTAX.scopes(SourceFile("other.go", b"package p // seen by nobody before\n"))
    assert SYNTAX.handles("other.go")
