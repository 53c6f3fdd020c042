"""Reads JUnit XML reports. The file was written by code under test, so nothing in it is trusted.

A document type, and with it every entity of its own, is refused; size, depth, number of tests and length of texts are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.parsers import expat

from refine_tui.core.errors import RunnerError
from refine_tui.core.evidence import CaseResult, Outcome
from refine_tui.evaluation.commands.text import Seen, bounded, one_line

MOST_BYTES = 16 << 20
DEEPEST = 64
MOST_CASES = 50_000
_TEXT = 64 << 10
"""Characters kept of one failure."""
_BAD: Mapping[str, Outcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}
_NO_CLASS = frozenset({"", "test", "undefined", "null"})
"""What reporters write where a test has no class."""


class NotJUnit(RunnerError):
    """Raised when a report cannot be read; the message says why, in words."""


def read_junit(content: bytes, place: Callable[[str], str]) -> list[Seen]:
    """Return the tests of a report in order.

    Args:
        content: the file.
        place: turns a path as the report spells it into one of the project; what is none of it stays as it is.

    Raises:
        NotJUnit: it is no XML, defines entities, or is too large.
    """
    if len(content) > MOST_BYTES:
        raise NotJUnit(f"the report is larger than {MOST_BYTES >> 20} MB")
    reader = _Reader(place)
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise NotJUnit(f"the report is no XML: {error}") from error
    except (UnicodeError, ValueError, LookupError) as error:
        raise NotJUnit(f"the report cannot be decoded: {error}") from error
    return reader.found


class _Reader:
    """Takes in what expat finds."""

    def __init__(self, place: Callable[[str], str]) -> None:
        self.parser = expat.ParserCreate()
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartDoctypeDeclHandler = _refuse_types
        self.parser.EntityDeclHandler = _refuse_types
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.buffer_text = True
        self.found: list[Seen] = []
        self._place = place
        self._depth = 0
        self._suites: list[str] = []
        self._case: Mapping[str, str] | None = None
        self._outcome: Outcome = "passed"
        self._kind = ""
        self._message = ""
        self._details: list[str] = []
        self._length = 0
        self._listens = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotJUnit(f"the report nests deeper than {DEEPEST} elements")
        if name == "testsuite":
            self._suites.append(attributes.get("name", ""))
        elif name == "testcase":
            self._begin(attributes)
        elif self._case is not None and name in _BAD:
            if self._outcome != "error":
                self._outcome = _BAD[name]
            self._kind = self._kind or attributes.get("type", "")
            self._message = self._message or attributes.get("message", "")
            self._listens = True

    def _begin(self, attributes: dict[str, str]) -> None:
        if len(self.found) >= MOST_CASES:
            raise NotJUnit(f"the report has more than {MOST_CASES} tests")
        self._case, self._outcome, self._kind, self._message = attributes, "passed", "", ""
        self._details, self._length = [], 0

    def _characters(self, text: str) -> None:
        if self._listens and self._length < _TEXT:
            self._details.append(text[: _TEXT - self._length])
            self._length += len(text)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name == "testsuite" and self._suites:
            self._suites.pop()
        elif name in _BAD:
            self._listens = False
        elif name == "testcase" and self._case is not None:
            self.found.append(self._finished(self._case))
            self._case = None

    def _finished(self, case: Mapping[str, str]) -> Seen:
        name = one_line(case.get("name", "")) or "unnamed"
        details = "".join(self._details).strip("\n")
        message = one_line(self._message) or one_line(next((line for line in details.splitlines() if line.strip()), ""))
        where = self._where(case)
        node = f"{where}::{name}" if where else name
        kind = one_line(self._kind).rpartition(".")[2]
        error = kind if self._outcome in ("failed", "error") else ""
        return Seen(CaseResult(node, self._outcome, _seconds(case.get("time", "")), message, bounded(details), error=error), name)

    def _where(self, case: Mapping[str, str]) -> str:
        """Return the file that holds a test, else its class, else its suites."""
        name = one_line(case.get("classname", ""))
        group = "" if name in _NO_CLASS else name
        if file := one_line(self._place(case.get("file", ""))):
            return f"{file}::{group}" if group and group != file else file
        return group or "::".join(suite for suite in map(one_line, self._suites) if suite)


def _seconds(text: str) -> float:
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return value if 0.0 <= value < 1e6 else 0.0


def _refuse_types(*_: object) -> None:
    raise NotJUnit("the report defines a document type or entities, which reports of tests never do")
