"""One run of the project's test command in the sandbox, and the tests that were seen in it."""

from __future__ import annotations

import base64
import json
import re
import shlex
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from refine_tui.core.errors import UsageError
from refine_tui.core.evidence import CaseResult
from refine_tui.evaluation.commands.junit import NotJUnit, read_junit
from refine_tui.evaluation.commands.places import Places
from refine_tui.evaluation.commands.reading import FORMATS, Guessing, Reader
from refine_tui.evaluation.commands.text import DETAILS, Seen, bounded, grouped, one_line
from refine_tui.evaluation.settings import Place, processor_s
from refine_tui.evaluation.stream import ENDED, Lines
from refine_tui.evaluation.tools import stand_alone
from refine_tui.loop.ports.running import Cancelled, Launch, Running, Sandbox

_POLL_S = 0.04
_OUTPUT_BYTES = 32 << 20
"""What may come out of the sandbox: reports of 16 MB, as text, and what the command prints."""
_KEPT = 1 << 20
"""Characters kept of what a command prints, for telling why it failed."""
_LINE = 1 << 16
_SIGNS = re.compile(
    r"\b(error|fail(ed|ure)?|assert(ion)?|expected|got|want(ed)?|mismatch(ed)?|not ok|panic(ked)?|exception|not found|segmentation)\b",
    re.IGNORECASE,
)
_PASSED = re.compile(r"(ok|pass(ed)?)\b", re.IGNORECASE)
"""How a line begins that says of some test that it is well: no reason for a failure."""
_OWN_WORDS = re.compile(r"make(\[\d+\])?: (\*\*\*|Entering|Leaving)")


@dataclass(frozen=True)
class Command:
    """How the user says that the tests are run."""

    line: str
    """For `/bin/sh`, in the project's folder."""
    junit: str = ""
    """Where it writes JUnit XML: a path or a pattern, relative to the project; empty: it writes none."""
    format: str = ""
    """`tap`, `cargo`, `go`, `junit`, `exit`; empty: `junit` where that is set, else found out, the exit status alone at last."""
    filter: str = ""
    """The command for some tests: `{names}` becomes their names, `{pattern}` a regular expression for them."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UsageError: the message names the setting.
        """
        known = ("", "exit", "junit", *FORMATS)
        if self.format not in known:
            raise UsageError(f"[test] format = {self.format!r}: there is no such format. Known: {', '.join(known[1:])}.")
        if self.format == "junit" and not self.junit:
            raise UsageError('[test] format = "junit" needs junit = "PATH", the file that the command writes.')
        if self.filter and "{names}" not in self.filter and "{pattern}" not in self.filter:
            raise UsageError("[test] filter: it must contain {names} or {pattern}, in the place where the wanted tests are named.")
        if self.junit.startswith(("/", "~")) or ".." in self.junit.split("/"):
            raise UsageError(f"[test] junit = {self.junit!r}: name a file in the project, relative to its folder.")

    @property
    def name(self) -> str:
        """The command for people, cut to 80 characters."""
        return one_line(self.line)[:80]

    @property
    def node(self) -> str:
        """The id of the one test that the exit status stands for."""
        return grouped(self.name)

    def reader(self) -> Reader | None:
        """Return what reads the output; `None`: nothing is read from it."""
        if self.junit or self.format == "exit":
            return None
        return FORMATS[self.format]() if self.format else Guessing()

    def for_some(self, names: Collection[str]) -> str:
        """Return the command line that runs tests by their runner's names."""
        plain = shlex.join(names)
        pattern = shlex.quote(f"^({'|'.join(map(re.escape, names))})$")
        return self.filter.replace("{names}", plain).replace("{pattern}", pattern)


@dataclass
class CommandRun:
    """What a run gave."""

    cases: dict[str, CaseResult] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Id → what the runner calls the test."""
    status: int | None = None
    """Exit status of the command; `None`: it was ended."""
    stopped: str = ""
    duration_s: float = 0.0
    output: str = ""
    problem: str = ""
    """Why its results could not be read."""

    @property
    def explained(self) -> bool:
        """Whether a bad end is put down to some test."""
        return self.status == 0 or any(case.is_red for case in self.cases.values())


Watch = Callable[[CaseResult], str]
"""Called with each test's outcome; what it returns, if anything, is why the run should end."""


