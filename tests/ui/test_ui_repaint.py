"""What a key costs, counted: lines rendered, layouts made."""

from __future__ import annotations

from collections import defaultdict

import pytest
from textual._compositor import Compositor
from textual.strip import Strip

from refine_tui.ui.widgets.pane import Pane
from tests.ui.ui_fakes import make_review, ready
from tests.ui.ui_hands import Opened, house, press

WIDE = (140, 40)
Rendered = defaultdict[str, set[int]]


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> Rendered:
    """Which lines were rendered, by pane; one that was rendered twice counts once, for a slow machine may paint in two goes."""
    lines: Rendered = defaultdict(set)
    render_line = Pane.render_line

    def noted(pane: Pane, y: int) -> Strip:
        lines[str(pane.id)].add(y)
        return render_line(pane, y)

    monkeypatch.setattr(Pane, "render_line", noted)
    return lines


async def test_going_to_another_hunk_draws_the_two_heads_and_the_two_entries(opened: Opened, rendered: Rendered) -> None:
    async with opened(ready(make_review(prices=True)), WIDE) as pilot:
        await press(pilot, "j", "k")
        rendered.clear()
        await press(pilot, "j")
        assert {pane: len(lines) for pane, lines in rendered.items()} == {"diff": 2, "list": 2}


async def test_a_decision_draws_only_what_it_changes_and_needs_no_layout(
    opened: Opened, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts: list[int] = []
    async with opened(ready(make_review(prices=True)), WIDE) as pilot:
        await press(pilot, "space", "space")
        before = house(pilot).query_one("#notes", Pane).virtual_size.height
        monkeypatch.setattr(Compositor, "reflow", lambda *_: layouts.append(1))
        rendered.clear()
        await press(pilot, "space")
        notes = house(pilot).query_one("#notes", Pane)
        assert notes.virtual_size.height != before
        assert (len(rendered["diff"]), len(rendered["list"])) == (1, 2)
        assert len(rendered["notes"]) <= max(before, notes.virtual_size.height)
        assert layouts == []


async def test_the_scroll_bar_comes_and_goes_with_the_number_of_lines(opened: Opened) -> None:
    async with opened(ready(make_review()), WIDE) as pilot:
        pane = house(pilot).query_one("#notes", Pane)
        few = pane.shown
        assert not pane.show_vertical_scrollbar
        for rows, is_there in ((few * 40, True), (few, False)):
            pane.show(rows)
            await pilot.pause()
            assert pane.show_vertical_scrollbar is is_there
            assert pane.max_scroll_y == max(0, pane.virtual_size.height - pane.scrollable_content_region.height)
