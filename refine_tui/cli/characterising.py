"""`refine-tui fix --characterise FILE::SYMBOL`: tests that hold what one function does as it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from refine_tui.bootstrap import Project, make_observing_tools
from refine_tui.loop.authoring.characterising import Order, characterise
from refine_tui.loop.events import Event
from refine_tui.loop.ports.running import Cancelled


def observed_events(project: Project, options: argparse.Namespace, cancelled: Cancelled) -> Iterator[Event]:
    """Return the events of the work; the last is `Characterised`."""
    order = Order(options.characterise, options.seconds, options.seed)
    return characterise(project.session, make_observing_tools(project), order, cancelled)
