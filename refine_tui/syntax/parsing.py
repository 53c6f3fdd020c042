"""Parsing, remembered for the few files a task is about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import tree_sitter

from refine_tui.core.text import SourceFile
from refine_tui.syntax.languages import LanguageRow, grammar, language_of, languages_of, nodes_query
from refine_tui.syntax.nodes import Mark, Marks, Node, convert
from refine_tui.syntax.roles import assign_roles


@dataclass(frozen=True)
class Parsed:
    """A parsed file as own nodes."""

    language: LanguageRow
    root: Node
    bad_lines: tuple[int, ...]
    """0-based lines with ERROR or MISSING nodes, ascending."""


def parse_bytes(row: LanguageRow, data: bytes) -> tree_sitter.Tree:
    """Parse without remembering; a tree-sitter parser is cheap, and a fresh one is safe in any thread."""
    return tree_sitter.Parser(grammar(row)).parse(_readable(data))


def _readable(data: bytes) -> bytes:
    """Return text in an older encoding with a letter for each byte the grammar could not read: every offset stays the same."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.translate(_LETTERS)
    return data


_LETTERS = bytes(byte if byte < 0x80 else ord("x") for byte in range(256))


def parse(source: SourceFile) -> Parsed:
    """Return the parsed file; the last few files are remembered by content."""
    return _parse(language_for(source), source.data)


def language_for(source: SourceFile) -> LanguageRow:
    """Return the language a file is written in: where its suffix leaves a choice, the first that reads it with the fewest errors.

    Raises:
        ProjectError: no language in the table has its suffix.
    """
    rows = languages_of(source.path)
    return _best(tuple(rows), source.data) if len(rows) > 1 else language_of(source.path)


@lru_cache(maxsize=256)
def _best(rows: tuple[LanguageRow, ...], data: bytes) -> LanguageRow:
    return min(rows, key=lambda row: len(error_lines(parse_bytes(row, data))))


@lru_cache(maxsize=32)
def _parse(row: LanguageRow, data: bytes) -> Parsed:
    tree = parse_bytes(row, data)
    root = convert(tree, data.decode("latin-1"), row.words, _marks(row, tree))
    assign_roles(root)
    return Parsed(row, root, error_lines(tree))


def _marks(row: LanguageRow, tree: tree_sitter.Tree) -> Marks:
    """Return what the language's query says of its nodes: captures name a kind, `field.x` a field, `role.x` a role."""
    asked = nodes_query(row)
    if asked is None:
        return {}
    marks: dict[int, Mark] = {}
    compiled, names = asked
    captures = tree_sitter.QueryCursor(compiled).captures(tree.root_node)
    for capture in names:
        what, _, name = capture.rpartition(".")
        for node in captures.get(capture, ()):
            told = {**marks.get(node.id, Mark())._asdict(), what or "kind": name}
            marks[node.id] = Mark(**told)
    return marks


def error_lines(tree: tree_sitter.Tree) -> tuple[int, ...]:
    """Return the 0-based lines on which the parser had to skip or invent something."""
    if not tree.root_node.has_error:
        return ()
    lines: set[int] = set()
    stack = [tree.root_node]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            lines.add(node.start_point.row)
        elif node.has_error:
            stack.extend(node.children)
    return tuple(sorted(lines)) or (0,)
