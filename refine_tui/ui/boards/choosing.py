"""Moving about on Review: between proposals, files and hunks."""

from __future__ import annotations

from textual import on
from textual.binding import Binding, BindingType

from refine_tui.core.hunks import Hunk
from refine_tui.core.review import Review
from refine_tui.loop.session.state import State
from refine_tui.ui.boards.board import Board
from refine_tui.ui.desk import Desk
from refine_tui.ui.selection import Item, Selection, hunk_of, item_of, items_of, move_file, move_hunk, move_item, settle
from refine_tui.ui.widgets.queue_list import QueueList

MOVES: list[BindingType] = [
    Binding("j", "hunk(1)", "next hunk", id="hunk.next", show=False),
    Binding("k", "hunk(-1)", "previous hunk", id="hunk.previous", show=False),
    Binding("J", "undecided(1)", "next undecided hunk", id="hunk.next_undecided", show=False),
    Binding("K", "undecided(-1)", "previous undecided hunk", id="hunk.previous_undecided", show=False),
    Binding("right_square_bracket", "file(1)", "next file", id="file.next", show=False),
    Binding("left_square_bracket", "file(-1)", "previous file", id="file.previous", show=False),
    Binding("full_stop", "item(1)", "next", id="item.next"),
    Binding("comma", "item(-1)", "previous proposal", id="item.previous", show=False),
]


class ChoosingBoard(Board):
    """Knows which item and which hunk the keys act on."""

    BINDINGS = MOVES

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.selection = Selection()

    @property
    def items(self) -> tuple[Item, ...]:
        """What can be looked at."""
        return items_of(self.state)

    @property
    def item(self) -> Item | None:
        """What is looked at."""
        return item_of(self.selection, self.items)

    @property
    def review(self) -> Review | None:
        """The proposal that is looked at."""
        item = self.item
        return item.review if item else None

    @property
    def hunk(self) -> Hunk | None:
        """The hunk the keys act on."""
        return hunk_of(self.selection, self.item)

    def draw(self, state: State) -> None:
        """Keep the selection on something that exists, then draw."""
        self.selection = settle(self.selection, items_of(state))
        super().draw(state)

    def select(self, selection: Selection) -> None:
        """Go there."""
        if selection != self.selection:
            self.selection = selection
            self.house.show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only moves that lead somewhere."""
        if action in ("hunk", "undecided", "file") and self.review is None:
            return False
        if action == "item" and len(self.items) < 2:
            return False
        return super().check_action(action, parameters)

    def action_hunk(self, step: int) -> None:
        """Go to the next or previous hunk."""
        if self.review:
            self.select(move_hunk(self.selection, self.review, step))

    def action_undecided(self, step: int) -> None:
        """Go to the next or previous hunk without a decision."""
        if self.review:
            self.select(move_hunk(self.selection, self.review, step, undecided=True))

    def action_file(self, step: int) -> None:
        """Go to the next or previous file."""
        if self.review:
            self.select(move_file(self.selection, self.review, step))

    def action_item(self, step: int) -> None:
        """Go to the next or previous proposal or note."""
        self.select(move_item(self.selection, self.items, step))

    @on(QueueList.Chosen)
    def _chosen(self, event: QueueList.Chosen) -> None:
        item, _, hunk = event.entry.partition("/")
        self.select(settle(Selection(item, hunk), self.items))
