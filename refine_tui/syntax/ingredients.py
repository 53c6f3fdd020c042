"""What a scope offers to put into an edit: names by kind of use, constants, conditions, calls, statements already there.

Computed once a function; every list is in order of likelihood, most likely first.
"""

from __future__ import annotations

import builtins
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from refine_tui.syntax.facts import COMPREHENSIONS, FileFacts, in_comprehension, is_called
from refine_tui.syntax.guesses import annotated_kind, kind_by_use, kind_of
from refine_tui.syntax.hints import hinted_builtins, told_integers
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.roles import is_docstring, is_value

SIMPLE = frozenset({
    "expression_statement", "return_statement", "break_statement", "continue_statement", "pass_statement", "raise_statement",
})  # fmt: skip
BARE = frozenset({"assignment", "augmented_assignment", "step", "initialiser"})
"""What is a statement of its own where no `expression_statement` holds it, as in Go."""
COMPOUND = frozenset({"if_statement", "for_statement", "while_statement", "try_statement", "with_statement", "match_statement"})


_LITERAL = re.compile(r"""-?\d{1,6}(\.\d{1,6})?|True|False|None|'[^'"\\{}\n]{0,24}'|\[\]|\{\}|\(\)|set\(\)""", re.ASCII)


@dataclass(frozen=True)
class Ingredients:
    """What one function offers; a class or the module stands in for it where code lies outside functions."""

    file: FileFacts
    function: Node
    outer: Ingredients | None = None
    values: tuple[str, ...] = ()
    """What failing tests compared, as `repr` gave it, likeliest first."""

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node of the function, what nested functions and classes hold left out."""
        found, stack = [], [self.function]
        while stack:
            node = stack.pop()
            found.append(node)
            if node is self.function or node.kind not in ("function_definition", "class_definition"):
                stack.extend(reversed(node.children))
        return tuple(found)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, `self` and `cls` left out."""
        head = self.function.header("parameters") if self.function.kind == "function_definition" else None
        if head is None:
            return ()
        names = (node.text for node in head.walk() if node.kind == "identifier" and node.role in ("param", "none") and _is_parameter(node))
        return tuple(dict.fromkeys(name for name in names if name not in ("self", "cls")))

    @cached_property
    def receivers(self) -> frozenset[str]:
        """`self` or `cls`, whichever the function or one around it takes."""
        head = self.function.child("parameters") if self.function.kind == "function_definition" else None
        found = {inner.text for inner in head.walk() if inner.text in ("self", "cls")} if head is not None else set()
        return frozenset(found | (self.outer.receivers if self.outer else frozenset()))

    @cached_property
    def unused(self) -> tuple[str, ...]:
        """Parameters that are never read: often what a repair needs."""
        read = {node.text for node in self.function.walk() if node.kind == "identifier" and node.role == "load"}
        return tuple(name for name in self.parameters if name not in read)

    @cached_property
    def bound(self) -> dict[str, int]:
        """Names the function binds itself, with the byte where each is first bound; comprehension variables left out."""
        names: dict[str, int] = {}
        for node in self.nodes:
            if node.kind == "identifier" and node.role == "store" and not in_comprehension(node):
                names.setdefault(node.text, node.start)
        return names

    @cached_property
    def known_names(self) -> frozenset[str]:
        """Every name that Python, the file, the function or one around it binds; `*` when an import binds names unseen."""
        around = self.outer.known_names if self.outer else frozenset(dir(builtins))
        inner = (node.text for node in self.function.walk() if node.kind == "identifier" and node.role in ("store", "param"))
        return around.union(inner, self.file.imported, self.file.names)

    @cached_property
    def loop_names(self) -> frozenset[str]:
        """Variables of `for` statements."""
        return frozenset(
            inner.text
            for node in self.nodes
            if node.kind == "for_statement" and (left := node.child("left"))
            for inner in left.walk()
            if inner.kind == "identifier"
        )

    @cached_property
    def kinds(self) -> dict[str, frozenset[str]]:
        """What each name seems to hold: some of `number`, `text`, `items`, `unique`, `truth`, `callable`."""
        found: dict[str, set[str]] = defaultdict(set)
        for node in self.nodes:
            if node.kind == "identifier" and node.role == "load":
                found[node.text] |= kind_by_use(node)
            elif node.kind in ("assignment", "initialiser") and (left := node.child("left")) and left.kind == "identifier":
                found[left.text] |= kind_of(node.child("right"))
            elif node.kind in ("typed_parameter", "typed_default_parameter"):
                found |= annotated_kind(node, found)
        return {name: frozenset(kinds) for name, kinds in found.items()}

    @cached_property
    def integers(self) -> tuple[str, ...]:
        """Integer constants of the function, most used first."""
        return self.texts("integer")

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """Short literals that failing tests compared; longer values say what the result is, not what the code lacks."""
        return tuple(text for text in dict.fromkeys(self.values) if _LITERAL.fullmatch(text))

    @cached_property
    def strings(self) -> tuple[str, ...]:
        """String constants of the function and then of its docstring's words in quotes, as source text."""
        inside = self.texts("string")
        quoted = re.findall(r"""(?<![A-Za-z])('[^'\\\n]{0,20}'|"[^"\\\n]{0,20}")(?![A-Za-z])""", self.docstring)
        return tuple(dict.fromkeys([*inside, *quoted]))

    @cached_property
    def yields(self) -> bool:
        """Whether the function is a generator."""
        return any(node.kind == "yield" and node.named for node in self.nodes)

    @cached_property
    def docstring(self) -> str:
        """Text of the docstring, in other languages of the comments above, empty if there is none."""
        if not self.function.words.python:
            return _comment_above(self.function)
        body = self.function.body
        start = body.parts[0] if body and body.parts else None
        return start.text if start is not None and is_docstring(start) else ""

    @cached_property
    def conditions(self) -> tuple[Node, ...]:
        """Conditions of one line and their operands in the function, in order of the text."""
        found: dict[str, Node] = {}
        for node in self.nodes:
            asked = node.kind in ("comparison_operator", "not_operator") or (is_value(node) and is_condition(node))
            if asked and node.line == node.end_line:
                found.setdefault(node.text, node)
        return tuple(found.values())

    @cached_property
    def calls(self) -> tuple[str, ...]:
        """Names of functions that the function calls, then those the rest of the file calls."""
        return tuple(dict.fromkeys([*(node.text for node in self.nodes if is_called(node)), *self.file.calls]))

    @cached_property
    def places(self) -> dict[str, tuple[Node, ...]]:
        """Where each constant and each name is read in the function, by its text."""
        found: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            if node.role == "load" and node.kind in ("identifier", "integer", "string", "true", "false", "none"):
                found[node.text].append(node)
        return {text: tuple(nodes) for text, nodes in found.items()}

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words of the docstring of four letters and more."""
        return tuple(dict.fromkeys(re.findall(r"[A-Za-z]{4,}", self.docstring)))

    @property
    def told(self) -> tuple[str, ...]:
        """Integers that the docstring names outside its examples."""
        return told_integers(self.docstring)

    @property
    def hinted(self) -> tuple[str, ...]:
        """Builtins that words of the docstring ask for."""
        return hinted_builtins(self.docstring)

    @cached_property
    def items(self) -> tuple[str, ...]:
        """Names that seem to hold lists, sets or dictionaries."""
        return tuple(name for name in dict.fromkeys([*self.bound, *self.parameters]) if "items" in self.kinds.get(name, ()))

    @cached_property
    def expressions(self) -> tuple[Node, ...]:
        """Calls, subscripts, attributes and sums of the function, short ones, in order of the text."""
        found: dict[str, Node] = {}
        for node in self.nodes:
            if is_value(node) and node.kind in ("call", "subscript", "attribute", "binary_operator") and node.end - node.start <= 40:
                found.setdefault(node.text, node)
        return tuple(found.values())

    @cached_property
    def simple_statements(self) -> tuple[Node, ...]:
        """Statements of one line in the function, docstrings left out."""
        found: dict[str, Node] = {}
        for node in self.nodes:
            whole = node.kind in SIMPLE or (node.kind in BARE and node.kind != "initialiser")
            if whole and in_block(node) and node.role == "load" and node.line == node.end_line:
                found.setdefault(node.text, node)
        return tuple(found.values())

    @cached_property
    def indent(self) -> str:
        """One step of indentation in this function."""
        body = self.function.body
        first = body.parts[0] if body and body.parts else None
        if first is None or first.line == self.function.line:
            return "    "
        inner, outer = margin(first), margin(self.function)
        return inner[len(outer) :] if inner.startswith(outer) and len(inner) > len(outer) else "    "

    def names_at(self, node: Node) -> Iterator[str]:
        """Yield the names that can be read at a node, likeliest first: unused parameters, then the nearest; functions left out."""
        seen = set()
        for name in [*self.unused, *names_between(node, self.function), *self._local_names(node), *self.file.names]:
            if name not in seen and name != "_":
                seen.add(name)
                yield name

    def unused_at(self, node: Node) -> list[str]:
        """Return variables of the comprehensions and lambdas around a node that nothing in them reads, then unused parameters."""
        found = [name for above in node.above() if above.kind in COMPREHENSIONS or above.kind == "lambda" for name in _unread(above)]
        return [*found, *self.unused]

    def _local_names(self, node: Node) -> list[str]:
        bound = [name for name in self.bound if name not in self.file.names]
        if not in_loop(node):
            bound = [name for name in bound if self.bound[name] < node.start]
        near = sorted(bound, key=lambda name: (self.bound[name] > node.start, -self.bound[name]))
        outside = [*self.outer.parameters, *self.outer.bound] if self.outer else []
        return [*near, *self.parameters, *outside]

    def similar(self, node: Node, names: Iterable[str] | None = None) -> list[str]:
        """Return names for a node's place, those that seem to hold the same kind of value first."""
        wanted = self.kinds.get(node.text) or frozenset(kind_by_use(node))
        found = [name for name in (names if names is not None else self.names_at(node)) if name != node.text]
        return sorted(found, key=lambda name: -self._likeness(name, wanted))

    def may_count(self, name: str) -> bool:
        """Say whether a name could hold a number: known to, or nothing known."""
        kinds = self.kinds.get(name, frozenset())
        return "number" in kinds or not kinds

    def _likeness(self, name: str, wanted: frozenset[str]) -> int:
        kinds = self.kinds.get(name, frozenset())
        if not kinds or not wanted:
            return 3 if name in self.unused else 1
        return 2 if kinds & wanted else 0

    def texts(self, kind: str) -> tuple[str, ...]:
        """Return the constants of a node kind as source text, most used first."""
        counted = Counter(node.text for node in self.nodes if node.kind == kind and node.role == "load")
        return tuple(text for text, _ in counted.most_common())


