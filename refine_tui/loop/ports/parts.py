"""The parts a session works with, joined by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from refine_tui.loop.ports.keeping import Journal, Watcher, Workspace
from refine_tui.loop.ports.observing import Observer
from refine_tui.loop.ports.running import Evaluator
from refine_tui.loop.ports.thinking import Generator, LineEditing, ModelInfo, Profile, Syntax

Clock = Callable[[], float]
"""Seconds that only ever grow."""


@dataclass(frozen=True)
class Parts:
    """Everything the loop touches. `generator` is `None` when no model is used."""

    workspace: Workspace
    evaluator: Evaluator
    syntax: Syntax
    journal: Journal
    clock: Clock
    generator: Generator | None
    line_editing: LineEditing
    """The form in which the model that ships ranks edits."""
    profile: Callable[[ModelInfo], Profile]
    """Chooses how the loaded model is asked."""
    watcher: Watcher | None = None
    observer: Callable[[], Observer] | None = None
    """Gives what runs new tests before they are proposed; `None` where the project's tests are not run by pytest."""
