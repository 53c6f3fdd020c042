"""All rewrites of a function that may make it faster, each with the imports it takes."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.core.patch import Edit
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.syntax.facts import file_facts
from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.faster import SPEEDUPS, Rewrite
from refine_tui.syntax.parsing import parse

_DEFINITIONS = frozenset({"function_definition", "class_definition", "decorated_definition"})
_IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})


class TreeSpeedups:
    """The rewrites of `operators/faster.py`; see `Speedups` in the ports."""

    def speedups(self, source: SourceFile, scope: Scope) -> list[OperatorEdit]:
        """Return every single rewrite of a function or method; see the port."""
        return _speedups(source, parse(source).root, scope)


def _speedups(source: SourceFile, root: Node, scope: Scope) -> list[OperatorEdit]:
    function = _function(root, scope) if root.words.python else None
    if function is None:
        return []
    found: dict[tuple[int, int, str], OperatorEdit] = {}
    for name, prior, rewrite in _rewrites(root, function):
        old = root.source[rewrite.start : rewrite.end]
        if old != rewrite.text and scope.span.start <= rewrite.start and rewrite.end <= scope.span.end:
            edits = _with_imports(root, rewrite, Edit(rewrite.start, old.encode("latin-1"), rewrite.text.encode("latin-1")))
            line = source.line_of(min(rewrite.start, max(len(source.data) - 1, 0)))
            made = OperatorEdit(name, edits, line, prior * rewrite.weight, rewrite.note)
            found.setdefault((rewrite.start, rewrite.end, rewrite.text), made)
    return sorted(found.values(), key=lambda edit: -edit.prior)


def _rewrites(root: Node, function: Node) -> Iterator[tuple[str, float, Rewrite]]:
    have = Ingredients(file_facts(root), function)
    for node in function.walk():
        for row in SPEEDUPS:
            if node.kind in row.kinds:
                yield from ((row.name, row.prior, rewrite) for rewrite in row.make(node, have))


def _function(root: Node, scope: Scope) -> Node | None:
    return next((node for node in root.walk() if node.kind == "function_definition" and _spans(node, scope)), None)


def _spans(node: Node, scope: Scope) -> bool:
    parent = node.parent
    decorated = parent is not None and parent.kind == "decorated_definition"
    return node.end == scope.span.end and scope.span.start == (parent.start if decorated and parent else node.start)


def _with_imports(root: Node, rewrite: Rewrite, edit: Edit) -> tuple[Edit, ...]:
    """Return an edit together with the one that adds the imports it takes and the file has not got."""
    there = {" ".join(node.text.split()) for node in root.parts}
    lines = [line for line in rewrite.imports if line not in there]
    if not lines:
        return (edit,)
    newline, text = file_facts(root).newline, root.source
    last = [node for node in root.parts if node.kind in _IMPORTS][-1:] or root.parts[:1]
    if last[0].kind not in _IMPORTS and last[0].role != "none":  # neither imports nor a docstring
        apart = ["", ""] if last[0].kind in _DEFINITIONS else []
        at, new = last[0].start, newline.join([*lines, *apart, ""]).encode("latin-1")
        return (Edit(at, edit.old, new + edit.new),) if at == edit.start else (Edit(at, b"", new), edit)
    at = text.find("\n", last[0].end)
    at = len(text) if at == -1 else at - (text[at - 1] == "\r")
    return tuple(sorted((Edit(at, b"", newline.join(["", *lines]).encode("latin-1")), edit)))
