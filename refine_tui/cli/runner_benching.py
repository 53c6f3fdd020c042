"""`refine-tui bench runner`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from refine_tui.bench.runner import RunnerWish, measure_runner, runner_machine
from refine_tui.bootstrap_labs import make_runner_lab
from refine_tui.cli.engine_benching import line, names, say, tell_machine
from refine_tui.core.sanitize import visible

QUICK = RunnerWish(runs=12, repeats=5, files=2_000, candidates=1)


def run_runner_bench(options: argparse.Namespace) -> int:
    """Print each row as soon as it is measured, progress on stderr; 1 when a target is missed."""
    usual = QUICK if options.quick else RunnerWish()
    wish = replace(usual, rows=names(options.rows), runs=options.runs or usual.runs, repeats=options.repeats or usual.repeats)
    missed = False
    with TemporaryDirectory(prefix="refine-bench-") as folder:
        lab = make_runner_lab(Path(folder), (options.python or Path(sys.executable)).absolute())
        tell_machine(runner_machine(lab), as_json=options.json)
        for row in measure_runner(lab, wish, say):
            missed = missed or row.ok is False
            print(json.dumps(row.as_json()) if options.json else visible(line(row)), flush=True)
    return 1 if missed else 0
