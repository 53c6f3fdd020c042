"""`refine-tui fix`: the loop without the UI."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from refine_tui.bootstrap import Project, open_project
from refine_tui.cli.rows import line, row
from refine_tui.cli.stopping import interruptible
from refine_tui.cli.weighing import weigh_proposals, words_of
from refine_tui.core.amounts import counted
from refine_tui.core.errors import RefineError, SafetyError, StorageError
from refine_tui.core.evidence import Counts, Delta
from refine_tui.core.isolation import Level
from refine_tui.core.mutants import Weight
from refine_tui.core.patch import Patch
from refine_tui.core.review import Review
from refine_tui.core.sanitize import visible
from refine_tui.core.stopping import StopReason
from refine_tui.core.unified import unified
from refine_tui.loop.events import Event, TaskFinished
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.session.state import State
from refine_tui.loop.wanted import Wanted

STATUS = {"solved": 0, "nothing_failing": 0, "improved": 1, "unsolved": 1, "cancelled": 130, "refused": 3}


def run_fix(options: argparse.Namespace) -> int:
    """Work on what fails, print what happens, and end with the patch."""
    began = time.monotonic()
    if options.faster or options.characterise:
        from refine_tui.cli.faster import take_folder

        take_folder(options, "--faster" if options.faster else "--characterise")
    try:
        end, failure = _worked(options, began)
    except SafetyError as error:
        if options.json:
            refused = Fixed("refused", Patch(), {}, Counts(), Counts(), Delta(), 0, 0, 0, (), str(error), StopReason.REFUSED.value)
            _print_end(refused, b"", State("", Level.STATIC), time.monotonic() - began)
        raise
    if failure is not None:
        raise failure
    return STATUS[end.outcome]


def _worked(options: argparse.Namespace, began: float) -> tuple[Fixed, RefineError | None]:
    """Return the end, which has been told, and why its patch could not be delivered as it was asked for."""
    with interruptible() as cancelled, open_project(options, writes=options.apply) as project:
        _bound(project, options)
        tell = _teller(options.json, began)
        end: Fixed | None = None
        spent = 0.0
        seconds = options.seconds if options.seconds is not None else project.settings.budget.seconds
        for event in _events(project, options, seconds, cancelled):
            if isinstance(event, Fixed):
                end = event
            else:
                spent += event.seconds if isinstance(event, TaskFinished) else 0.0
                tell(event)
        assert end is not None  # `fix` ends with it or raises
        left = inf if seconds is None else seconds - spent
        # Once the patch is written, the tree is another one; a person who only reads it gets it first.
        is_first = options.json or options.apply
        weighed = weigh_proposals(project.session, left, cancelled) if is_first else []
        if cancelled() and end.helps:
            end = replace(end, outcome="cancelled", stop_reason=StopReason.CANCELLED.value)
        text, failure = unified(end.patch, end.tree), None
        try:
            _deliver(project, end, text, options, cancelled)
        except RefineError as error:
            failure = error
            if isinstance(error, SafetyError):
                end = replace(end, outcome="refused", stop_reason=StopReason.REFUSED.value, handoff=end.handoff or str(error))
        # A patch that could not be delivered is still told: it took a while to find.
        _finish(project, end, text, options, time.monotonic() - began, weighed)
        _tell_weighed(options, weighed if is_first else weigh_proposals(project.session, left, cancelled))
        return end, failure


def _events(project: Project, options: argparse.Namespace, seconds: float | None, cancelled: Cancelled) -> Iterator[Event]:
    """Return the events of the kind of work that is asked for; they end with a `Fixed`."""
    if options.faster:
        from refine_tui.cli.faster import speed_events

        return speed_events(project, options, seconds, cancelled)
    if options.characterise:
        from refine_tui.cli.characterising import observed_events

        return observed_events(project, options, cancelled)
    wanted = Wanted(tuple(options.targets), tuple(options.scope), options.goal)
    events = fix(project.session, project.parts.evaluator, time.monotonic, wanted, seconds, cancelled)
    if options.goal:
        from refine_tui.cli.specifying import or_a_test_first

        return or_a_test_first(events, project, options, cancelled)
    return events


def _bound(project: Project, options: argparse.Namespace) -> None:
    budget = project.settings.budget
    bounds = {key: getattr(options, key) for key in ("rounds", "candidates") if getattr(options, key) is not None}
    project.session.use_budget(replace(budget, **bounds))


def _teller(as_json: bool, began: float) -> Callable[[Any], None]:
    def tell(event: Any) -> None:
        if as_json:
            told = row(event, time.monotonic() - began)
            if told is not None:
                print(json.dumps(told), flush=True)
        elif (text := line(event)) is not None:
            print(text, file=sys.stderr, flush=True)

    return tell


def _deliver(project: Project, end: Fixed, text: bytes, options: argparse.Namespace, cancelled: Cancelled) -> None:
    if options.output is not None:
        try:
            options.output.write_bytes(text)
        except OSError as error:
            raise StorageError(f"{options.output}: the patch could not be written: {error.strerror}. It was printed instead.") from error
    if options.apply and end.helps and not end.patch.is_empty and not cancelled():
        written = project.parts.workspace.apply(end.patch, task="fix", goal=options.goal or end.goal)
        print(f"written  {', '.join(end.patch.paths)} (undo with `refine-tui undo {written.id}`)", file=sys.stderr)


def _finish(project: Project, end: Fixed, text: bytes, options: argparse.Namespace, seconds: float, weighed: Sequence[Review]) -> None:
    if options.json:
        _print_end(end, text, project.session.state(), seconds, weighed)
        return
    _print_patch(text)
    if end.handoff:
        print("\n" + visible(end.handoff, newlines=True), file=sys.stderr)
    if end.words:
        print(visible(end.words), file=sys.stderr)
    tests = f"{end.before.passed}/{end.before.total} -> {end.after.passed}/{end.after.total} passed"
    outcome = "nothing fails" if end.outcome == "nothing_failing" else end.outcome
    print(f"{outcome}: {tests}, {counted(end.candidates, 'candidate')}, {seconds:.1f} s", file=sys.stderr)


def _tell_weighed(options: argparse.Namespace, weighed: Sequence[Review]) -> None:
    for review in () if options.json else weighed:
        for told in words_of(review.candidate.weight or Weight()):
            print(visible(f"{review.task.id}  {told}"), file=sys.stderr)


def _print_end(end: Fixed, text: bytes, state: State, seconds: float, weighed: Sequence[Review] = ()) -> None:
    counts = ("prompt", "reused", "generated", "drafted", "accepted")
    tokens = {name: None if name in state.usage.unknown else getattr(state.usage, name) for name in counts}
    document = {
        "event": "finished",
        "time_s": round(seconds, 3),
        "outcome": end.outcome,
        "patch": text.decode("utf-8", "surrogateescape"),
        "before": end.before.as_json(),
        "after": end.after.as_json(),
        "rounds": end.rounds,
        "candidates": end.candidates,
        "executions": end.executions,
        "seconds": round(seconds, 3),
        "model": state.model.name if state.model else "none",
        "tokens": tokens,
        "sandbox": state.level.value,
        "flags": list(end.flags),
        "mutants": [{"task": one.task.id, **(one.candidate.weight or Weight()).as_json()} for one in weighed],
        "handoff": end.handoff,
        "stop_reason": end.stop_reason,
        **end.more,
    }
    print(json.dumps(document), flush=True)


def _print_patch(text: bytes) -> None:
    """Print the patch: made visible on a terminal, byte for byte into a file or pipe."""
    if sys.stdout.isatty():
        print(visible(text.decode("utf-8", "replace"), newlines=True))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
