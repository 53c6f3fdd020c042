"""`history`, `undo`, `redo`: what was applied, back, and once more."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from refine_tui.bootstrap import open_tree
from refine_tui.bootstrap_settings import Places, project_root, read_settings
from refine_tui.core.sanitize import visible
from refine_tui.journal import SqliteJournal, hold_project
from refine_tui.loop.ports.keeping import Application
from refine_tui.workspace import ProjectTree, project_state_dir


def run_history(options: argparse.Namespace) -> int:
    """List every application, newest first, and how each task ended."""
    journal = SqliteJournal(project_state_dir(project_root(options)))
    try:
        applied, tasks = list(journal.intents()), _tasks(journal)
    finally:
        journal.close()
    if options.json:
        print(json.dumps({"version": 1, "applications": [_row(entry) for entry in applied], "tasks": tasks}))
        return 0
    for entry in applied:
        state = "undone " if entry.undone else "applied"
        print(visible(f"{entry.id:4}  {_clock(entry.at)}  {state}  {', '.join(entry.patch.paths)}  {entry.goal}"))
    for task in tasks:
        ended = f": {task['stop_reason']}" if task["stop_reason"] else ""
        print(visible(f"{task['id']:>4}  {_clock(task['at'])}  {task['status']}{ended}  {task['goal']}"))
    if not applied:
        print("Nothing has been applied to this project.")
    return 0


def _clock(at: str) -> str:
    """Return a time of the journal as clocks here show it, to the minute."""
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")


def _tasks(journal: SqliteJournal) -> list[dict[str, str]]:
    """Return the last thing known of every task the UI worked on, newest first."""
    last: dict[str, dict[str, str]] = {}
    for _, at, _, id, row in journal.rows("task"):
        goal = str(row.get("task", {}).get("goal", ""))
        last[id] = {"id": id, "at": at, "goal": goal, "status": str(row.get("status", "")), "stop_reason": str(row.get("stop_reason", ""))}
    return list(reversed(last.values()))


def _row(entry: Application) -> dict[str, object]:
    return {
        "id": entry.id,
        "at": entry.at,
        "undone": entry.undone,
        "task": entry.task,
        "goal": entry.goal,
        "files": list(entry.patch.paths),
    }


def run_undo(options: argparse.Namespace) -> int:
    """Take back one application."""
    with _tree(options) as tree:
        undone = tree.undo(options.id)
    print(visible(f"undone  {undone.id}: {', '.join(undone.patch.paths)} (write it again with `refine-tui redo`)"))
    return 0


def run_redo(options: argparse.Namespace) -> int:
    """Write again what was undone last, or one application."""
    with _tree(options) as tree:
        redone = tree.redo(options.id)
    print(visible(f"written  {redone.id}: {', '.join(redone.patch.paths)} (undo with `refine-tui undo`)"))
    return 0


@contextmanager
def _tree(options: argparse.Namespace) -> Iterator[ProjectTree]:
    root: Path = project_root(options)
    state_dir = project_state_dir(root)
    with hold_project(state_dir):
        journal = SqliteJournal(state_dir)
        try:
            tree = open_tree(root, state_dir, journal, read_settings(root, Places())[0])
            for sentence in tree.recover():
                print(visible(sentence))
            yield tree
            for sentence in tree.late_writes():
                print(visible(sentence))
            tree.close()
        finally:
            journal.close()
