"""Help: the keys that are valid right now. Opens only on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from refine_tui.ui.paint.ink import ink, lines
from refine_tui.ui.widgets.key_line import key_name


class HelpScreen(ModalScreen[None]):
    """A list of keys; any of the closing keys goes back."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "dismiss", "close")]

    def __init__(self, title: str, bindings: Sequence[ActiveBinding]) -> None:
        super().__init__()
        self._title = title
        self._active = tuple(bindings)

    def compose(self) -> ComposeResult:
        """Show the keys."""
        with VerticalScroll(id="help"):
            yield Static(lines(self._rows()), markup=False)

    def _rows(self) -> list[Content]:
        keys: dict[tuple[str, str], list[str]] = {}
        for active in self._active:
            if active.enabled and active.binding.description:
                keys.setdefault((active.binding.action, active.binding.description), []).append(key_name(active.binding.key))
        rows = [ink((f"Keys that work now: {self._title}", "bold")), ink("")]
        rows += [ink((f"{' '.join(names):>12}", "bold $accent"), f"  {description}") for (_, description), names in keys.items()]
        return [*rows, ink(""), ink(("esc closes; ctrl+p or : finds any of these by name", "$diff-number"))]
