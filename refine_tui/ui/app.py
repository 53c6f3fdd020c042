"""The app: screens, keys that work everywhere, and the worker. What is decided or painted lives in the screens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.screen import Screen

from refine_tui.core.errors import RefineError, UsageError
from refine_tui.core.task import Task
from refine_tui.loop.events import ReviewReady, Verified
from refine_tui.loop.ports.choosing import Shelf
from refine_tui.loop.ports.keeping import Watcher
from refine_tui.ui.boards.board import Board
from refine_tui.ui.boards.loop import LoopBoard
from refine_tui.ui.boards.review import ReviewBoard
from refine_tui.ui.boards.setup import SetupBoard
from refine_tui.ui.boards.tests import TestsBoard
from refine_tui.ui.carrying import CarryingApp
from refine_tui.ui.commands import ValidActions
from refine_tui.ui.copying import picture_folder
from refine_tui.ui.desk import Desk
from refine_tui.ui.messages import Errand, ModelChosen, ModelsChanged, Tell
from refine_tui.ui.reactions import in_words, told
from refine_tui.ui.screens.help import HelpScreen
from refine_tui.ui.screens.house import HouseScreen
from refine_tui.ui.session_port import SessionPort
from refine_tui.ui.session_worker import Delivery, Job, JobEnded
from refine_tui.ui.setting_up import SettingUp
from refine_tui.ui.themes import ANSI_VARIABLES, default_theme, load_themes, themes_folder
from refine_tui.ui.widgets.tab_line import TabLine

TWICE_S = 2.0
"""Within this time a second ctrl+c leaves."""

EVERYWHERE: list[BindingType] = [
    Binding("g", "goal", "goal", id="loop.goal"),
    Binding("c", "cancel", "cancel", id="loop.cancel"),
    Binding("p", "go_on", "go on", id="loop.go_on"),
    Binding("U", "take_back", "take back", id="patch.undo"),
    Binding("R", "write_again", "write again what was taken back", id="patch.redo", show=False),
    Binding("question_mark", "help", "help", id="help.show"),
    Binding("q", "quit", "quit", id="app.quit"),
    Binding("1", "go('review')", "Review", id="screen.review", show=False),
    Binding("2", "go('loop')", "Loop", id="screen.loop", show=False),
    Binding("3", "go('tests')", "Tests", id="screen.tests", show=False),
    Binding("6", "go('setup')", "Setup", id="screen.setup", show=False),
    Binding("escape", "step_back", "back, or cancel", id="app.back", show=False),
    Binding("colon", "command_palette", "find a command", id="app.palette", show=False),
    Binding("ctrl+c", "interrupt", "twice quits", id="app.interrupt", show=False, priority=True),
]


class RefineApp(CarryingApp):
    """Joins screens, keys and worker."""

    TITLE = "refine_tui"
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        "screens/house.tcss",
        "boards/review.tcss",
        "boards/loop.tcss",
        "boards/tests.tcss",
        "boards/setup.tcss",
    ]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = App.COMMANDS | {ValidActions}
    BINDINGS = EVERYWHERE
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        session: SessionPort,
        *,
        theme: str = "",
        demo: bool = False,
        notices: Sequence[str] = (),
        watcher: Watcher | None = None,
        shelf: Shelf | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        desk = Desk(session, clock, demo)
        self._review = ReviewBoard(desk)
        boards: list[Board] = [self._review, LoopBoard(desk), TestsBoard(desk)]
        if shelf is not None:
            boards.append(SetupBoard(desk, self._setting_up(session, shelf)))
        super().__init__(desk, HouseScreen(desk, *boards), watcher)
        self._wanted_theme = theme
        self._interrupted_at = float("-inf")
        for notice in notices:
            self.desk.say(Tell(notice, "warning"))

    # Starting and themes.

    def get_default_screen(self) -> Screen[None]:
        """Begin with the one screen there is."""
        return self.house

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give our own style names a meaning in themes that do not know them."""
        return dict(ANSI_VARIABLES)

    def on_mount(self) -> None:
        """Begin: the first paint waits for nothing."""
        self._use_theme()
        self.call_after_refresh(self.begin)

    def _use_theme(self) -> None:
        try:
            for theme in load_themes(themes_folder()):
                self.register_theme(theme)
        except UsageError as error:
            self._tell(Tell(str(error), "warning"))
        wanted = self._wanted_theme or default_theme()
        if wanted in self.available_themes:
            self.theme = wanted
        else:
            self.theme = default_theme()
            known = ", ".join(sorted(self.available_themes))
            self._tell(Tell(f"There is no theme {wanted}. Known: {known}.", "warning"))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer only what makes sense here; our own actions come from `ValidActions`."""
        yield from (command for command in super().get_system_commands(screen) if command.title == "Theme")
        picture = "Save what is on the screen as a picture, an SVG file"
        yield SystemCommand("Screenshot", picture, lambda: self.call_after_refresh(self._save_picture))

    def _save_picture(self) -> None:
        try:
            self._tell(Tell(f"Saved {self.save_screenshot(path=str(picture_folder()))}."))
        except OSError as error:
            self._tell(Tell(f"The picture was not saved: {error}.", "error"))

    def react(self, delivery: Delivery) -> None:
        """Say what the user should know, and let Review go on with what it waits for."""
        if tell := told(delivery, self.desk.state):
            self.desk.say(tell)
        match delivery:
            case ReviewReady() if not self.app_focus:
                self.bell()
            case Verified():
                self._review.verified(delivery)
            case JobEnded(name, error, cancelled):
                self._ended(name, failed=bool(error) or cancelled)

    def _ended(self, name: str, *, failed: bool) -> None:
        if name.startswith("verify "):
            self._review.applying.ended(name.removeprefix("verify "))
        elif failed:
            self.desk.paused = True
        self.work_next()

    # Setup.

    def _setting_up(self, session: SessionPort, shelf: Shelf) -> SettingUp:
        post = self.post_message
        return SettingUp(session, shelf, lambda: post(ModelsChanged()), post, lambda: post(ModelChosen()))

    @on(ModelsChanged)
    def _models_changed(self) -> None:
        if self.desk.state.loading:
            self._forget_answer()
        self.show_all()

    @on(ModelChosen)
    def _model_chosen(self) -> None:
        if "work" not in self.jobs.names:
            self._forget_answer()
        self.work_next()
        self.show_all()

    def _forget_answer(self) -> None:
        """What another model wrote must not be taken for an answer of the one in use."""
        self.desk.live = replace(self.desk.live, text="", text_index=-1)

    def _tell(self, tell: Tell) -> None:
        self.desk.say(tell)
        self.show_all()

    # Requests from the screens.

    @on(Tell)
    def _told(self, event: Tell) -> None:
        self._tell(event)

    @on(TabLine.Chosen)
    def _tab_chosen(self, event: TabLine.Chosen) -> None:
        self.action_go(event.screen)

    # Keys that work everywhere.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done now; nothing but leaving in a terminal too small to see."""
        if self.house.is_mounted and self.house.is_too_small:
            return action in ("quit", "interrupt")
        if action == "go":
            return all(self.house.has(str(name)) for name in parameters)
        if action == "cancel":
            return self.jobs.is_running
        if action == "go_on":
            return not self.jobs.is_running
        return super().check_action(action, parameters)

    def action_go(self, board: str) -> None:
        """Go to Review, Loop, Tests or Setup."""
        self.house.go(board)

    def action_goal(self) -> None:
        """Ask for a goal."""
        self.house.ask("What should become true?", ["the goal in a line", "where: FILE::SYMBOL (may stay empty)"], self._add_goal)

    def _add_goal(self, answers: tuple[str, ...]) -> None:
        def queued(task: Task) -> None:
            self._tell(Tell(f"{task.id} is queued: {task.goal}. 2 shows the loop."))
            self.go_on()

        def refused(error: RefineError) -> None:
            self._tell(Tell(str(error), "error"))

        goal, scope = answers
        self.post_message(Errand(lambda: self.desk.session.add_goal(goal, scope), queued, refused))

    def action_cancel(self) -> None:
        """Stop what runs; what it found is kept."""
        if name := self.jobs.cancel():
            self.desk.session.stop_loading()
            self._tell(Tell(f"Stopping {in_words(name)} ..."))

    def action_step_back(self) -> None:
        """Close the innermost open thing; if there is none, stop what runs."""
        if not self.house.step_back():
            self.action_cancel()

    def action_go_on(self) -> None:
        """Run the tests if that was not done, else the next task, else the tests again."""
        self.desk.paused = False
        state = self.desk.state
        if state.baseline is None or not self.desk.has_waiting_task:
            self.run_job(Job("survey", self.desk.session.survey))
        else:
            self.work_next()
        self.show_all()

    def action_take_back(self) -> None:
        """Undo the last application."""
        self._review.applying.undo()

    def action_write_again(self) -> None:
        """Write again what was undone."""
        self._review.applying.redo()

    def action_help(self) -> None:
        """Show the keys that are valid for the focused pane."""
        where = self.screen.focused.id if self.screen.focused else ""
        self.push_screen(HelpScreen(where or "here", tuple(self.screen.active_bindings.values())))

    def action_interrupt(self) -> None:
        """Leave on the second ctrl+c."""
        now = time.monotonic()
        if now - self._interrupted_at < TWICE_S:
            self.exit(0)
        else:
            self._interrupted_at = now
            self._tell(Tell("ctrl+c once more quits; decisions are kept. esc stops what runs."))

    async def action_quit(self) -> None:
        """Leave; what is undecided stays in the journal."""
        self.exit(0)
