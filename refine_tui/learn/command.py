"""One run of the recipe from the command line, with what it needs of other rooms handed in."""

from __future__ import annotations

import signal
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from refine_tui.learn.examples import Mutate, RenderEdit, RenderPrompt
from refine_tui.learn.export import Label
from refine_tui.learn.recipe import Recipe, run
from refine_tui.learn.training import Plan

LABEL = Label("refine-line-edit-6m", "Refine line edit 6M", "MIT")


def learn(
    out: Path,
    *,
    tokens: int,
    threads: int,
    exclusions: Sequence[Path],
    mutate: Mutate,
    render_prompt: RenderPrompt,
    render_edit: RenderEdit,
    marks: tuple[str, ...],
) -> bool:
    """Train in `out` until `tokens` are read, carrying on from a checkpoint there; the first SIGTERM or Ctrl+C saves and stops.

    Returns:
        Whether all tokens were read.
    """
    asked: list[int] = []
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in (signal.SIGTERM, signal.SIGINT)}
    site = Path(sysconfig.get_paths()["purelib"])
    plan = Plan(tokens=tokens, threads=threads)
    recipe = Recipe(sites=(site,), marks=marks, label=LABEL, exclusions=tuple(exclusions), plan=plan)
    out.mkdir(parents=True, exist_ok=True)
    try:
        result = run(
            recipe, mutate=mutate, render_prompt=render_prompt, render_edit=render_edit, out=out, log=_say, stop=lambda: bool(asked)
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    _say(f"model     {result.model}\nmanifest  {result.manifest}")
    return result.finished


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
