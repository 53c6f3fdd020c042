"""Tests: every result, the failures first, and why."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from refine_tui.core.evidence import CaseResult
from refine_tui.ui.boards.board import Board
from refine_tui.ui.desk import Desk
from refine_tui.ui.messages import RunJob
from refine_tui.ui.paint.case_lines import case_entries, flaky_tests, paint_case, paint_counts, shown_cases
from refine_tui.ui.paint.entry import Entry
from refine_tui.ui.session_worker import Job
from refine_tui.ui.widgets.line import Line
from refine_tui.ui.widgets.pane import Pane
from refine_tui.ui.widgets.queue_list import QueueList

KEYS: list[BindingType] = [
    Binding("f", "filter", "failed only", id="tests.filter"),
    Binding("t", "run_all", "run all", id="tests.run_all"),
    Binding("j", "test(1)", "next test", id="tests.next", show=False),
    Binding("k", "test(-1)", "previous test", id="tests.previous", show=False),
]


class TestsBoard(Board):
    """The tests of the user's tree as it is."""

    __test__ = False
    BINDINGS = KEYS
    NAME = "tests"
    FIRST = "#cases"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._only_red = False
        self._chosen = ""
        self._listed: tuple[tuple[CaseResult, ...], frozenset[str]] = ((), frozenset())
        self._entries: tuple[Entry, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out counts, list and details."""
        yield Line(id="counts")
        with Container(id="panes"):
            yield QueueList(id="cases", title="tests")
            yield Pane(id="details", title="details")

    @property
    def cases(self) -> tuple[CaseResult, ...]:
        """The results that are listed."""
        return tuple(case for case in shown_cases(self.state, self.live) if case.is_red or not self._only_red)

    def paint(self) -> None:
        """Draw counts, list and the chosen test."""
        cases = self.cases
        chosen = next((case for case in cases if case.node_id == self._chosen), cases[0] if cases else None)
        self._chosen = chosen.node_id if chosen else ""
        self.query_one("#counts", Line).paint(paint_counts(self.state, self.live, self.desk.clock(), self.room))
        listed = self.query_one(QueueList)
        listed.entitle("tests that fail (f shows all)" if self._only_red else "tests")
        shown = (cases, flaky_tests(self.state))
        if shown != self._listed:
            self._listed, self._entries = shown, tuple(case_entries(*shown))
        listed.list_entries(self._entries, self._chosen)
        self.query_one("#details", Pane).show(paint_case(chosen, self.state.baseline))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Running all waits for the run under way."""
        if action == "run_all" and self.live.run is not None:
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Show failures only, or everything."""
        self._only_red = not self._only_red
        self.house.show()

    def action_run_all(self) -> None:
        """Run every test again."""
        self.post_message(RunJob(Job("survey", self.desk.session.survey)))

    def action_test(self, step: int) -> None:
        """Go to the next or previous test."""
        nodes = [case.node_id for case in self.cases]
        if nodes:
            at = nodes.index(self._chosen) + step if self._chosen in nodes else 0
            self._chosen = nodes[min(max(at, 0), len(nodes) - 1)]
            self.house.show()

    @on(QueueList.Chosen)
    def _on_chosen(self, event: QueueList.Chosen) -> None:
        self._chosen = event.entry
        self.house.show()
