"""The first line: where we are, where else one can go, and what waits."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import PurePath

from textual import events
from textual.message import Message

from refine_tui.loop.session.state import State
from refine_tui.ui.paint.ink import fits, ink, spread
from refine_tui.ui.widgets.line import Line

SCREENS = (("review", "1 Review"), ("loop", "2 Loop"), ("tests", "3 Tests"), ("setup", "6 Setup"))


class TabLine(Line):
    """The screens by key and name; each can be clicked."""

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        screen: str

    def __init__(self, names: Container[str]) -> None:
        """Take the screens there are."""
        super().__init__(id="tabs")
        self._screens = [(name, title) for name, title in SCREENS if name in names]
        self._places: list[tuple[int, int, str]] = []

    def show(self, current: str, state: State, *, demo: bool, width: int) -> None:
        """Show the tabs; `current` is the screen we are on."""
        parts: list[str | tuple[str, str]] = [" refine_tui  "]
        column, self._places = 13, []
        for name, title in self._screens:
            parts += [(f" {title} ", "bold reverse" if name == current else ""), " "]
            self._places.append((column, column + len(title) + 2, name))
            column += len(title) + 3
        badge = (f"{waits}  " if (waits := _what_waits(state)) else "", "bold $accent")
        where = (f"{'demo copy' if demo else PurePath(state.project).name} ", "$diff-number")
        left, right = ink(*parts), ink(badge, where)
        # The tabs are what must be seen: first the project's name goes, then what waits.
        self.paint(spread(left, next((end for end in (right, ink(badge)) if fits(left, end, width)), ink("")), width))

    def on_click(self, event: events.Click) -> None:
        """Go to the clicked screen."""
        for start, end, name in self._places:
            if start <= event.x < end:
                self.post_message(self.Chosen(name))


def _what_waits(state: State) -> str:
    opened = [review for review in state.reviews if review.state == "open"]
    if ready := sum(bool(review.undecided) for review in opened):
        return f"{ready} to review"
    decided = sum(bool(review.accepted) for review in opened)
    return f"{decided} to write" if decided else ""
