"""Query files: data beside the code in a checkout, inside the package once installed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from refine_tui.core.errors import ProjectError


@cache
def data_dir(kind: str) -> Traversable:
    """Return the folder of one kind of data (`grammars`).

    Raises:
        ProjectError: neither the installed package nor the checkout holds it.
    """
    packaged = files("refine_tui").joinpath("_data", kind)
    if packaged.is_dir():
        return packaged
    checkout = Path(__file__).resolve().parents[2] / kind
    if checkout.is_dir():
        return checkout
    raise ProjectError(f"The folder {kind} is missing from this installation. Install refine-tui again.")


@cache
def query_text(name: str) -> str:
    """Return the text of a query by its path under `grammars/`, without its suffix."""
    return data_dir("grammars").joinpath(*f"{name}.scm".split("/")).read_text("utf-8")
