"""`refine-tui [PATH]` and `refine-tui demo`: the terminal UI."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from refine_tui.bootstrap import copy_demo, open_project
from refine_tui.bootstrap_models import make_shelf
from refine_tui.bootstrap_settings import Places
from refine_tui.cli.consenting import typed_key
from refine_tui.core.errors import UsageError

PREFIX = "refine-demo-"


def open_project_ui(options: argparse.Namespace, *, demo: bool) -> int:
    """Open the UI on a project and stay until the user leaves."""
    if not options.plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("The UI needs a terminal. Use --plain, or `refine-tui fix` or `refine-tui eval` in scripts.")
    from refine_tui.ui import run, run_plain

    is_on_screen = threading.Event()
    options.ask = lambda question: "" if is_on_screen.is_set() else typed_key(question)
    with open_project(options, watch=True) as project:
        watcher = project.parts.watcher
        shelf = make_shelf(project.settings, Places(), getattr(options, "model", None) or "")
        if options.plain:
            return run_plain(project.session, demo=demo, notices=project.notices, watcher=watcher, shelf=shelf, ask=typed_key)
        is_on_screen.set()
        status: int = run(project.session, settings=project.settings, demo=demo, notices=project.notices, watcher=watcher, shelf=shelf)
        return status


def open_ui(options: argparse.Namespace) -> int:
    """Open the UI on the user's project."""
    return open_project_ui(options, demo=False)


def open_demo(options: argparse.Namespace) -> int:
    """Open the UI on a throw-away copy of the demo project."""
    _sweep()
    with TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as folder:
        options.project = copy_demo(Path(folder))
        options.state_dir = Path(folder) / "state"
        return open_project_ui(options, demo=True)


def _sweep() -> None:
    """Remove the copies of demos that were killed: their names tell the process, and it is gone."""
    for left in Path(gettempdir()).glob(f"{PREFIX}*-*"):
        number = left.name.removeprefix(PREFIX).split("-")[0]
        if number.isdigit() and not _lives(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
