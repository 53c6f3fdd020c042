"""All single edits of a scope: every operator on every node, equal results once, likeliest first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping

from refine_tui.core.patch import Edit
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile, Span
from refine_tui.syntax.facts import file_facts
from refine_tui.syntax.ingredients import BARE, Ingredients, in_block, is_condition
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators import BY_KIND, Draft, Operator
from refine_tui.syntax.operators.layout import STATEMENTS
from refine_tui.syntax.roles import is_value

LINE_LIMIT = 200
"""Edits of one line at most."""
_NOTE_LENGTH = 60
_SPREAD = 0.7
"""How far an operator's prior is shared out among its edits: 0 each has it all, 1 together they have it. Measured on repair tasks:
from 0 to 0.7 the first repair's median rank fell from 39 to 26, its upper quartile from 141 to 76; 1 was no better."""
_OPEN = frozenset({"decorated_definition", "decorator", "import_statement", "import_from_statement"})
"""Kinds that operators may look at although what is in them is none of theirs."""
# Before Python 3.12 an f-string's expressions can hold neither its quote nor a backslash.
_NOT_IN_FORMAT = frozenset("'\"\\{}")


def scope_edits(
    source: SourceFile,
    root: Node,
    scope: Scope,
    lines: Collection[int] | None,
    values: tuple[str, ...] = (),
    without: Collection[str] = (),
) -> list[OperatorEdit]:
    """Return the edits within the scope whose node begins on one of `lines` (0-based; None: anywhere), by falling prior.

    What several operators lead to is one edit: its prior is the sum of theirs, its name that of the likeliest. `without` names operators
    and families that are left out.
    """
    found: dict[tuple[int, int, str], list[tuple[Operator, Draft]]] = defaultdict(list)
    totals: dict[str, float] = defaultdict(float)
    for operator, draft in drafts(root, scope.span, lines, values):
        left_out = operator.name in without or operator.family in without
        key = None if left_out else _identity(draft, root.source)
        if key is not None:
            found[key].append((operator, draft))
            totals[operator.name] += draft.weight
    edits = [_edit(source, root.source, ways, totals) for ways in found.values()]
    return _bounded(sorted(edits, key=lambda edit: -edit.prior))


def _bounded(edits: list[OperatorEdit]) -> list[OperatorEdit]:
    """Keep the likeliest edits of each line."""
    kept, seen = [], Counter[int]()
    for edit in edits:
        seen[edit.line] += 1
        if seen[edit.line] <= LINE_LIMIT:
            kept.append(edit)
    return kept


def drafts(root: Node, span: Span, lines: Collection[int] | None, values: tuple[str, ...] = ()) -> Iterator[tuple[Operator, Draft]]:
    """Yield what every operator offers within the span, the same result as often as it is offered."""
    wanted = None if lines is None else frozenset(lines)
    for node, have, formatted in _reach(root, span, values):
        if wanted is not None and node.line not in wanted:
            continue
        for operator in _operators(node):
            if node.role == "store" and not operator.targets:
                continue
            for draft in operator.make(node, have):
                inside = span.start <= draft.start and draft.end <= span.end
                if inside and not (formatted and _NOT_IN_FORMAT & set(draft.text)):
                    yield operator, draft


def _reach(root: Node, span: Span, values: tuple[str, ...]) -> Iterator[tuple[Node, Ingredients, bool]]:
    """Yield the nodes of the span that an edit may touch, with what their function offers and whether they stand in an f-string."""
    facts = file_facts(root)
    stack: list[tuple[Node, Ingredients, bool]] = [(root, Ingredients(facts, root, None, values), False)]
    while stack:
        node, have, formatted = stack.pop()
        is_open = node.role != "none" or node.kind in _OPEN
        passes = is_open or (node.parent is not None and node.parent.kind == "decorator")
        if node.end < span.start or node.start > span.end or not passes:
            continue
        if node.named and is_open and node.role != "param" and span.start <= node.start and node.end <= span.end:
            yield node, have, formatted
        if node.kind in ("function_definition", "class_definition"):
            outer = have if have.function.kind == "function_definition" else None
            have = Ingredients(facts, node, outer, values)
        formatted = formatted or node.kind == "interpolation"
        stack.extend((child, have, formatted) for child in reversed(node.children))


def _operators(node: Node) -> Iterator[Operator]:
    words = node.words
    yield from (row for row in _rows(node) if words.python or (row.carries and row.name not in words.without))


def _rows(node: Node) -> Iterator[Operator]:
    yield from BY_KIND.get(node.kind, ())
    if is_value(node):
        yield from BY_KIND["value"]
        if is_condition(node):
            yield from BY_KIND["condition"]
    if in_block(node) and (node.kind in STATEMENTS or node.kind in BARE):
        yield from BY_KIND["statement"]


def _identity(draft: Draft, text: str) -> tuple[int, int, str] | None:
    """Return what makes the result: the change without what stays, slid to the right as far as it goes; None if nothing changes.

    Two drafts have equal identities exactly when they lead to equal texts.
    """
    start, end, new = draft.start, draft.end, draft.text
    low, high = 0, min(end - start, len(new))
    while low < high and text[start + low] == new[low]:
        low += 1
    start, new = start + low, new[low:]
    while end > start and new and text[end - 1] == new[-1]:
        end, new = end - 1, new[:-1]
    if start == end and not new:
        return None
    if not new:
        while end < len(text) and text[start] == text[end]:
            start, end = start + 1, end + 1
    elif start == end:
        while end < len(text) and new[0] == text[end]:
            new, start, end = new[1:] + new[0], start + 1, end + 1
    return start, end, new


def _edit(source: SourceFile, text: str, ways: list[tuple[Operator, Draft]], totals: Mapping[str, float]) -> OperatorEdit:
    shares = [operator.prior * draft.weight / totals[operator.name] ** _SPREAD for operator, draft in ways]
    operator, draft = ways[shares.index(max(shares))]
    old, new = text[draft.start : draft.end], draft.text
    edit = Edit(draft.start, old.encode("latin-1"), new.encode("latin-1"))
    line = _first_changed_line(source, old, new, draft.start)
    return OperatorEdit(operator.name, (edit,), line, sum(shares), _short(draft.note or f"{old} to {new}"))


def _first_changed_line(source: SourceFile, old: str, new: str, start: int) -> int:
    """Return the line of the first byte that the change really touches."""
    if "\n" not in old:
        return source.line_of(min(start, max(len(source.data) - 1, 0)))
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    if same == len(new):  # a deletion: the line end before it is not what it is about
        same += len(old) - same - len(old[same:].lstrip("\r\n"))
    return source.line_of(min(start + same, max(len(source.data) - 1, 0)))


def _short(note: str) -> str:
    text = " ".join(note.encode("latin-1").decode("utf-8", "replace").split())
    return text if len(text) <= _NOTE_LENGTH else f"{text[: _NOTE_LENGTH - 1]}…"
