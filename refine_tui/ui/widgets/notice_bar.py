"""The last thing the user should know, on one to three lines, until it is dismissed or another one comes."""

from __future__ import annotations

from textual.widgets import Static

from refine_tui.ui.messages import Severity
from refine_tui.ui.paint.ink import ink

_SIGNS: dict[Severity, tuple[str, str]] = {
    "information": (" i ", "bold $accent"),
    "warning": (" ! ", "bold $warning"),
    "error": (" !! ", "bold reverse $error"),
}


class NoticeBar(Static):
    """Hidden while there is nothing to say."""

    DEFAULT_CSS = """
    NoticeBar { height: auto; max-height: 4; display: none; }
    NoticeBar.-said { display: block; }
    """

    def __init__(self) -> None:
        super().__init__("", id="notice", markup=False)

    @property
    def is_shown(self) -> bool:
        """Whether something is said."""
        return self.has_class("-said")

    def say(self, text: str, severity: Severity, *, more: int = 0) -> None:
        """Show one notice in place of the last; `more` wait behind it."""
        hint = f"  esc shows {more} more" if more else "" if severity == "information" else "  esc to go on"
        self.update(ink(_SIGNS[severity], f" {text.strip()}", (hint, "$diff-number")))
        self.add_class("-said")

    def dismiss(self) -> None:
        """Take the notice away."""
        self.update("")
        self.remove_class("-said")