def margin(node: Node) -> str:
    """Return the white space before the line on which a node begins, decorated or not."""
    begin = node.source.rfind("\n", 0, node.start) + 1
    line = node.source[begin : node.start]
    return line[: len(line) - len(line.lstrip(" \t\f"))]


def _comment_above(node: Node) -> str:
    """Return the comments that stand directly above a definition."""
    group = node.parent.children if node.parent is not None else []
    before = group[: group.index(node)] if node in group else []
    texts: list[str] = []
    for other in reversed(before):
        if other.kind != "comment":
            break
        texts.insert(0, other.text)
    return "\n".join(texts)


def _unread(node: Node) -> list[str]:
    """Return the variables a comprehension or lambda binds itself and nothing below it reads."""
    inside = [inner for inner in node.walk() if inner.kind == "identifier"]
    read = {inner.text for inner in inside if inner.role == "load"}
    return [inner.text for inner in inside if inner.role in ("store", "param") and inner.text not in read | {"_"}]


def names_between(node: Node, function: Node) -> list[str]:
    """Return variables of comprehensions and lambdas around a node, nearest first."""
    names = []
    for above in node.above():
        if above is function:
            break
        if above.kind in COMPREHENSIONS:
            names += [inner.text for inner in above.walk() if inner.kind == "identifier" and inner.role == "store"]
        elif above.kind == "lambda" and (head := above.child("parameters")):
            names += [inner.text for inner in head.walk() if inner.kind == "identifier" and inner.role == "param"]
    return names


