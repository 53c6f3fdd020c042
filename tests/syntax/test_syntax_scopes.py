from __future__ import annotations

import pytest

from refine_tui.core.errors import ProjectError
from refine_tui.core.text import SourceFile
from refine_tui.syntax import TreeSitter

SYNTAX = TreeSitter()

NESTED = """import os

LIMIT = 3


@dataclass
class Cart:
    items: list

    @property
    def total(self):
        def add(a, b):
            return a + b

        return add(1, 2)

    class Inner:
        async def pay(self):
            return 1


@cache
@retry(3)
async def fetch(url):
    return url


if os.name:

    def late():
        pass
"""


def source(text: str | bytes, path: str = "shop/cart.py") -> SourceFile:
    return SourceFile(path, text.encode() if isinstance(text, str) else text)


def test_scopes_are_named_and_nested() -> None:
    found = [(scope.name, scope.kind) for scope in SYNTAX.scopes(source(NESTED))]
    assert found == [
        ("<module>", "module"),
        ("Cart", "class"),
        ("Cart.total", "method"),
        ("Cart.total.add", "function"),
        ("Cart.Inner", "class"),
        ("Cart.Inner.pay", "method"),
        ("fetch", "function"),
        ("late", "function"),
    ]


def test_decorators_belong_to_the_scope() -> None:
    file = source(NESTED)
    scopes = {scope.name: scope for scope in SYNTAX.scopes(file)}
    assert file.slice(scopes["fetch"].span).startswith(b"@cache\n@retry(3)\nasync def fetch")
    assert file.line(scopes["Cart"].first_line) == b"@dataclass"
    assert file.line(scopes["Cart.total"].first_line) == b"    @property"
    assert file.line(scopes["Cart.total"].last_line) == b"        return add(1, 2)"


def test_a_label_names_file_and_symbol() -> None:
    assert SYNTAX.scopes(source(NESTED))[2].label == "shop/cart.py::Cart.total"


@pytest.mark.parametrize(
    ("line", "name"), [(0, "<module>"), (5, "Cart"), (9, "Cart.total"), (12, "Cart.total.add"), (18, "Cart.Inner.pay"), (999, "<module>")]
)
def test_the_smallest_scope_holds_a_line(line: int, name: str) -> None:
    assert SYNTAX.scope_at(source(NESTED), line).name == name


def test_the_statement_on_a_line() -> None:
    file = source("def f(a):\n    if a:\n        b = (\n            1\n        )\n\n    # note\n    return b\n")
    assert file.slice(SYNTAX.statement_at(file, 3).span).startswith(b"b = (")
    assert SYNTAX.statement_at(file, 3).kind == "statement"
    assert file.slice(SYNTAX.statement_at(file, 1).span).startswith(b"if a:")
    assert SYNTAX.statement_at(file, 7).name == "f:8"
    assert SYNTAX.statement_at(file, 6).name == "f"
    assert SYNTAX.statement_at(file, 0).name == "f"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xef\xbb\xbfdef f():\r\n    return 1\r\n", id="byte order mark and CRLF"),
        pytest.param(b"def f():\n\tif 1:\n\t\treturn 1\n", id="tabs"),
        pytest.param(b"def f(:\n  return (\nclass\n", id="syntax errors"),
        pytest.param(b"def f():\n    return 1", id="no final newline"),
        pytest.param(b"\xff\xfe\x00d", id="not text"),
        pytest.param(b"(" * 3000, id="very deep"),
    ],
)
def test_scopes_of_odd_files(data: bytes) -> None:
    file = source(data)
    scopes = SYNTAX.scopes(file)
    assert scopes[0].kind == "module"
    assert scopes[0].span.end == len(data)
    for line in range(len(file.line_starts)):
        assert SYNTAX.scope_at(file, line).span.end <= len(data)
        assert SYNTAX.statement_at(file, line).span.end <= len(data)


def test_a_byte_order_mark_shifts_nothing() -> None:
    file = source(b"\xef\xbb\xbfdef f():\r\n    return 1\r\n")
    assert file.slice(SYNTAX.scopes(file)[1].span) == b"def f():\r\n    return 1"


def test_the_language_is_known_by_suffix() -> None:
    assert SYNTAX.handles("a/b.py")
    assert SYNTAX.handles("b.pyi")
    assert not SYNTAX.handles("b.rb")
    with pytest.raises(ProjectError, match=r"b\.rb .*\.py"):
        SYNTAX.scopes(source("def main; end", "b.rb"))
