"""Loop: the refinement at work. Numbers and words, no spinner."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from refine_tui.ui.paint.ink import lines
from refine_tui.ui.paint.loop_lines import paint_candidates, paint_critique, paint_goal, paint_stream
from refine_tui.ui.screens.house import HouseScreen
from refine_tui.ui.widgets.pane import Pane


class LoopScreen(HouseScreen):
    """What the loop does right now."""

    CSS_PATH = "loop.tcss"
    NAME = "loop"

    def compose_body(self) -> ComposeResult:
        """Lay out goal, candidates, critique and stream."""
        yield Static("", id="goal", markup=False)
        with Container(id="panes"):
            yield Pane(id="candidates", fit="clip", follows=True, title="candidates")
            yield Pane(id="critique", title="critique")
            yield Pane(id="stream", follows=True, title="model")

    def on_mount(self) -> None:
        """Begin on the candidates."""
        self.query_one("#candidates").focus()

    def paint(self) -> None:
        """Draw all parts."""
        self.query_one("#goal", Static).update(lines(paint_goal(self.live, self.state)))
        candidates, stream = self.query_one("#candidates", Pane), self.query_one("#stream", Pane)
        candidates.show(paint_candidates(self.live))
        stream.show(paint_stream(self.live, self.state))
        self.query_one("#critique", Pane).show(paint_critique(self.live.critique))
        candidates.border_title = _title("candidates", candidates, f"{self.live.judged} run")
        stream.border_title = _title("model", stream, "")


def _title(name: str, pane: Pane, detail: str) -> Content:
    unseen = f"{pane.unseen} new below, end to follow" if pane.unseen else ""
    return Content("  ".join(part for part in (name, detail, unseen) if part))
