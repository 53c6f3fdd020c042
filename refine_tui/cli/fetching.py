"""`models pull`: fetches a model and shows how far it is."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from refine_tui.bootstrap_models import make_puller
from refine_tui.bootstrap_settings import Places, settings_of
from refine_tui.cli import INTERRUPTED
from refine_tui.cli.consenting import typed_key
from refine_tui.core.amounts import duration_in_words, size_in_words
from refine_tui.core.sanitize import visible
from refine_tui.models.download import Progress
from refine_tui.models.pulling import Pulled

STEP = 0.1
"""Share of a file after which a line is written where lines cannot be written over."""


def run_pull(options: argparse.Namespace) -> int:
    """Fetch a model; what has arrived is kept whatever ends it."""
    ask = None if options.json else typed_key
    settings, _ = settings_of(options, Places())
    puller = make_puller(settings, Places(), ask, lambda sentence: print(visible(sentence), file=sys.stderr))
    show = _as_json if options.json else _over_one_line() if sys.stderr.isatty() and not options.plain else _in_steps()
    try:
        for event in puller.pull(options.address):
            show(event)
    except KeyboardInterrupt:
        print("\nStopped. What has arrived is kept: the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _as_json(event: Progress | Pulled) -> None:
    match event:
        case Progress():
            left = None if event.left_s is None else round(event.left_s, 1)
            counts = {"done_bytes": event.done_bytes, "total_bytes": event.total_bytes, "bytes_per_s": event.rate and round(event.rate)}
            row = {"event": "progress", "file": event.file, **counts, "left_s": left, "note": event.note}
        case Pulled():
            told = {"name": event.model.name, "path": str(event.model.path), "sha256": event.sha256, "checked": event.checked}
            row = {"event": "finished", **told}
    print(json.dumps(row), flush=True)


def _over_one_line() -> Callable[[Progress | Pulled], None]:
    def show(event: Progress | Pulled) -> None:
        match event:
            case Progress(note=""):
                sys.stderr.write(f"\r\x1b[K{visible(line(event))}")
            case Progress():
                sys.stderr.write(f"\r\x1b[K{visible(line(event))}\n")
            case Pulled():
                sys.stderr.write("\r\x1b[K")
                _say_done(event)
        sys.stderr.flush()

    return show


def _in_steps() -> Callable[[Progress | Pulled], None]:
    next_share = 0.0

    def show(event: Progress | Pulled) -> None:
        nonlocal next_share
        if isinstance(event, Pulled):
            _say_done(event)
            return
        share = event.done_bytes / event.total_bytes if event.total_bytes else 0.0
        if event.note or share >= next_share:
            next_share = share - share % STEP + STEP
            print(visible(line(event)), file=sys.stderr, flush=True)

    return show


def line(progress: Progress) -> str:
    """Return how far a download is: share, size, rate, time left."""
    done, total = progress.done_bytes, progress.total_bytes
    parts = [progress.file, size_in_words(done) if total is None else f"{done / max(total, 1):4.0%} of {size_in_words(total)}"]
    if progress.rate:
        parts.append(f"{size_in_words(progress.rate)}/s")
    if progress.left_s is not None and total != done:
        parts.append(f"{duration_in_words(progress.left_s)} left")
    return "  ".join([*parts, *([progress.note] if progress.note else [])])


def _say_done(done: Pulled) -> None:
    against = {"card": "as its card says", "hub": "as its hub says"}.get(done.checked, "nothing to compare it with")
    print(visible(f"{done.model.name} is here, sha256 {done.sha256} ({against})."))
    print(visible(f"Use it: refine-tui models use {done.model.name}"))
