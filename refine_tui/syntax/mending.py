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
PARSES = 4_000
"""Texts that are given to the parser for one file."""
STATES = 12
"""Texts with an error left that are built on, for each error."""
FURTHER = 0.5
"""Share of its likelihood that a mend keeps which leaves another error behind it."""
LEAST = 0.02
"""Likelihood below which nothing is built on a text: five errors of one file are mended, not six."""
LINES_BEFORE = 8
# Where a part of the file begins that can be read without what stands before it, and ends before what stands after it.
_BEGINS = re.compile(r"(?!(elif|else|except|finally|case)\b)[A-Za-z_@]")
_ENDS = re.compile(r"(def|class|async|import|from)\b|@")


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
    while waiting and len(found) < MOST and search.parses < PARSES:
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
    parses: int = 0
    seen: set[str] = field(default_factory=set)

    def steps(self, before: _State) -> Iterator[tuple[_State, bool]]:
        """Yield the texts that one more mend leads to and that get further, each with whether it parses."""
        text = before.text
        fault = fault_of(text)
        if fault is None:
            return
        first, end = _window(text, fault)
        head, tail = "\n" * text.count("\n", 0, first), len(text) - end
        for mend, draft in _drafts(_place(text, fault, first, end)):
            after = text[: draft.start] + draft.text + text[draft.end :]
            if after in self.seen or self.parses >= PARSES:
                continue
            self.seen.add(after)
            self.parses += 1
            # Most texts are no better, and a part of the file tells that sooner than all of it.
            left = fault_of(head + after[first : len(after) - tail]) or fault_of(after)
            if left is None or (left.line, left.column) > (fault.line, fault.column):
                share = mend.prior * draft.weight
                note = draft.note or f"{text[draft.start : draft.end]} to {draft.text}"
                said = (before.name or mend.name, f"{before.note}; {note}" if before.note else note)
                yield _State(before.cost * share, len(self.seen), after, *said), left is None


def _drafts(place: Place) -> Iterator[tuple[Mend, Draft]]:
    for mend in MENDS:
        for draft in sorted(mend.make(place), key=lambda draft: -draft.weight):
            yield mend, draft


def _window(text: str, fault: Fault) -> tuple[int, int]:
    """Return the part of a text, from a line to a line, that holds the error and the code before it and can be parsed by itself."""
    lines = _lines(text)
    before = _code_before(lines, fault.line)
    starts = [line.start for line in lines[: before + 1] if _BEGINS.match(line.text)]
    first = next((start for start in reversed(starts[-5:]) if fault_of(text[:start]) is None), 0)
    end = next((line.start for line in lines[fault.line + 1 :] if _ENDS.match(line.text)), len(text))
    return first, end


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
