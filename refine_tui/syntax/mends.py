"""The table of mends: what may be wrong with text that Python cannot parse, each kind with its share and a small example.

A mend looks at text and not at a tree. It offers freely: what the parser does not take is never tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from keyword import kwlist
from typing import NamedTuple

from refine_tui.syntax.operators.record import Draft

BLOCK_WORDS = ("def", "class", "if", "elif", "else", "for", "while", "try", "except", "finally", "with", "async", "match", "case")
MOST_LINES = 30
"""Lines after an open bracket at whose end it may be meant to close, and lines that are moved together."""
_BEGINS_BLOCK = re.compile(rf"\s*({'|'.join(BLOCK_WORDS)})\b")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORDS = {
    **{word: (word,) for word in (*kwlist, "match", "case", "print")},
    **dict.fromkeys(("function", "func", "fn", "fun", "define", "sub"), ("def",)),
    "foreach": ("for",), "elseif": ("elif",), "elsif": ("elif",), "switch": ("match",), "catch": ("except",), "throw": ("raise",),
}  # fmt: skip
# What text has in place of Python's signs: curly quotes, dashes, signs of mathematics, spaces that are none.
_FORMS = {
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-", "\u2212": "-",
    "\u00d7": "*", "\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\u00a0": " ", "\u200b": "", "\ufeff": "",
}  # fmt: skip
# A sign of another language or one letter too few, and what it is in Python; the share falls from one to the next.
_SIGNS = (
    (r"(?<![=!<>:+\-*/%&|^@])=(?!=)", "=="), (r"==", "="), (r"=>", ">="), (r"=<", "<="), (r"=!", "!="), (r"<>", "!="),
    (r"\s*&&\s*", "and"), (r"\s*\|\|\s*", "or"), (r"!(?!=)\s*", "not "), (r"\s*\+\+", " += 1"), (r"\s*--", " -= 1"),
    (r"\belse\s+if\b", "elif"), (r";", ":"), (r"\?\s*", "if "), (r"\.", ","), (r":", ","), (r":=", "="), (r":", "="), (r"->", ":"),
)  # fmt: skip
_OTHERS = {"(": "[{", "[": "({", "{": "([", ")": "]}", "]": ")}", "}": ")]"}


class Line(NamedTuple):
    """A line of the file: the byte it begins at, and its text without the line end."""

    start: int
    text: str

    @property
    def indent(self) -> str:
        """The white space it begins with."""
        return self.text[: len(self.text) - len(self.text.lstrip())]

    @property
    def code_end(self) -> int:
        """Byte after the last sign that is no comment, as far as can be told without parsing."""
        code, sign, comment = self.text.rpartition("#")
        return self.start + len((code if sign and not {"'", '"'} & set(comment) else self.text).rstrip())

    def tokens(self) -> list[tuple[int, str]]:
        """Return words and signs with the byte each begins at."""
        return [(self.start + found.start(), found.group()) for found in _TOKEN.finditer(self.text)]


@dataclass(frozen=True)
class Place:
    """Where the parser gave up."""

    text: str
    """The whole file, a byte a letter."""
    lines: tuple[Line, ...]
    """The lines that may be wrong: that of the error, and the one with code before it."""
    after: tuple[Line, ...]
    """The lines from the error on, to the end of what hangs together."""
    before: tuple[Line, ...]
    """Some lines before the error, the nearest first."""
    words: str
    """What the parser said."""

    def gaps(self) -> Iterator[tuple[int, Line]]:
        """Yield the places between the words and signs of the lines, the end of a line first."""
        for line in self.lines:
            yield line.code_end, line
            yield from ((start + len(token), line) for start, token in reversed(line.tokens()))

    @property
    def step(self) -> str:
        """One step of indentation."""
        found = [line.indent for line in (*self.before, *self.after) if line.indent and line.text.strip()]
        return min(found, key=len, default="    ")


@dataclass(frozen=True)
class Mend:
    """One kind of mend: a row of the table."""

    name: str
    prior: float
    """How often it is what was meant, among mends that parse; only ratios matter."""
    about: str
    before: str
    """A small example, a whole module."""
    after: str
    make: Callable[[Place], Iterator[Draft]]


def _put(at: int, text: str, weight: float) -> Draft:
    return Draft(at, at, text, weight, f"{text.strip()} added")


def _colon(place: Place) -> Iterator[Draft]:
    for at, line in place.gaps():
        begins = _BEGINS_BLOCK.match(line.text) is not None
        yield _put(at, ":", (1.0 if at == line.code_end else 0.3) if begins else 0.1)


def _bracket(place: Place) -> Iterator[Draft]:
    for at, line in place.gaps():
        for sign in ")]}":
            yield _put(at, sign, 0.4 if at == line.code_end else 0.8 if place.text[at : line.code_end] in (":", ",") else 0.2)
    for line in place.after if "closed" in place.words else ():
        for sign in ")]}":
            yield _put(line.code_end, sign, 0.6)
    for line in place.lines:
        for at, token in line.tokens():
            if token in _OTHERS:
                yield Draft(at, at + 1, "", 0.3, f"{token} dropped")
                yield from (Draft(at, at + 1, other, 0.5) for other in _OTHERS[token])
            yield from (_put(at, sign, 0.1) for sign in "([{")


def _quote(place: Place) -> Iterator[Draft]:
    for at, line in place.gaps():
        rest = place.text[at : line.start + len(line.text)].strip()
        for quote in "\"'":
            yield _put(at, quote, 0.8 if not rest.strip(")]},:") else 0.1)
    for line in place.lines:
        for quote in "\"'":
            yield _put(line.start + len(line.text.rstrip()), quote, 0.8)
            yield from (_put(at, quote, 0.1) for at, _ in line.tokens())
        for at, token in line.tokens():
            if token in "\"'":
                yield Draft(at, at + 1, "", 0.2, f"{token} dropped")
                yield Draft(at, at + 1, "'\""[token == "'"], 0.6)
                yield Draft(at, at + 1, f"\\{token}", 0.3)
        for one, other in ("'\"", "\"'"):
            yield Draft(line.start, line.start + len(line.text), _requoted(line.text, one, other), 0.6, f"{other} around it")


def _requoted(text: str, one: str, other: str) -> str:
    """Return a line with the outermost pair of one quote made the other: `'it's'` becomes `"it's"`."""
    first, last = text.find(one), text.rfind(one)
    return f"{text[:first]}{other}{text[first + 1 : last]}{other}{text[last + 1 :]}" if 0 <= first < last else text


def _comma(place: Place) -> Iterator[Draft]:
    for at, _ in place.gaps():
        yield _put(at, ",", 1.0 if "comma" in place.words else 0.3)


def _sign(place: Place) -> Iterator[Draft]:
    for line in place.lines:
        asks = re.match(r"\s*(if|elif|while|assert|return)\b", line.text) is not None
        weight = 1.0
        for pattern, sign in _SIGNS:
            for found in re.finditer(pattern, line.text):
                new = f" {sign} " if sign in ("and", "or") else sign
                draft = Draft(line.start + found.start(), line.start + found.end(), new, weight if asks or sign != "==" else 0.3)
                yield draft._replace(note=f"{found.group().strip()} to {sign.strip()}")
            weight *= 0.9


def _word(place: Place) -> Iterator[Draft]:
    for line in place.lines:
        for at, token in line.tokens():
            if not token.isidentifier():
                continue
            for close in get_close_matches(token.lower(), _WORDS, 4, 0.5):
                for word in {*_WORDS[close], *(word.capitalize() for word in _WORDS[close] if word in ("true", "false", "none"))}:
                    yield Draft(at, at + len(token), word, 1.0 if at == line.start + len(line.indent) else 0.6)


def _lost_word(place: Place) -> Iterator[Draft]:
    for line in place.lines:
        start = line.start + len(line.indent)
        yield from (_put(start, f"{word} ", 0.5) for word in ("def", "if", "elif", "for", "class", "else"))
        for at, token in line.tokens():
            yield from (_put(at + len(token), f" {word}", 0.2) for word in ("in", "as", "import"))
            yield from (_put(at + len(token), sign, 0.1) for sign in (".", " =", " +", " ==", " *"))


def _indent(place: Place) -> Iterator[Draft]:
    """Move a line, and lines after it with it, to where lines around it begin, or one step further."""
    known = dict.fromkeys(line.indent for line in (*place.before, *place.after) if line.text.strip())
    wanted = dict.fromkeys([*known, *(indent + place.step for indent in known), ""])
    for first in place.lines:
        group = [line for line in (*reversed(place.before), *place.after) if line.start >= first.start]
        near = sorted(wanted, key=lambda indent, first=first: abs(len(indent) - len(first.indent)))  # type: ignore[misc]
        for at, new in enumerate(near):
            if new != first.indent:
                yield from _moved(group[:MOST_LINES], first.indent, new, 0.9**at)


def _moved(lines: list[Line], old: str, new: str, weight: float) -> Iterator[Draft]:
    """Yield the first lines moved together, as many as begin no further left, by one line more each time."""
    done, share = "", weight
    for line in lines:
        if line.text.strip() and not line.indent.startswith(old):
            return
        done += (new + line.text[len(old) :] if line.text.strip() else line.text) + "\n"
        if line.text.strip():
            yield Draft(lines[0].start, line.start + len(line.text), done[:-1], share, f"indented by {len(new)} instead of {len(old)}")
            share = weight / 2


def _tabs(place: Place) -> Iterator[Draft]:
    """Indent everything around the error with spaces, a tab being one step or eight columns."""
    group = [*reversed(place.before), *place.after]
    whole = place.text[group[0].start : group[-1].start + len(group[-1].text)]
    for wide in (place.step if place.step.strip("\t") else " " * 4, " " * 8, " " * 2):
        new = re.sub(r"(?m)^[ \t]+", lambda found, wide=wide: found.group().replace("\t", wide), whole)  # type: ignore[misc]
        yield Draft(group[0].start, group[0].start + len(whole), new, 1.0, "tabs to spaces")


def _empty(place: Place) -> Iterator[Draft]:
    header = next((line for line in place.before if line.text.strip()), None)
    for line in [header] if header and "indented block" in place.words else ():
        yield Draft(line.code_end, line.code_end, f"\n{line.indent}{place.step}pass", 0.3, "pass added")


def _token(place: Place) -> Iterator[Draft]:
    for line in place.lines:
        for at, token in line.tokens():
            yield Draft(at, at + len(token), "", 0.5 if len(token) == 1 else 0.2, f"{token} dropped")
        yield Draft(line.start, line.start + len(line.text), line.indent + "pass" if line.indent else "", 0.1, "line dropped")


def _pasted(place: Place) -> Iterator[Draft]:
    """Write in Python's signs what was pasted from a text: curly quotes, long dashes, spaces that are none."""
    for line in place.lines:
        new = line.text
        for form, plain in _FORMS.items():
            new = new.replace(form.encode().decode("latin-1"), plain)
        yield Draft(line.start, line.start + len(line.text), new, 1.0, "plain signs")


