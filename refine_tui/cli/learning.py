"""`refine-tui learn`: the recipe of the model that ships; `make model` calls it."""

from __future__ import annotations

import argparse

from refine_tui.bootstrap_labs import run_recipe
from refine_tui.core.errors import UsageError


def run_learn(options: argparse.Namespace) -> int:
    """Train and export."""
    try:
        return 0 if run_recipe(options) else 1
    except ImportError as error:
        raise UsageError(f"The recipe needs the train extra ({error.name} is missing): pip install 'refine-tui[train]'.") from error
