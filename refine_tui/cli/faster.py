"""`refine-tui fix --faster FILE::SYMBOL`: one function made faster, and its behaviour kept."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from refine_tui.bootstrap import Project, make_speed_tools
from refine_tui.core.errors import UsageError
from refine_tui.loop.events import Event
from refine_tui.loop.faster.speeding import SpeedOrder, faster
from refine_tui.loop.ports.running import Cancelled


def take_folder(options: argparse.Namespace, option: str = "--faster") -> None:
    """Take the one target that may stand beside an option that names a function for the project's folder.

    Raises:
        UsageError: it is no folder, or something else was given that does not go with it.
    """
    if options.scope:
        raise UsageError(f"{option} names the place itself. Leave --scope out.")
    if len(options.targets) > 1 or (options.targets and not Path(options.targets[0]).is_dir()):
        raise UsageError(f"{options.targets[0]}: beside {option} only a folder can be named, the project's. All tests that touch it count.")
    if options.targets:
        options.path = Path(options.targets.pop())


def speed_events(project: Project, options: argparse.Namespace, seconds: float | None, cancelled: Cancelled) -> Iterator[Event]:
    """Return the events of the work; the last is `Sped`."""
    order = SpeedOrder(options.faster, seconds, options.rounds, options.candidates, options.seed, options.goal)
    return faster(project.session, project.parts, make_speed_tools(project), order, cancelled)
