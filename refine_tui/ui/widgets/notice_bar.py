"""The last thing the user should know, on one to four lines, until it is dismissed or another one comes."""

from __future__ import annotations

from textual.content import Content

from refine_tui.ui.messages import Severity
from refine_tui.ui.paint.ink import block, ink
from refine_tui.ui.widgets.line import Line

_SIGNS: dict[Severity, tuple[str, str]] = {
    "information": (" i ", "bold $accent"),
    "warning": (" ! ", "bold $warning"),
    "error": (" !! ", "bold reverse $error"),
}


class NoticeBar(Line):
    """Hidden while there is nothing to say."""

    DEFAULT_CSS = """
    NoticeBar { display: none; text-wrap: wrap; }
    NoticeBar.-said { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(id="notice", most_rows=4)

    @property
    def is_shown(self) -> bool:
        """Whether something is said."""
        return self.has_class("-said")

    def say(self, text: str, severity: Severity, *, more: int = 0) -> None:
        """Show one notice in place of the last; `more` wait behind it."""
        hint = f"  esc shows {more} more" if more else "" if severity == "information" else "  esc to go on"
        self.paint(ink(_SIGNS[severity], " ", block(text.strip()), (hint, "$diff-number")))
        self.add_class("-said")

    def dismiss(self) -> None:
        """Take the notice away."""
        self.paint(Content(""))
        self.remove_class("-said")
