"""Which proposal and which hunk the keys act on. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from refine_tui.core.hunks import Hunk
from refine_tui.core.review import Review
from refine_tui.loop.session.state import QueueItem, State


@dataclass(frozen=True)
class Item:
    """One thing to look at on Review: a proposal, or the note of a task that was not solved."""

    id: str
    """The review's id, or `note t3`."""
    review: Review | None = None
    note: QueueItem | None = None


@dataclass(frozen=True)
class Selection:
    """Empty strings: nothing yet."""

    item: str = ""
    hunk: str = ""


def items_of(state: State) -> tuple[Item, ...]:
    """Return what can be looked at: open proposals, then notes, then what cannot be decided any more."""
    by_state = {
        name: [Item(review.id, review) for review in state.reviews if review.state == name] for name in ("open", "stale", "applied")
    }
    notes = [Item(f"note {item.task.id}", note=item) for item in state.queue if item.handoff]
    return (*by_state["open"], *notes, *by_state["stale"], *by_state["applied"])


def item_of(selection: Selection, items: Sequence[Item]) -> Item | None:
    """Return the selected item."""
    return next((item for item in items if item.id == selection.item), None)


def hunk_of(selection: Selection, item: Item | None) -> Hunk | None:
    """Return the selected hunk."""
    if item is None or item.review is None:
        return None
    return next((hunk for hunk in item.review.hunks if hunk.id == selection.hunk), None)


def settle(selection: Selection, items: Sequence[Item]) -> Selection:
    """Return a selection that exists. What is selected stays selected as long as it is there."""
    item = item_of(selection, items) or (items[0] if items else None)
    if item is None:
        return Selection()
    kept = hunk_of(selection, item) if item.id == selection.item else None
    if kept is not None or item.review is None:
        return Selection(item.id, kept.id if kept else "")
    first = _successor(selection.hunk, item.review) if item.id == selection.item else None
    return Selection(item.id, first or _first(item.review))


def move_item(selection: Selection, items: Sequence[Item], step: int) -> Selection:
    """Go to the item `step` places on, around the ends."""
    if not items:
        return Selection()
    at = next((n for n, item in enumerate(items) if item.id == selection.item), 0)
    return settle(Selection(items[(at + step) % len(items)].id), items)


def move_hunk(selection: Selection, review: Review, step: int, *, undecided: bool = False) -> Selection:
    """Go to the next (`step` 1) or the previous (-1) hunk; stays where there is none."""
    hunks = review.hunks
    at = next((n for n, hunk in enumerate(hunks) if hunk.id == selection.hunk), 0)
    ahead = hunks[at + 1 :] if step > 0 else hunks[:at][::-1]
    found = next((hunk for hunk in ahead if not undecided or review.decision(hunk.id) == "undecided"), None)
    return replace(selection, hunk=found.id) if found else selection


def next_undecided(selection: Selection, review: Review) -> Selection:
    """Go to the next undecided hunk, from the start again after the last."""
    after = move_hunk(selection, review, 1, undecided=True)
    if after != selection or not review.undecided:
        return after
    return replace(selection, hunk=review.undecided[0].id)


def move_file(selection: Selection, review: Review, step: int) -> Selection:
    """Go to the first hunk of the next or previous file; stays where there is none."""
    hunk = next((hunk for hunk in review.hunks if hunk.id == selection.hunk), None)
    if hunk is None:
        return selection
    paths = list(dict.fromkeys(hunk.path for hunk in review.hunks))
    at = paths.index(hunk.path) + step
    if not 0 <= at < len(paths):
        return selection
    return replace(selection, hunk=next(hunk.id for hunk in review.hunks if hunk.path == paths[at]))


def _first(review: Review) -> str:
    hunks = review.undecided or review.hunks
    return hunks[0].id if hunks else ""


def _successor(hunk_id: str, review: Review) -> str | None:
    """Return the first piece of a hunk that was split, or the hunk a piece came from."""
    pieces = (hunk.id for hunk in review.hunks if hunk.id.startswith(f"{hunk_id}.") or hunk_id.startswith(f"{hunk.id}."))
    return next(pieces, None)
