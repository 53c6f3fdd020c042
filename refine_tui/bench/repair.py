"""Repair tasks from a JSON-lines file: each becomes a small project, is worked on, and is judged.

Mode `tests`: the official tests are visible; solved means that all of them pass. Mode `examples`: only the example tests are visible;
plausible means that those pass, correct that the hidden ones pass too.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from refine_tui.core.errors import UsageError

Mode = Literal["tests", "examples"]


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
class RepairResult:
    """How one task ended."""

    id: str
    note: str
    outcome: str
    plausible: bool
    """The visible tests pass."""
    correct: bool
    """The judging tests pass."""
    candidates: int
    executions: int
    seconds: float
    operator: str
    """What made the last improvement."""
    error: str = ""


Solve = Callable[[RepairTask], RepairResult]


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


def rows(results: Iterable[RepairResult], mode: Mode) -> Iterator[dict[str, Any]]:
    """Return the rows of the report: shares, then medians, then shares by kind of bug."""
    done = list(results)
    if not done:
        return
    good = [result for result in done if result.correct]
    yield _share("solved" if mode == "tests" else "correct", len(good), len(done), 0.60 if mode == "tests" else None)
    if mode == "examples":
        plausible = sum(result.plausible for result in done)
        yield _share("plausible", plausible, len(done), None)
        yield _share("correct of plausible", len(good), plausible, None)
    for name in ("candidates", "executions", "seconds"):
        values = [getattr(result, name) for result in good]
        if values:
            yield _row(f"median {name} of the solved", statistics.median(values), name, len(values), "")
    kinds: dict[str, list[bool]] = defaultdict(list)
    for result in done:
        kinds[result.note].append(result.correct)
    for kind, marks in sorted(kinds.items()):
        yield _share(f"solved: {kind}", sum(marks), len(marks), None)


def _share(name: str, part: int, whole: int, target: float | None) -> dict[str, Any]:
    value = part / whole if whole else 0.0
    row = _row(name, round(value, 4), "share", whole, f"{part} of {whole}")
    if target is not None:
        row |= {"target": f"≥ {target}", "ok": value >= target}
    return row


def _row(name: str, value: float, unit: str, runs: int, note: str) -> dict[str, Any]:
    return {
        "row": name,
        "value": round(value, 4),
        "unit": unit,
        "baseline": None,
        "ratio": None,
        "target": None,
        "ok": None,
        "runs": runs,
        "interval": None,
        "note": note,
    }


def result_row(result: RepairResult) -> dict[str, Any]:
    """Return the JSON object of one task."""
    return {"row": f"task {result.id}", **asdict(result)}
