"""Themes: the terminal's own colours by default, the files in `themes/` beside them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from textual.theme import Theme

from refine_tui.core.errors import UsageError

_COLOURS = ("primary", "secondary", "warning", "error", "success", "accent", "foreground", "background", "surface", "panel")

ANSI_VARIABLES: Mapping[str, str] = {
    "diff-added": "ansi_green",
    "diff-removed": "ansi_red",
    "diff-added-line": "not dim",
    "diff-removed-line": "not dim",
    "diff-added-word": "bold reverse ansi_green",
    "diff-removed-word": "bold reverse ansi_red",
    "diff-number": "ansi_bright_black",
    "diff-head": "ansi_cyan",
    "syntax-keyword": "ansi_magenta",
    "syntax-string": "ansi_yellow",
    "syntax-number": "ansi_cyan",
    "syntax-comment": "ansi_bright_black",
    "syntax-name": "ansi_blue",
}
"""What our own style names mean where a theme says nothing: the terminal's sixteen colours."""


def themes_folder() -> Path:
    """Return where the theme files are: in the package, or at the top of a checkout."""
    packaged = Path(str(files("refine_tui").joinpath("_data", "themes")))
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "themes"


def load_themes(folder: Path) -> tuple[Theme, ...]:
    """Read every theme file of a folder, in order of name.

    Raises:
        UsageError: a file is not a theme; the message names it and what is wrong.
    """
    return tuple(_theme(path) for path in sorted(folder.glob("*.toml")))


def _theme(path: Path) -> Theme:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: not a theme file: {error}. Correct or remove it.") from error
    colours, styles = document.get("colours", {}), document.get("styles", {})
    _check(path, colours, _COLOURS)
    _check(path, styles, ANSI_VARIABLES)
    if "primary" not in colours:
        raise UsageError(f"{path}: colours.primary is missing. A theme needs at least that.")
    return Theme(name=path.stem, dark=bool(document.get("dark", True)), variables=dict(styles), **colours)


def _check(path: Path, table: Any, known: Iterable[str]) -> None:
    names = set(known)
    if not isinstance(table, dict):
        raise UsageError(f"{path}: colours and styles must be tables.")
    for key, value in table.items():
        if key not in names or not isinstance(value, str):
            raise UsageError(f"{path}: {key}: expected one of {', '.join(sorted(names))}, each a text.")


def default_theme(environment: Mapping[str, str] = os.environ) -> str:
    """Return the theme that leaves all colours to the terminal, for dark or light as far as the terminal tells."""
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return "ansi-light" if background in ("7", "15") else "ansi-dark"
