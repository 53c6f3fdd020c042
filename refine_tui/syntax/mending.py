"""Making a Python file parse again: mends close to where the parser gave up, and what it says to each.

The operators need a tree, and a file with a syntax error has none worth the name. A mend that parses is offered; one after which the
parser only gets further is built on, so that several errors of one file are mended together.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from refine_tui.core.patch import line_edits
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.text import SourceFile
from refine_tui.syntax.mends import MENDS, MOST_LINES, Line, Mend, Place
from refine_tui.syntax.operators.record import Draft

MOST = 150
"""Mends that are offered of one file."""
LETTERS = 8_000_000
"""Letters that are given to the parser for one file: a few seconds' worth."""
STATES = 12
"""Texts with an error left that are built on, for each error."""
FURTHER = 0.5
"""Share of its likelihood that a mend keeps which leaves another error behind it."""
LEAST = 0.02
"""Likelihood below which nothing is built on a text: five errors of one file are mended, not six."""
LINES_BEFORE = 8
# Where a part of the file begins that can be read without what stands before it, and ends before what stands after it.
_PART = re.compile(r"[ \t]*((def|class|async)\b|@)")


@dataclass(frozen=True, order=True)
class Fault:
    """Where and why the parser gave up."""

    line: int
    """0-based."""
    column: int
    """1-based, in characters; only for comparing."""
    words: str


def fault_of(text: str) -> Fault | None:
    """Return where Python's parser gives up on a text of one letter a byte; `None` when it does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text.encode("latin-1"), "<candidate>", "exec", dont_inherit=True)
        except SyntaxError as error:
            return Fault(max(0, (error.lineno or 1) - 1), error.offset or 0, error.msg)
        except (ValueError, RecursionError, MemoryError) as error:
            return Fault(0, 0, str(error))
    return None


@dataclass(frozen=True, order=True)
class _State:
    """A text on the way, worst last."""

    cost: float
    """The negative of its likelihood."""
    order: int
    text: str = field(compare=False)
    name: str = field(compare=False)
    note: str = field(compare=False)

    @property
    def likely(self) -> float:
        """Above 0; the text at the beginning has 1."""
        return -self.cost


def mended(source: SourceFile) -> list[OperatorEdit]:
    """Return edits after each of which the file parses, likeliest first; none for a file that parses already."""
    text = source.data.decode("latin-1")
    search = _Search()
    found: list[OperatorEdit] = []
    waiting = [_State(-1.0, 0, text, "", "")] if fault_of(text) else []
    while waiting and len(found) < MOST and search.letters < LETTERS:
        before = heappop(waiting)
        steps = sorted(search.steps(before))
        # The likeliest mend of an error is as good as any: what is left over is worked on before others of the first error are.
        top = max((state.likely for state, _ in steps), default=1.0) / before.likely
        for state, is_whole in steps:
            if is_whole:
                edits = line_edits(source.data, state.text.encode("latin-1"))
                found.append(OperatorEdit(state.name, edits, source.line_of(edits[0].start), state.likely / top, state.note))
        further = [state for state, is_whole in steps if not is_whole and state.likely * FURTHER / top > LEAST]
        for state in further[:STATES]:
            heappush(waiting, replace(state, cost=state.cost * FURTHER / top))
    return sorted(found, key=lambda edit: -edit.prior)[:MOST]


@dataclass
class _Search:
    letters: int = 0
    seen: set[str] = field(default_factory=set)

    def steps(self, before: _State) -> Iterator[tuple[_State, bool]]:
        """Yield the texts that one more mend leads to and that get further, each with whether it parses."""
        text, fault = before.text, self._fault_of(before.text)
        if fault is None:
            return
        first, end = self._window(text, fault)
        tail = len(text) - end
        for likely, mend, draft in _drafts(_place(text, fault, first, end)):
            after = text[: draft.start] + draft.text + text[draft.end :]
            if after in self.seen or self.letters >= LETTERS:
                continue
            self.seen.add(after)
            # Most texts are no better, and a part of the file tells that sooner than all of it.
            left = self._fault_of(_alone(after, first, len(after) - tail)) or self._fault_of(after)
            if left is None or (left.line, left.column) > (fault.line, fault.column):
                note = draft.note or f"{text[draft.start : draft.end]} to {draft.text}"
                said = (before.name or mend.name, f"{before.note}; {note}" if before.note else note)
                yield _State(before.cost * likely, len(self.seen), after, *said), left is None

    def _fault_of(self, text: str) -> Fault | None:
        self.letters += len(text.strip("\n"))
        return fault_of(text)

    def _window(self, text: str, fault: Fault) -> tuple[int, int]:
        """Return the part of a text, from a definition to the next, that holds the error and the code before it."""
        lines = _lines(text)
        before = _code_before(lines, fault.line)
        starts = [line for line in lines[: before + 1] if _PART.match(line.text)]
        begin = next((line for line in reversed(starts[-5:]) if self._fault_of(text[: line.start]) is None), lines[0])
        ends = (line for line in lines[fault.line + 1 :] if _PART.match(line.text) and len(line.indent) <= len(begin.indent))
        return begin.start, next((line.start for line in ends), len(text))


def _alone(text: str, first: int, end: int) -> str:
    """Return a part of a text with its lines numbered as they are, as a block of its own where it is indented."""
    if not first:
        return text[:end]
    return "\n" * (text.count("\n", 0, first) - 1) + ("if 1:\n" if text[first] in " \t" else "\n") + text[first:end]


def _drafts(place: Place) -> list[tuple[float, Mend, Draft]]:
    found = [(mend.prior * draft.weight, mend, draft) for mend in MENDS for draft in mend.make(place)]
    return sorted(found, key=lambda row: -row[0])


def _place(text: str, fault: Fault, first: int, end: int) -> Place:
    lines = _lines(text)
    at = min(fault.line, len(lines) - 1)
    before = _code_before(lines, at)
    near = tuple(dict.fromkeys([lines[at], lines[before]]))
    after = tuple(line for line in lines[at:] if line.start < end or line is lines[at])[:MOST_LINES]
    earlier = tuple(line for line in reversed(lines[:at]) if line.start >= first)
    return Place(text, near, after, earlier[: max(LINES_BEFORE, at - before)], fault.words)


def _lines(text: str) -> list[Line]:
    lines, at = [], 0
    for line in text.split("\n"):
        lines.append(Line(at, line.removesuffix("\r")))
        at += len(line) + 1
    return lines


def _code_before(lines: list[Line], at: int) -> int:
    """Return the nearest line before one that holds code; the first of all when there is none."""
    return next((number for number in range(min(at, len(lines)) - 1, -1, -1) if lines[number].text.strip()), 0)
