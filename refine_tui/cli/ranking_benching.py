"""`refine-tui bench ranking PATH…`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from refine_tui.bench.ranking import inject, ranks, report
from refine_tui.bootstrap_models import make_generator
from refine_tui.bootstrap_settings import Places
from refine_tui.cli.engine_benching import line, say
from refine_tui.core.errors import UsageError
from refine_tui.core.sanitize import visible
from refine_tui.core.settings import Settings
from refine_tui.core.text import SourceFile
from refine_tui.prompting.profiles import LineEdit
from refine_tui.syntax import TreeSitter


def run_ranking_bench(options: argparse.Namespace) -> int:
    """Put bugs into functions, rank what undoes them, and print the figures; 1 when the target is missed.

    Raises:
        UsageError: there is no function to be had, or the model cannot be used.
    """
    syntax, editing = TreeSitter(), LineEdit()
    cases = list(inject(_files(options.paths), syntax, options.bugs, options.seed))
    if not cases:
        raise UsageError(f"{', '.join(map(str, options.paths))}: there is no Python function of a few lines. Name the folder of a package.")
    generator, reason = make_generator(options.model or "", Settings(), Places())
    if generator is None and options.model != "none":
        raise UsageError(f"The model cannot be used: {reason} With `--model none` search's own order is measured.")
    found = []
    try:
        if generator is not None:
            say(f"model {generator.load().name}")
        for number, case in enumerate(cases, start=1):
            found.append(ranks(case, syntax, generator, editing))
            if number % 20 == 0:
                say(f"{number}/{len(cases)}")
    finally:
        if generator is not None:
            generator.close()
    rows = list(report(found))
    for row in rows:
        print(json.dumps(row.as_json()) if options.json else visible(line(row)))
    return 0 if all(row.ok is not False for row in rows) else 1


def _files(paths: Sequence[Path]) -> Iterator[SourceFile]:
    """Yield the Python files below some folders, or those that are named, in the order of their paths.

    Raises:
        UsageError: one cannot be read.
    """
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            try:
                yield SourceFile(str(file), file.read_bytes())
            except OSError as error:
                raise UsageError(f"{file}: cannot be read: {error.strerror}.") from error
