"""One run of the recipe from the command line, with what it needs of other rooms handed in."""

from __future__ import annotations

import signal
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refine_tui.learn.examples import Mix, Mutate, RenderEdit, RenderPrompt
from refine_tui.learn.export import Label, Quantisation
from refine_tui.learn.network import Shape
from refine_tui.learn.recipe import Echo, Recipe, run
from refine_tui.learn.training import Plan


@dataclass(frozen=True, slots=True)
class Size:
    """One of the models the recipe makes."""

    label: Label
    shape: Shape
    quantisation: Quantisation


SIZES = {
    "6m": Size(Label("refine-line-edit-6m", "Refine line edit 6M", "MIT"), Shape(), "F16"),
    "19m": Size(
        Label("refine-line-edit-19m", "Refine line edit 19M", "MIT"), Shape(width=384, layers=10, heads=6, feed_forward=1024), "Q8_0"
    ),
}
"""What can be made, by parameters."""
_GPU_PLAN: dict[str, Any] = {"batch_tokens": 32_768, "peak_rate": 3.5e-3, "window": 8, "code_sample": 1.0}
_GPU_RECIPE: dict[str, Any] = {"mix": Mix(per_function=24), "echo": Echo(0, 10, 0.25)}
"""What is otherwise on a GPU: it reads faster than bugs can be listed, takes large batches, and its output layer is cheap."""


def learn(
    out: Path,
    *,
    size: str,
    device: str,
    tokens: int,
    threads: int,
    exclusions: Sequence[Path],
    mutate: Mutate,
    render_prompt: RenderPrompt,
    render_edit: RenderEdit,
    marks: tuple[str, ...],
) -> bool:
    """Train in `out` until `tokens` are read, carrying on from a checkpoint there; the first SIGTERM or Ctrl+C saves and stops.

    With a GPU the threads are processes that make examples.

    Returns:
        Whether all tokens were read.
    """
    asked: list[int] = []
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in (signal.SIGTERM, signal.SIGINT)}
    site = Path(sysconfig.get_paths()["purelib"])
    chosen = SIZES[size]
    plan = Plan(tokens=tokens, threads=threads)
    recipe = Recipe(
        sites=(site,),
        marks=marks,
        label=chosen.label,
        exclusions=tuple(exclusions),
        shape=chosen.shape,
        quantisation=chosen.quantisation,
        plan=plan,
    )
    if device != "cpu":
        recipe = replace(recipe, plan=replace(plan, device=device, **_GPU_PLAN), makers=threads, **_GPU_RECIPE)
    out.mkdir(parents=True, exist_ok=True)
    try:
        result = run(
            recipe, mutate=mutate, render_prompt=render_prompt, render_edit=render_edit, out=out, log=_say, stop=lambda: bool(asked)
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    _say(f"model     {result.model}\ncard      {result.card}\nmanifest  {result.manifest}")
    return result.finished


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
