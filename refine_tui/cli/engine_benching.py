"""`refine-tui bench engine`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from refine_tui.bench.engine import Wish, machine, measure
from refine_tui.bench.measuring import Row
from refine_tui.bootstrap_labs import make_lab
from refine_tui.core.sanitize import visible


def run_engine_bench(options: argparse.Namespace) -> int:
    """Print each row as soon as it is measured, progress on stderr; 1 when a target is missed."""
    wish = Wish(
        rows=names(options.rows),
        model=options.model,
        shapes=names(options.shapes),
        threads=options.threads,
        gpu_layers=options.gpu_layers,
        quick=options.quick,
        repeats=options.repeats,
    )
    missed = False
    with TemporaryDirectory(prefix="refine-bench-") as folder:
        lab = make_lab(options.cache, Path(folder) / "model.log")
        tell_machine(machine(lab), as_json=options.json)
        model = ""
        for row in measure(lab, wish, say):
            missed = missed or row.ok is False
            if options.json:
                print(json.dumps(row.as_json()), flush=True)
                continue
            if row.model != model:
                model = row.model
                print()
                print(visible(f"{model}, on {row.device}"))
            print(visible(line(row)), flush=True)
    return 1 if missed else 0


def names(text: str) -> tuple[str, ...]:
    """Return a list given with commas."""
    return tuple(name for name in text.replace(" ", "").split(",") if name)


def say(text: str) -> None:
    """Tell what is going on."""
    print(visible(text), file=sys.stderr, flush=True)


def tell_machine(facts: dict[str, object], *, as_json: bool) -> None:
    """Print what it is measured on."""
    if as_json:
        print(json.dumps(facts), flush=True)
        return
    for key, value in facts.items():
        if key != "row":
            print(visible(f"{key}: {value}"))


def line(row: Row) -> str:
    """Return a row for people."""
    if row.unavailable:
        return f"  {row.row:52} --  {row.unavailable}"
    verdict = {True: "ok", False: "MISSED", None: ""}[row.ok]
    target = f"{row.target or ''} {verdict}"
    plain = f"plain {row.baseline:g}. " if row.ratio is not None else ""
    spread = f" ({row.interval[0]:g} to {row.interval[1]:g})" if row.interval else ""
    if row.value is None:
        return f"  {row.row}: {row.note}"
    return f"  {row.row:52} {row.value:>8g} {row.unit:6} {target:16} {plain}{row.note}{spread}"
