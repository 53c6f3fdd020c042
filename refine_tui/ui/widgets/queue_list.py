"""A list in which one entry is current: proposals with their hunks, or tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from refine_tui.ui.paint.entry import Entry


class QueueList(OptionList):
    """Rebuilt only when its lines change, so that the place in it is kept."""

    DEFAULT_CSS = """
    QueueList { height: 1fr; scrollbar-size-vertical: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    QueueList > .option-list--option { padding: 0; }
    QueueList > .option-list--option-highlighted { text-style: reverse; }
    """

    @dataclass
    class Chosen(Message):
        """The user moved to an entry."""

        entry: str

    def __init__(self, *, id: str, title: str) -> None:
        super().__init__(id=id, markup=False, classes="pane")
        self.border_title = Content(title)
        self._entries: tuple[Entry, ...] = ()

    def show(self, entries: Sequence[Entry], current: str) -> None:
        """Show entries with one of them current."""
        with self.prevent(OptionList.OptionHighlighted):
            # The same tuple twice is the common case, and comparing thousands of lines is not free.
            if entries is not self._entries and tuple(entries) != self._entries:
                self._replace(tuple(entries))
            at = next((n for n, entry in enumerate(entries) if entry.id == current), None)
            if at != self.highlighted:
                self.highlighted = at

    def _replace(self, entries: tuple[Entry, ...]) -> None:
        if [(e.id, e.is_heading) for e in entries] == [(e.id, e.is_heading) for e in self._entries]:
            for at, (new, old) in enumerate(zip(entries, self._entries, strict=True)):
                if new != old:
                    self.replace_option_prompt_at_index(at, new.content)
        else:
            self.clear_options()
            self.add_options([Option(entry.content, id=entry.id, disabled=entry.is_heading) for entry in entries])
        self._entries = entries

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Tell where the user went."""
        event.stop()
        if event.option_id is not None:
            self.post_message(self.Chosen(event.option_id))
