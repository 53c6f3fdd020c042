"""Reads what test runners print, line by line: TAP, Go's, Rust's. Each reader yields a test as soon as it is known, and once more with
its failure's text where that comes later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from refine_tui.core.evidence import CaseResult, Outcome
from refine_tui.evaluation.commands.text import Seen, bounded, one_line

MOST_LINES = 400
"""Lines kept of one failure's text."""


class Reader(Protocol):
    """One way to read."""

    def feed(self, line: str) -> Iterator[Seen]:
        """Take in a line, without its end."""

    def end(self) -> Iterator[Seen]:
        """Nothing follows."""


class _Unique:
    """Gives every test an id of its own; the second of a name becomes `name#2`."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def node(self, parts: list[str]) -> str:
        """Return the id of the next test with these names, from the outermost group to its own."""
        node = "::".join(one_line(part) for part in parts if part) or "unnamed"
        self._counts[node] = self._counts.get(node, 0) + 1
        return node if self._counts[node] == 1 else f"{node}#{self._counts[node]}"


class Tap:
    """TAP 12 to 14 with sub-tests, as node, prove, bats and others print it."""

    _RESULT = re.compile(r"^( *)(not )?ok\b(?: +(\d+))?(?: +- ?| +)?(.*)$")
    _DIRECTIVE = re.compile(r"(?<!\\)#\s*(skip|todo)\S*\s*(.*)$", re.IGNORECASE)
    _TIME = re.compile(r"\s+#\s*time=([\d.]+)(m?)s\s*$")
    _SUBTEST = re.compile(r"^( *)# Subtest:? *(.*)$")
    _SIGN = re.compile(r"^ *(?:TAP version \d+|1\.\.\d+)")

    def __init__(self) -> None:
        self._unique = _Unique()
        self._is_tap = False
        """Whether a version or a plan was seen: until then a line is a result only with its number."""
        self._open: list[str] = []
        self._parents: set[int] = set()
        """Depths at which a result with sub-tests is due."""
        self._red_inside: set[int] = set()
        self._pending: Seen | None = None
        self._text: list[str] = []

    def feed(self, line: str) -> Iterator[Seen]:
        """Take in a line."""
        if match := self._SUBTEST.match(line):
            yield from self.end()
            depth = len(match[1]) // 4
            self._open = [*self._open[:depth], match[2]]
            self._parents.discard(depth)
            self._red_inside.discard(depth)
            self._parents |= set(range(depth))
        elif (match := self._RESULT.match(line)) and (self._is_tap or match[3]):
            yield from self.end()
            self._result(len(match[1]) // 4, match[2] is not None, match[3] or "", match[4])
        elif self._SIGN.match(line):
            self._is_tap = True
        elif self._pending is not None and len(self._text) < MOST_LINES:
            self._text.append(line)

    def end(self) -> Iterator[Seen]:
        """The text of the last result is complete."""
        pending, self._pending = self._pending, None
        if pending is not None:
            yield replace(pending, case=_with_yaml(pending.case, self._text))
        self._text = []

    def _result(self, depth: int, bad: bool, number: str, title: str) -> None:
        time = self._TIME.search(title)
        title = title[: time.start()] if time else title
        directive = self._DIRECTIVE.search(title)
        name = self._DIRECTIVE.sub("", title).strip() or f"test {number}"
        kind = directive[1].lower() if directive else ""
        if depth in self._parents:  # it sums up its sub-tests
            self._parents.discard(depth)
            if not bad or depth in self._red_inside:
                return
        outcome: Outcome = "skipped" if kind == "skip" else "failed" if bad else "passed"
        if kind == "todo":
            outcome = "xfailed" if bad else "xpassed"
        if outcome == "failed":
            self._red_inside |= set(range(depth))
        node = self._unique.node([*self._open[:depth], name])
        seconds = _seconds(time[1]) / (1000 if time[2] else 1) if time else 0.0
        self._pending = Seen(CaseResult(node, outcome, seconds, one_line(directive[2]) if directive else ""), name)


_PLAIN = re.compile(r"^(\s*)(\w+): *(.*)$")


def _with_yaml(case: CaseResult, text: list[str]) -> CaseResult:
    """Add what the lines below a result say: a block of YAML, or comments."""
    block = [line for line in text if line.strip() not in ("---", "...")]
    facts = _facts(block)
    duration = _seconds(facts.get("duration_ms", "")) / 1000 or case.duration_s
    if case.outcome != "failed":
        return replace(case, duration_s=duration)
    comments = [line.strip().lstrip("#").strip() for line in block if line.lstrip().startswith("#")]
    message = facts.get("error") or facts.get("message") or next((line for line in (*comments, *_indented(block)) if line), "")
    sides = facts.get("actual", facts.get("found", facts.get("got"))), facts.get("expected", facts.get("wanted"))
    values = (one_line(sides[0]), one_line(sides[1])) if sides[0] is not None and sides[1] is not None else None
    error = one_line(facts.get("name", ""))
    return replace(case, duration_s=duration, message=one_line(message), details=bounded("\n".join(block)), values=values, error=error)


def _indented(block: list[str]) -> list[str]:
    """Return the lines that belong to a result by their indentation."""
    return [line.strip() for line in block if line.startswith("  ")]


def _seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d+)?", text) else 0.0


def _facts(block: list[str]) -> dict[str, str]:
    """Return the keys of a block of YAML with their values as text; of a text over several lines, its lines joined."""
    found: dict[str, str] = {}
    key, indent = "", 0
    for line in block:
        match = _PLAIN.match(line)
        if match and (not key or len(match[1]) <= indent):
            key, indent = match[2], len(match[1])
            found[key] = "" if re.fullmatch(r"[|>][-+]?", match[3]) else match[3].strip("'\"")
        elif key and line.strip() and len(found[key]) < 500:
            found[key] = f"{found[key]} {line.strip()}".strip()
    return found


class Cargo:
    """Rust's test programs, as cargo runs them."""

    _RESULT = re.compile(r"^test (.+?) \.\.\. (ok|FAILED|ignored)(?:, .*)?(?: <[\d.]+s>)?$")
    _PROGRAM = re.compile(r"^\s+(?:Running (?:unittests )?(\S+) \(|(Doc-tests) )")
    _HEAD = re.compile(r"^---- (.+) stdout ----$")
    _OUTCOMES: Mapping[str, Outcome] = MappingProxyType({"ok": "passed", "FAILED": "failed", "ignored": "skipped"})

    def __init__(self) -> None:
        self._unique = _Unique()
        self._program = ""
        self._failed: dict[str, Seen] = {}
        self._name = ""
        self._text: list[str] = []

    def feed(self, line: str) -> Iterator[Seen]:
        """Take in a line."""
        if match := self._PROGRAM.match(line):
            self._program, self._failed = match[1] or match[2], {}
        elif match := self._RESULT.match(line):
            name = match[1].removesuffix(" - should panic")
            seen = Seen(CaseResult(self._unique.node([self._program, name]), self._OUTCOMES[match[2]]), name)
            if match[2] == "FAILED":
                self._failed[name] = seen
            yield seen
        elif (match := self._HEAD.match(line)) or line in ("failures:", "successes:"):
            yield from self.end()
            self._name = match[1] if match else ""
        elif self._name and len(self._text) < MOST_LINES:
            self._text.append(line)

    def end(self) -> Iterator[Seen]:
        """The text of a failure is complete."""
        seen, text = self._failed.get(self._name), self._text
        self._name, self._text = "", []
        if seen is not None:
            yield replace(seen, case=_of_panic(seen.case, text))


