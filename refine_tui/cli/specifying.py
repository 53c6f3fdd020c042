"""`refine-tui fix --goal TEXT` where nothing fails: a test that fails comes first."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from refine_tui.bootstrap import Project, make_specifying_means
from refine_tui.loop.authoring.specifying import NO_PLACE, NO_WRITER, Goal, specify, without_test
from refine_tui.loop.events import Event
from refine_tui.loop.fixing import Fixed
from refine_tui.loop.ports.running import Cancelled


def or_a_test_first(events: Iterator[Event], project: Project, options: argparse.Namespace, cancelled: Cancelled) -> Iterator[Event]:
    """Pass events on; where they end because nothing fails, go on to a test for the goal and end with `Specified`."""
    for event in events:
        baseline = project.session.state().baseline
        if not isinstance(event, Fixed) or event.outcome != "nothing_failing" or baseline is None:
            yield event
        elif not options.scope:
            yield without_test(options.goal, "", baseline.suite, NO_PLACE)
        elif (means := make_specifying_means(project)) is None:
            yield without_test(options.goal, options.scope[0], baseline.suite, NO_WRITER)
        else:
            goal = Goal(options.goal, project.session.scope(options.scope[0]), options.seed)
            yield from specify(means, goal, baseline.suite, cancelled)
