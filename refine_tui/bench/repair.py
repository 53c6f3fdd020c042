"""Repair tasks from a JSON-lines file, the ways to go about them, and a file of results that a run which was ended carries on with.

Mode `tests`: the official tests are visible; solved means that all of them pass. Mode `examples`: only the example tests are visible;
plausible means that those pass, correct that the hidden ones pass too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from refine_tui.core.errors import StorageError, UsageError

Mode = Literal["tests", "examples"]
Way = Literal["both", "search", "model", "one-shot"]
WAYS: tuple[Way, ...] = get_args(Way)
"""Search and model together, each alone, and as many candidates as the first way took but all of them proposed at once."""


@dataclass(frozen=True)
class RepairTask:
    """One task of the file."""

    id: str
    note: str
    files: Mapping[str, str]
    """The project to repair: path → text."""
    hidden: Mapping[str, str]
    """Tests that judge the repair; empty in mode `tests`."""


@dataclass(frozen=True)
class Conditions:
    """What results must share to be counted together."""

    mode: Mode
    seconds: float
    model: str
    """As it was wished for; empty: the chosen or shipped one."""
    seed: int
    without: str = ""
    """Operators and families of them that search does without, with commas."""


@dataclass(frozen=True)
class RepairResult:
    """How one task ended."""

    id: str
    note: str
    way: Way
    outcome: str
    plausible: bool = False
    """The visible tests pass."""
    correct: bool = False
    """The judging tests pass."""
    candidates: int = 0
    executions: int = 0
    seconds: float = 0.0
    proposer: str = ""
    """What made the last improvement: `search`, `model` or `combination`."""
    operators: tuple[str, ...] = ()
    """Each edit of the last improvement: the operator's name, or the profile's for a model's."""
    error: str = ""


def read_tasks(file: Path, mode: Mode, only: str = "") -> list[RepairTask]:
    """Read the tasks whose id holds `only`.

    Raises:
        UsageError: the file cannot be read or a line is not a task.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}.") from error
    tasks = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            files = {**row["files"], **(row["examples"] if mode == "examples" else {})}
            tasks.append(RepairTask(row["id"], row.get("note", ""), files, row["hidden"] if mode == "examples" else {}))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{file}:{number}: not a repair task: {error}. Wanted: id, files, examples, hidden.") from error
    return [task for task in tasks if only in task.id]


def write_project(task: RepairTask, root: Path) -> None:
    """Write a task's files below `root`."""
    for name, text in task.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def result_row(result: RepairResult, conditions: Conditions) -> dict[str, Any]:
    """Return the JSON object of one result."""
    return {"row": f"task {result.id}", **asdict(result), "conditions": asdict(conditions)}


class Results:
    """Results of one run, each kept in a file as soon as it is there, so that a run that was ended carries on."""

    def __init__(self, file: Path | None, conditions: Conditions) -> None:
        """Take up what the file holds under the same conditions; an error is no result, and half a line is none either.

        Raises:
            UsageError: the file holds something else.
            StorageError: it cannot be read.
        """
        self._file, self._conditions = file, conditions
        self.all: dict[tuple[str, Way], RepairResult] = {}
        if file is not None and file.exists():
            for number, line in enumerate(_whole_lines(file), start=1):
                self._take_up(line, f"{file}:{number}")

    def _take_up(self, line: str, where: str) -> None:
        names = {field.name for field in fields(RepairResult)}
        try:
            row = json.loads(line)
            result = RepairResult(**{name: value for name, value in row.items() if name in names} | {"operators": tuple(row["operators"])})
            same = Conditions(**row["conditions"]) == self._conditions
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{where}: not a result of this bench: {error}. Name another file with --out.") from error
        if same and not result.error:
            self.all[result.id, result.way] = result

    def add(self, result: RepairResult) -> None:
        """Take in a result and write it down.

        Raises:
            StorageError: it could not be written.
        """
        self.all[result.id, result.way] = result
        if self._file is None:
            return
        line = json.dumps(result_row(result, self._conditions)) + "\n"
        try:
            # What a killed run left of a line is closed first.
            whole = not self._file.exists() or self._file.read_bytes()[-1:] in (b"", b"\n")
            with self._file.open("a", encoding="utf-8") as out:
                out.write(line if whole else "\n" + line)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise StorageError(f"{self._file}: the result of {result.id} could not be written: {error.strerror}.") from error

    def of(self, way: Way) -> list[RepairResult]:
        """Return the results of one way, in the order they came."""
        return [result for (_, done), result in self.all.items() if done == way]


def _whole_lines(file: Path) -> list[str]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{file}: cannot be read: {error}.") from error
    lines = [line for line in text.splitlines() if line]
    return [line for line in lines if line.endswith("}")]
