"""How many candidates this machine has room for at once."""

from __future__ import annotations

import os

ENOUGH_CORES = 4
"""One for each of two parents, one for the model, one for the screen and everything else; with fewer the second would slow them down."""


def runners() -> int:
    """Return how many parents this machine has room for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 if cores >= ENOUGH_CORES else 1