def _of_panic(case: CaseResult, text: list[str]) -> CaseResult:
    at = next((number for number, line in enumerate(text) if " panicked at " in line), -1)
    shown = [line for line in text[at + 1 :] if line.strip()] or [line for line in text if line.strip()]
    sides = {match[1]: match[2] for line in shown if (match := re.match(r"^\s*(left|right): (.*)$", line))}
    values = (one_line(sides["left"]), one_line(sides["right"])) if len(sides) == 2 else None
    message = one_line(" ".join(shown[:3] if values else shown[:1]))
    return replace(case, message=message, details=bounded("\n".join(text)), values=values, error="panic")


class Go:
    """`go test -v` and `go test -json`."""

    _RESULT = re.compile(r"^( *)--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+)s\)$")
    _STARTS = re.compile(r"^=== (RUN|CONT|NAME)\s+(\S+)$")
    _OUTCOMES: Mapping[str, Outcome] = MappingProxyType({"pass": "passed", "fail": "failed", "skip": "skipped"})

    def __init__(self) -> None:
        self._unique = _Unique()
        self._package = ""
        self._running = ""
        self._texts: dict[str, list[str]] = {}

    def feed(self, line: str) -> Iterator[Seen]:
        """Take in a line."""
        if line.startswith('{"') and (event := _json_object(line)) is not None:
            yield from self._event(event)
        else:
            yield from self._text(line)

    def end(self) -> Iterator[Seen]:
        """Nothing is kept back."""
        yield from ()

    def _event(self, event: dict[str, object]) -> Iterator[Seen]:
        test, package, action = str(event.get("Test") or ""), str(event.get("Package") or ""), str(event.get("Action"))
        if not test:
            return
        if action == "output":
            self._keep(f"{package}::{test}", str(event.get("Output", "")).rstrip("\n"))
        elif action in self._OUTCOMES:
            elapsed = event.get("Elapsed")
            seconds = float(elapsed) if isinstance(elapsed, (int, float)) else 0.0
            yield self._case([package, test], self._OUTCOMES[action], seconds, f"{package}::{test}")

    def _text(self, line: str) -> Iterator[Seen]:
        if match := self._STARTS.match(line):
            self._running = match[2]
        elif match := self._RESULT.match(line):
            yield self._case([match[3]], self._OUTCOMES[match[2].lower()], float(match[4]), match[3])
        elif self._running:
            self._keep(self._running, line)

    def _keep(self, key: str, line: str) -> None:
        text = self._texts.setdefault(key, [])
        if len(text) < MOST_LINES and not line.lstrip().startswith(("=== ", "--- ")):
            text.append(line)

    def _case(self, parts: list[str], outcome: Outcome, seconds: float, key: str) -> Seen:
        text = self._texts.pop(key, [])
        message = one_line(next((line for line in text if line.strip()), "")) if outcome == "failed" else ""
        details = bounded("\n".join(text)) if outcome == "failed" else ""
        return Seen(CaseResult(self._unique.node(parts), outcome, seconds, message, details), parts[-1])


def _json_object(line: str) -> dict[str, object] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


FORMATS: dict[str, Callable[[], Reader]] = {"tap": Tap, "cargo": Cargo, "go": Go}
"""What `[test] format` may name, beside `junit` and `exit`."""


class Guessing:
    """Reads every known way until one of them has found a test, and goes on with that one."""

    def __init__(self) -> None:
        self._readers: list[Reader] = [make() for make in FORMATS.values()]

    def feed(self, line: str) -> Iterator[Seen]:
        """Take in a line."""
        for reader in self._readers:
            found = list(reader.feed(line))
            if found:
                self._readers = [reader]
                yield from found
                return

    def end(self) -> Iterator[Seen]:
        """Nothing follows."""
        for reader in self._readers:
            yield from reader.end()
