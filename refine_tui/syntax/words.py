"""How each language writes what the operators put in: signs, constants, negation, conditions around statements.

Operators are written in Python's words; `Words` turns them into a language's own, and a language's signs back into Python's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, eq=False)
class Words:
    """One language's way to write."""

    own: str = "self"
    """What a method calls its object."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Python's word → the language's. What is not in it does not exist there; Python itself spells everything as it is."""
    levels: Mapping[str, int] = field(default_factory=dict)
    """How tightly signs bind, in Python's words, where it is otherwise than in Python."""
    negated: str = "not {}"
    negation_binds: int = 4
    """How tightly a negation binds; 12 as a sign before a value does."""
    ends: str = ""
    """What ends a simple statement."""
    head: str = "if {}:"
    """The line that begins a condition."""
    foot: str = ""
    """The line that ends it; empty where indentation does."""
    truthy: bool = True
    """Whether any value can be asked for its truth."""
    python: bool = True
    without: frozenset[str] = frozenset()
    """Names of operators that make no sense here."""
    _read: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for ours, theirs in self.spelled.items():
            self._read.setdefault(theirs, ours)

    def say(self, text: str) -> str | None:
        """Return a sign or a constant in the language's own spelling, or `None` when it has no such thing."""
        if self.python or re.fullmatch(r"-?\d+(\.\d+)?", text):
            return text
        if len(text) > 1 and text[0] == text[-1] == "'":
            return f'"{text[1:-1]}"'
        return self.spelled.get(text)

    def all(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield the texts the language can say, in its spelling."""
        yield from (said for text in texts if (said := self.say(text)) is not None)

    def read(self, text: str) -> str:
        """Return a sign of the language in Python's spelling."""
        return " ".join(text.split()) if self.python else self._read.get(text, text)

    def guarded(self, test: str, statement: str, margin: str, step: str, newline: str) -> str:
        """Return a statement of whole lines under a condition, without the margin of its first line and its last line's end."""
        text = f"{self.head.format(test)}{newline}{margin}{step}{statement}"
        return f"{text}{newline}{margin}{self.foot}" if self.foot else text


PYTHON = Words()
_SAME = {sign: sign for sign in (
    "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>",
    "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "=", "if", "while", "break", "continue", "return",
)}  # fmt: skip
_BRACES = {**_SAME, "and": "&&", "or": "||", "True": "true", "False": "false", "++": "++", "--": "--"}
# There `a & b == c` is `a & (b == c)`.
_LOOSE = {"|": 4, "^": 4, "&": 4}


def _braces(spelled: Mapping[str, str], **other: object) -> Words:
    kept = {"negated": "!{}", "negation_binds": 12, "ends": ";", "head": "if ({}) {{", "foot": "}", "python": False, "levels": _LOOSE}
    return Words(spelled=MappingProxyType({**_BRACES, **spelled}), **{**kept, **other})  # type: ignore[arg-type]


_SCRIPT = {"None": "null", "==": "===", "!=": "!==", "[]": "[]", "**": "**", "**=": "**=", "float('inf')": "Infinity",
           "float('-inf')": "-Infinity", "raise": "throw"}  # fmt: skip
JAVASCRIPT = _braces(_SCRIPT, own="this")
JAVA = _braces({"None": "null"}, own="this", truthy=False)
C = _braces({"None": "NULL"}, own="this")
CPP = _braces({"None": "nullptr"}, own="this")
GO = _braces({"None": "nil", "while": "for"}, own="", ends="", head="if {} {{", levels={}, truthy=False)
RUST = _braces({"None": "None"}, head="if {} {{", levels={}, truthy=False)