def _old(place: Place) -> Iterator[Draft]:
    """Write a statement of Python 2 as today."""
    for line in place.lines:
        for pattern, new in ((r"\bprint\s+(.+?)\s*$", r"print(\1)"), (r"\bexcept\s+(.+?)\s*,\s*(\w+)\s*:", r"except \1 as \2:")):
            yield Draft(line.start, line.start + len(line.text), re.sub(pattern, new, line.text), 1.0, "as Python 3 has it")


_LOOP = "for i in [1]:\n    print(i)\n"

MENDS = (
    Mend("mend.colon", 0.2, "a colon added", "if 1\n    pass\n", "if 1:\n    pass\n", _colon),
    Mend("mend.word", 0.2, "a keyword spelt right", "whlie 0:\n    pass\n", "while 0:\n    pass\n", _word),
    Mend("mend.bracket", 0.15, "a bracket added, dropped or changed", "x = (1\ny = 2\n", "x = (1)\ny = 2\n", _bracket),
    Mend("mend.quote", 0.15, "a quote added, dropped or changed", "x = 'a\n", "x = 'a'\n", _quote),
    Mend("mend.indent", 0.15, "lines indented otherwise", "for i in [1]:\nprint(i)\n", _LOOP, _indent),
    Mend("mend.sign", 0.15, "a sign for another", "if 1 = 1:\n    pass\n", "if 1 == 1:\n    pass\n", _sign),
    Mend("mend.tabs", 0.1, "tabs to spaces", "if 1:\n\tx = 1\n        y = 1\n", "if 1:\n        x = 1\n        y = 1\n", _tabs),
    Mend("mend.comma", 0.1, "a comma added", "x = [1 2]\n", "x = [1, 2]\n", _comma),
    Mend("mend.pasted", 0.1, "signs of a text to those of code", "x = “a”\n", 'x = "a"\n', _pasted),
    Mend("mend.old", 0.1, "Python 2 to Python 3", "print 'a'\n", "print('a')\n", _old),
    Mend("mend.lost-word", 0.05, "a keyword or sign added", "f(x):\n    pass\n", "def f(x):\n    pass\n", _lost_word),
    Mend("mend.empty", 0.03, "`pass` in a block without a statement", "if 1:\n\nx = 1\n", "if 1:\n    pass\n\nx = 1\n", _empty),
    Mend("mend.token", 0.03, "a word or sign dropped", "x = = 1\n", "x =  1\n", _token),
)  # fmt: skip
"""Likeliest first."""
