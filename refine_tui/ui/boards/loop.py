"""Loop: the refinement at work. Numbers and words, no spinner."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container

from refine_tui.ui.boards.board import Board
from refine_tui.ui.paint.ink import lines
from refine_tui.ui.paint.loop_lines import paint_candidates, paint_critique, paint_goal, paint_stream
from refine_tui.ui.widgets.line import Line
from refine_tui.ui.widgets.pane import Pane


class LoopBoard(Board):
    """What the loop does right now."""

    NAME = "loop"
    FIRST = "#candidates"

    def compose(self) -> ComposeResult:
        """Lay out goal, candidates, critique and stream."""
        yield Line(id="goal", most_rows=6)
        with Container(id="panes"):
            yield Pane(id="candidates", fit="clip", follows=True, title="candidates")
            yield Pane(id="critique", title="critique")
            yield Pane(id="stream", follows=True, title="model")

    def paint(self) -> None:
        """Draw all parts."""
        self.query_one("#goal", Line).paint(lines(paint_goal(self.live, self.state)))
        candidates, stream = self.query_one("#candidates", Pane), self.query_one("#stream", Pane)
        candidates.show(paint_candidates(self.live))
        stream.show(paint_stream(self.live, self.state))
        self.query_one("#critique", Pane).show(paint_critique(self.live.critique, ended=self.live.finished is not None))
        candidates.entitle(_title("candidates", candidates, f"{self.live.judged} run"))
        stream.entitle(_title("model", stream, ""))


def _title(name: str, pane: Pane, detail: str) -> str:
    unseen = f"{pane.unseen} new below, end to follow" if pane.unseen else ""
    return "  ".join(part for part in (name, detail, unseen) if part)
