"""Help: the keys that are valid right now. Opens only on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

    def on_mount(self) -> None:
        """Say how to leave, and whether there is more than can be seen, once that is known."""
        self.call_after_refresh(self._say_more)

    def on_resize(self) -> None:
        """Another height shows more, or less."""
        self.call_after_refresh(self._say_more)

    def _say_more(self) -> None:
        shown = self.query_one("#help")
        shown.border_subtitle = "esc closes · ↓ more" if shown.max_scroll_y else "esc closes"

    def _rows(self) -> list[Content]:
        valid = [active for active in self._active if active.enabled and active.binding.description]
        ours = sorted((active for active in valid if active.binding.id), key=lambda active: active.binding.priority)
        always = ("tab goes to the next pane; arrows and page keys move in it", ": finds any of these by name")
        head = [ink((f"Keys that work now: {self._title}", "bold")), *(ink((one, "$diff-number")) for one in always)]
        return [*head, ink(""), *_rows_of(ours)]


def _rows_of(bindings: Iterable[ActiveBinding]) -> list[Content]:
    keys: dict[tuple[str, str], list[str]] = {}
    for active in bindings:
        keys.setdefault((active.binding.action, active.binding.description), []).append(key_name(active.binding.key))
    return [ink((f"{' '.join(names):>10}", "bold $accent"), f"  {description.lower()}") for (_, description), names in keys.items()]