def in_block(node: Node) -> bool:
    """Say whether a node is one of the statements of a block."""
    return node.parent is not None and node.parent.kind in ("block", "module")


def is_plain(node: Node) -> bool:
    """Say whether a statement is an expression or an assignment."""
    return node.kind == "expression_statement" or node.kind in BARE


def is_condition(node: Node) -> bool:
    """Say whether a value is asked for its truth: after `if`, `while`, `assert`, or an operand of such."""
    parent = node.parent
    while parent is not None and parent.kind in ("boolean_operator", "parenthesized_expression"):
        node, parent = parent, parent.parent
    if parent is None:
        return False
    if parent.kind in ("if_statement", "while_statement", "elif_clause", "for_statement"):
        return node.field == "condition"
    if parent.kind in ("if_clause", "not_operator"):
        return True
    if parent.kind == "assert_statement":
        return parent.parts[0] is node
    return parent.kind == "conditional_expression" and len(parent.parts) > 1 and parent.parts[1] is node


def _is_parameter(node: Node) -> bool:
    parent = node.parent
    if parent is None or node.field in ("type", "value"):
        return False
    return not any(above.kind == "type" or above.field == "value" for above in node.above() if above.kind != "function_definition")


def in_loop(node: Node) -> bool:
    """Say whether a node lies in a loop of its function."""
    for above in node.above():
        if above.kind in ("for_statement", "while_statement"):
            return True
        if above.kind in ("function_definition", "class_definition"):
            return False
    return False