class CommandRunner:
    """Starts the command, again and again."""

    def __init__(self, place: Place, sandbox: Sandbox, command: Command) -> None:
        self._place, self._sandbox, self._command = place, sandbox, command
        self.places = Places(place.project)

    def run(self, line: str, files: Mapping[str, bytes], limit_s: float, cancelled: Cancelled, watch: Watch) -> CommandRun:
        """Run one command line with files laid over the tree."""
        began = time.monotonic()
        run = CommandRun()
        reading = _Reading(self._command, self.places, run, watch)
        with self._sandbox.launch(self._launch(line, files, limit_s)) as running:
            self._follow(running, reading, began + limit_s, cancelled)
            if run.status is None and not run.stopped:
                run.stopped = running.stopped or f"crash: the command ended before it could report: {one_line(running.stderr_tail[-300:])}"
        reading.close()
        run.duration_s = time.monotonic() - began
        return run

    def _launch(self, line: str, files: Mapping[str, bytes], limit_s: float) -> Launch:
        plan = {"command": line, "results": self._command.junit}
        tools = {"plan.json": json.dumps(plan).encode(), "_command.py": stand_alone()["_command.py"]}
        limits = self._place.settings.limits
        wall_s = limit_s + 5.0
        limits = replace(limits, wall_s=wall_s, cpu_s=processor_s(limits, wall_s), output_bytes=max(limits.output_bytes, _OUTPUT_BYTES))
        argv = (str(self._place.interpreter.path), "-I", "-S", "{tools}/_command.py")
        roots, environment = self._place.interpreter.roots, self._place.environment()
        return Launch(argv, self._place.project, readable=roots, files=files, tools=tools, environment=environment, limits=limits)

    def _follow(self, running: Running, reading: _Reading, deadline: float, cancelled: Cancelled) -> None:
        lines, run = Lines(running.stdout), reading.run
        while (event := lines.next(_POLL_S)) is not ENDED:
            if isinstance(event, dict):
                reading.take(event)
            if cancelled():
                run.stopped = "cancelled"
            elif time.monotonic() > deadline:
                run.stopped = "time"
            if run.stopped:
                running.kill()
                return


class _Reading:
    """Turns events into tests."""

    def __init__(self, command: Command, places: Places, run: CommandRun, watch: Watch) -> None:
        self.run = run
        self._reader = command.reader()
        self._junit = bool(command.junit)
        self._found_results = False
        self._places, self._watch = places, watch
        self._rest = ""

    def take(self, event: Mapping[str, object]) -> None:
        """Take in one event."""
        kind = event.get("event")
        if kind == "output":
            self._output(str(event["text"]))
        elif kind == "results":
            self._results(base64.b64decode(str(event["content"])))
        elif kind == "too large":
            self.run.problem = "the report is too large, or in too many files"
        elif kind == "end":
            status = event["status"]
            self.run.status = status if isinstance(status, int) else 1

    def close(self) -> None:
        """Nothing follows: take in the last line."""
        if self._reader is not None:
            for seen in (*self._reader.feed(self._rest), *self._reader.end()):
                self._add(seen)
        elif self._junit and not self._found_results and not self.run.stopped:
            self.run.problem = self.run.problem or "it wrote no report"

    def _output(self, text: str) -> None:
        self.run.output = (self.run.output + text)[-_KEPT:]
        if self._reader is None:
            return
        *lines, self._rest = (self._rest + text).split("\n")
        self._rest = self._rest[:_LINE]
        for line in lines:
            for seen in self._reader.feed(line[:_LINE].rstrip("\r")):
                self._add(seen)

    def _results(self, content: bytes) -> None:
        self._found_results = True
        try:
            found = read_junit(content, self._places.relative)
        except NotJUnit as error:
            self.run.problem = str(error)
            return
        for seen in found:
            self._add(seen)

    def _add(self, seen: Seen) -> None:
        case = replace(seen.case, node_id=grouped(seen.case.node_id))
        if case.is_red and case.details:
            case = replace(case, frames=self._places.frames(case.details))
        known = case.node_id in self.run.cases
        self.run.cases[case.node_id] = case
        self.run.names[case.node_id] = seen.name
        if not known and not self.run.stopped:
            self.run.stopped = self._watch(case)


def failure_case(node: str, run: CommandRun, places: Places) -> CaseResult:
    """Return the result of a test that the end of a whole run stands for."""
    if run.status == 0:
        return CaseResult(node, "passed", run.duration_s)
    late = run.stopped == "time"
    message = reason_of(run)
    return CaseResult(
        node, "failed", run.duration_s, message, bounded(run.output), places.frames(run.output[-4 * DETAILS :]), timed_out=late
    )


def reason_of(run: CommandRun) -> str:
    """Say in one line why a run failed: the line it printed that says most, else how it ended."""
    if run.stopped == "time":
        return f"no result after {run.duration_s:.0f} s"
    if run.stopped:
        return f"stopped: {run.stopped}"
    printed = map(str.strip, run.output.splitlines())
    lines = [line for line in printed if line and not _OWN_WORDS.match(line) and not _PASSED.match(line)]
    telling = [line for line in lines if _SIGNS.search(line)] or lines[-1:]
    return one_line(telling[0]) if telling else f"exit status {run.status}"
