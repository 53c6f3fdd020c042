"""What a whole file offers to edits: its functions, names, calls and attributes; computed once a file."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property, lru_cache

from refine_tui.syntax.nodes import Node

COMPREHENSIONS = frozenset({"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"})


@dataclass(frozen=True)
class FileFacts:
    """What a whole file offers; computed once a file."""

    root: Node

    @cached_property
    def newline(self) -> str:
        """The file's line end, taken from its first line."""
        at = self.root.source.find("\n")
        return "\r\n" if at > 0 and self.root.source[at - 1] == "\r" else "\n"

    @cached_property
    def functions(self) -> dict[str, int]:
        """Functions that are called by their bare name (not Python's methods), with how many parameters each has."""
        found: dict[str, int] = {}
        for node in self.root.walk():
            if node.kind == "function_definition" and (name := node.header("name")) and not (node.words.python and _in_class(node)):
                head = node.header("parameters")
                found[name.text] = len(head.parts) if head else 0
        return found

    @cached_property
    def signatures(self) -> dict[str, tuple[str, ...]]:
        """Parameters that Python's functions and methods of the file name, by the function's name."""
        found: dict[str, tuple[str, ...]] = {}
        for node in self.root.walk():
            head = node.child("parameters") if node.kind == "function_definition" and node.words.python else None
            if head is not None and (name := node.child("name")):
                found[name.text] = tuple(inner.text for inner in head.walk() if inner.kind == "identifier" and inner.role == "param")
        return found

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names assigned at module level."""
        statements = [node for node in self.root.parts if node.kind in ("expression_statement", "declaration")]
        names = (node for statement in statements for node in statement.walk() if node.kind == "identifier" and node.role == "store")
        return tuple(dict.fromkeys(node.text for node in names if not in_comprehension(node)))

    @cached_property
    def arguments(self) -> dict[str, tuple[tuple[str, frozenset[str]], ...]]:
        """Argument lists of one line that functions of the module are called with, each with the names it reads."""
        found: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
        for node in self.root.walk():
            name, head = (node.child("function"), node.child("arguments")) if node.kind == "call" else (None, None)
            if name is not None and name.text in self.functions and head is not None and head.parts and head.line == head.end_line:
                found[name.text][head.text] = frozenset(inner.text for inner in head.walk() if _is_plain_name(inner))
        return {name: tuple(lists.items()) for name, lists in found.items()}

    @cached_property
    def imported(self) -> frozenset[str]:
        """Names that imports and definitions anywhere in the file bind; `*` when an import binds names unseen."""
        found = set()
        for node in self.root.walk():
            if node.kind in ("import_statement", "import_from_statement", "class_definition", "function_definition"):
                inside = node.walk() if node.kind.startswith("import") else node.children
                found |= {inner.text for inner in inside if inner.kind == "identifier"}
                found |= {"*"} if any(inner.kind == "wildcard_import" for inner in node.children) else set()
        return frozenset(found)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Names that are read anywhere, in order of the text."""
        return tuple(dict.fromkeys(node.text for node in self.root.walk() if node.kind == "identifier" and node.role == "load"))

    @cached_property
    def calls(self) -> tuple[str, ...]:
        """Names of functions that are called, most often called first."""
        return tuple(name for name, _ in Counter(node.text for node in self.root.walk() if is_called(node)).most_common())

    @cached_property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """Attributes used, by the text of their receiver."""
        found: dict[str, list[str]] = defaultdict(list)
        for node in self.root.walk():
            if node.kind == "attribute" and (receiver := node.child("object")) and (name := node.child("attribute")):
                found[receiver.text].append(name.text)
        return {receiver: tuple(dict.fromkeys(names)) for receiver, names in found.items()}

    @cached_property
    def attribute_names(self) -> tuple[str, ...]:
        """Attributes used of whatever receiver, and methods defined, in order of the text."""
        nodes = (node for node in self.root.walk() if node.kind in ("attribute", "function_definition"))
        names = (node.child("attribute") if node.kind == "attribute" else node.header("name") for node in nodes)
        return tuple(dict.fromkeys(name.text for name in names if name is not None))

    @cached_property
    def methods(self) -> frozenset[tuple[str, str]]:
        """Receivers and attributes of theirs that are called somewhere."""
        called = (node for node in self.root.walk() if node.kind == "attribute" and node.field == "function")
        pairs = ((node.child("object"), node.child("attribute")) for node in called)
        return frozenset((receiver.text, name.text) for receiver, name in pairs if receiver and name)


@lru_cache(maxsize=32)
def file_facts(root: Node) -> FileFacts:
    """Return the facts of a file by its root node, those of the last few files remembered."""
    return FileFacts(root)


def in_comprehension(node: Node) -> bool:
    """Say whether a node lies in a comprehension."""
    return any(above.kind in COMPREHENSIONS for above in node.above())


def _in_class(node: Node) -> bool:
    return any(above.kind == "class_definition" for above in node.above())


def is_called(node: Node) -> bool:
    """Say whether a node is the name of a function that is called."""
    return node.kind == "identifier" and node.field == "function" and node.role == "load"


def _is_plain_name(node: Node) -> bool:
    return node.kind == "identifier" and node.role == "load" and not in_comprehension(node)
