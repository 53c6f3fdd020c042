from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from refine_tui.learn.corpus import (
    Corpus,
    Exclusions,
    Function,
    Package,
    collect,
    functions_of,
    installed,
    standard_library,
    usable,
    without_docstring,
)

SOURCE = '''
class Box:
    @property
    def area(self):
        """The area."""
        return self.width * self.height

def tiny(): return 1

def outer(values):
    def inner(value):
        return value
    return [inner(value) for value in values if value]
'''


def package(tmp_path: Path, name: str = "boxes", source: str = SOURCE) -> Package:
    path = tmp_path / f"{name}.py"
    path.write_text(source)
    return Package(name, "1", "MIT", (path,))


def gather(packages: list[Package], exclusions: Exclusions | None = None, at_most: int = 99) -> dict[str, str]:
    corpus = collect(packages, exclusions or Exclusions(), lines=range(3, 46), longest=999, at_most=at_most)
    return {function.name: function.text for function in corpus.functions}


def test_methods_are_dedented_with_their_decorators_and_inner_functions_stay_inside(tmp_path: Path) -> None:
    found = gather([package(tmp_path)])
    assert list(found) == ["area", "outer"]
    assert found["area"].startswith("@property\ndef area(self):\n    ")


def test_a_function_that_returns_in_another_package_is_taken_once(tmp_path: Path) -> None:
    again = package(tmp_path, "copies", SOURCE.replace("Box", "Crate"))
    corpus = collect([package(tmp_path), again], Exclusions(), lines=range(3, 46), longest=999, at_most=99)
    assert corpus.dropped["repeated"] == 2
    assert len(corpus.functions) == 2


def test_the_manifest_counts_what_was_kept_and_dropped(tmp_path: Path) -> None:
    corpus = collect([package(tmp_path)], Exclusions(frozenset({"area"})), lines=range(3, 46), longest=999, at_most=99)
    manifest = corpus.manifest()
    assert manifest["packages"] == [{"name": "boxes", "version": "1", "licence": "MIT", "functions": 1}]
    assert manifest["dropped"] == {"name": 1, "over the package's limit": 0}


def test_a_corpus_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    corpus = collect([package(tmp_path)], Exclusions(frozenset({"area"})), lines=range(3, 46), longest=999, at_most=99)
    assert Corpus.load(tmp_path) is None
    corpus.save(tmp_path)
    again = Corpus.load(tmp_path)
    assert again is not None
    assert again.functions == corpus.functions
    assert again.manifest() == corpus.manifest()


def test_a_large_package_is_thinned_out(tmp_path: Path) -> None:
    many = "".join(f"def f{n}(x):\n    y = x + {n}\n    return y\n" for n in range(40))
    assert list(gather([package(tmp_path, source=many)], at_most=4)) == ["f0", "f10", "f20", "f30"]


def test_names_and_long_runs_of_an_excluded_text_are_kept_out(tmp_path: Path) -> None:
    listing = tmp_path / "excluded.jsonl"
    text = "def area(x):\n    return [inner(value) for value in values if value]\n"
    listing.write_text(json.dumps({"id": 1, "files": {"a.py": text}}) + "\n\n")
    exclusions = Exclusions.read([listing])
    assert exclusions.reason(Function("p", "area", "def area(y): ...")) == "name"
    assert exclusions.reason(Function("p", "f", "def f():\n    def area(): ...")) == "name"
    assert exclusions.reason(Function("p", "outer", "def outer(values):\n  return [ inner(value)  for value in values if value]")) == "run"
    assert (
        exclusions.reason(
            Function("p", "other", "def other(values):\n    return [inner(value) for value in values]".replace("inner", "outer"))
        )
        is None
    )


def test_an_exclusion_list_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.jsonl"):
        Exclusions.read([tmp_path / "none.jsonl"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(x):\n    return x\n", None),
        ("def f(x):\n\treturn x\n", "wide"),
        ("def f(x):\n    return '<|end|>'\n", "wide"),
        ("def f(x):\n    return '" + "x" * 200 + "'\n", "wide"),
        ("def f(x):\n    return '" + "\\\n" * 600 + "'\n", "long"),
        ("def f(x:\n    return x\n", "broken"),
        ("def f(x):\n    'Only words.'\n    raise NotImplementedError\n", "trivial"),
    ],
)
def test_texts_that_teach_nothing_are_named(text: str, reason: str | None) -> None:
    assert usable(Function("p", "f", text), 999) == reason


def test_a_docstring_is_taken_off_where_something_remains() -> None:
    assert without_docstring('def f():\n    """One.\n\n    Two."""\n    return 1\n') == "def f():\n    return 1\n"
    alone = 'def f():\n    """One."""\n'
    assert without_docstring(alone) == alone
    shared = 'def f():\n    """One."""; return 1\n'
    assert without_docstring(shared) == shared


def test_the_environment_s_own_packages_are_found_with_version_and_licence() -> None:
    site = Path(pytest.__file__).parent.parent
    found = {each.name: each for each in installed(site)}
    assert found["pytest"].licence == "MIT"
    assert all("test" not in path.relative_to(site).parts for path in found["pytest"].files)


def test_the_standard_library_gives_functions_that_parse() -> None:
    library = standard_library()
    few = Package("python", library.version, library.licence, tuple(path for path in library.files if path.name == "textwrap.py"))
    found = list(functions_of(few, range(3, 46)))
    assert "indent" in [function.name for function in found]
    for function in found:
        ast.parse(function.text)


def test_the_room_can_be_entered_without_the_train_extra() -> None:
    code = "import sys, refine_tui.learn, refine_tui.learn.corpus, refine_tui.learn.examples; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
