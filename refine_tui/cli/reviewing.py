"""`refine-tui review`: a patch made elsewhere is run, told, and put up for review."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refine_tui.bootstrap import Project, open_project
from refine_tui.cli import INTERRUPTED
from refine_tui.cli.stopping import interruptible
from refine_tui.core.amounts import counted
from refine_tui.core.candidate import Candidate
from refine_tui.core.errors import ProjectError, StaleBaseError, UsageError
from refine_tui.core.review import Review
from refine_tui.core.sanitize import visible
from refine_tui.core.unified import unified
from refine_tui.loop import events

VERSION = 1
LARGEST_PATCH_BYTES = 8 << 20


def run_review(options: argparse.Namespace) -> int:
    """Verify a patch and keep it as a proposal; on a terminal the UI opens on it.

    0 when everything passes with it, and not because it makes the tests say less.

    Raises:
        StaleBaseError: a file it changes was saved while it was run.
    """
    title, text = _patch_text(options.patch)
    with interruptible() as cancelled:
        # Verifying needs no model; the UI that may follow has the one that was asked for.
        with open_project(argparse.Namespace(**{**vars(options), "model": "none"}), watch=True) as project:
            review, by_space = _brought_in(project, title, text, cancelled)
        if cancelled():
            return INTERRUPTED
    if review is None:
        raise StaleBaseError(
            f"A file that {title} changes was saved while it was run; it was not put up for review. Run the command again."
        )
    _told(options, review, by_space)
    if not options.json and not options.plain and sys.stdin.isatty() and sys.stdout.isatty():
        from refine_tui.cli.interactive import open_project_ui

        return open_project_ui(options, demo=False)
    return 0 if _passes(review.candidate) else 1


def _passes(candidate: Candidate) -> bool:
    return candidate.suite.is_green and not any(flag.startswith("tampering:") for flag in candidate.flags)


def _patch_text(name: str) -> tuple[str, bytes]:
    """Return what the patch is called and what it holds.

    Raises:
        UsageError: it cannot be read or is too long.
    """
    try:
        if name == "-":
            title, text = "standard input", sys.stdin.buffer.read(LARGEST_PATCH_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                title, text = Path(name).name, file.read(LARGEST_PATCH_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{name}: the patch cannot be read: {error.strerror}.") from error
    if len(text) > LARGEST_PATCH_BYTES:
        raise UsageError(f"{name}: the patch is longer than {LARGEST_PATCH_BYTES >> 20} MB. Bring it in by parts.")
    return title, text


def _brought_in(project: Project, title: str, text: bytes, cancelled: Callable[[], bool]) -> tuple[Review | None, tuple[str, ...]]:
    from refine_tui.prompting.importing import read_patch

    session, workspace = project.session, project.parts.workspace
    session.restore()

    def read(path: str) -> bytes | None:
        try:
            return workspace.read(path).data
        except ProjectError:
            return None

    # A patch with no place here is refused before the tests have run.
    found = read_patch(text, read, workspace.files())
    for _ in session.survey(cancelled):
        pass
    review = None
    for event in session.bring_in(found.patch, found.tree, title, found.form, cancelled):
        if isinstance(event, events.ReviewReady):
            review = event.review
        elif isinstance(event, events.Notice):
            print(visible(f"note     {event.text}"), file=sys.stderr)
    return review, found.by_space


def _told(options: argparse.Namespace, review: Review, by_space: tuple[str, ...]) -> None:
    if options.json:
        print(json.dumps(_document(review, by_space)))
        return
    candidate = review.candidate
    for sign, nodes in (("fixed ", candidate.delta.fixed), ("BROKEN", candidate.delta.broken), ("red   ", candidate.delta.still_red)):
        for node in nodes:
            print(visible(f"{sign} {node}"))
    for gate in candidate.gates:
        print(visible(f"{gate.name:6} {'ok' if gate.ok else 'FAIL'} {gate.summary}"))
    for remark in (*candidate.flags, *(f"placed by white space: {name}" for name in by_space)):
        print(visible(f"!      {remark}"))
    counts, paths = candidate.suite.counts, ", ".join(candidate.proposal.patch.paths)
    how = candidate.suite.level.value if candidate.suite.complete else f"the run ended early: {candidate.suite.stopped or 'unknown'}"
    print(
        visible(
            f"tests  {counts.passed} passed, {counts.failed} failed, {counted(counts.errors, 'error')} with the patch to {paths}  ({how})"
        )
    )
    print(f"{review.id} waits for your decision in refine-tui; nothing was written.")


def _document(review: Review, by_space: tuple[str, ...]) -> dict[str, Any]:
    candidate = review.candidate
    suite, change = candidate.suite, candidate.delta
    return {
        "version": VERSION,
        "review": review.id,
        "form": candidate.proposal.operator,
        "passed": _passes(candidate),
        "tests": {**suite.counts.as_json(), "complete": suite.complete, "stopped": suite.stopped},
        "fixed": list(change.fixed),
        "broken": list(change.broken),
        "still_failing": list(change.still_red),
        "gates": [
            {"name": g.name, "ok": g.ok, "summary": g.summary, "findings": [str(finding) for finding in g.findings]}
            for g in candidate.gates
        ],
        "flags": list(candidate.flags),
        "placed_by_white_space": list(by_space),
        "sandbox": suite.level.value,
        "patch": unified(candidate.proposal.patch, review.tree).decode("utf-8", "surrogateescape"),
    }
