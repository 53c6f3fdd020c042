"""Setup: the models there are, whether they fit, and putting another one to work without leaving."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from refine_tui.core.amounts import size_in_words
from refine_tui.loop.ports.choosing import Choice
from refine_tui.ui.boards.board import Board
from refine_tui.ui.desk import Desk
from refine_tui.ui.paint.ink import lines
from refine_tui.ui.paint.model_lines import choice_entries, paint_choice, paint_use
from refine_tui.ui.setting_up import SettingUp
from refine_tui.ui.widgets.line import Line
from refine_tui.ui.widgets.pane import Pane
from refine_tui.ui.widgets.queue_list import QueueList

KEYS: list[BindingType] = [
    Binding("enter", "use", "use", id="setup.use"),
    Binding("d", "fetch", "download", id="setup.fetch"),
    Binding("f", "file", "add a file", id="setup.file"),
    Binding("o", "server", "use a server", id="setup.server"),
    Binding("x", "stop", "stop download", id="setup.stop"),
    Binding("t", "key", "type key", id="setup.key"),
    Binding("j", "choice(1)", "next model", id="setup.next", show=False),
    Binding("k", "choice(-1)", "previous model", id="setup.previous", show=False),
]


class SetupBoard(Board):
    """Chooses a model. What takes time happens elsewhere; here it is asked for and shown."""

    BINDINGS = KEYS
    NAME = "setup"
    FIRST = "#models"
    KEY_ROWS = 2

    def __init__(self, desk: Desk, setting_up: SettingUp) -> None:
        super().__init__(desk)
        self.setting_up = setting_up

    def compose(self) -> ComposeResult:
        """Lay out what is in use, the list and the details."""
        yield Line(id="in-use", most_rows=2)
        with Container(id="panes"):
            yield QueueList(id="models", title="models")
            yield Pane(id="model", title="details")

    def on_show(self) -> None:
        """Look through the models whenever Setup is come to: files may have come or gone."""
        self.setting_up.look()

    @property
    def chosen(self) -> Choice | None:
        """The model the keys act on: where the list is, so that a key that follows another at once means what it should."""
        choices, current = self.setting_up.models.choices, self.query_one(QueueList).current
        return next((choice for choice in choices if choice.wish == current), choices[0] if choices else None)

    def paint(self) -> None:
        """Draw everything."""
        models, chosen = self.setting_up.models, self.chosen
        self.query_one("#in-use", Line).paint(lines(paint_use(models, self.state)))
        self.query_one(QueueList).list_entries(tuple(choice_entries(models, self.state)), chosen.wish if chosen else "")
        self.query_one("#model", Pane).show(paint_choice(chosen, models.free_bytes))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done now."""
        models = self.setting_up.models
        offered = {
            "use": self.chosen is not None and not self.state.loading,
            "server": not self.state.loading,
            "fetch": not models.fetched,
            "stop": bool(models.fetched or models.question) and not models.is_stopping,
            "key": bool(models.question),
        }
        return offered.get(action, True) and super().check_action(action, parameters)

    def action_choice(self, step: int) -> None:
        """Go to the next or previous model."""
        self.query_one(QueueList).action_move(step)

    @on(QueueList.Chosen)
    def _on_chosen(self) -> None:
        self.house.show()

    def action_use(self) -> None:
        """Use the chosen model, fetching it first if it is not here."""
        chosen = self.chosen
        if chosen is None:
            return
        if chosen.kind == "card":
            self.action_fetch()
        elif chosen.kind == "broken":
            self.tell(f"{chosen.wish} cannot be used: {chosen.note}", "error")
        else:
            self.setting_up.use(chosen.wish)

    def action_fetch(self) -> None:
        """Fetch the chosen model, or one whose address is asked for."""
        chosen = self.chosen
        if chosen is None or chosen.kind != "card":
            self.house.ask("Which model?", ["hf:OWNER/REPO/FILE.gguf, or the https address of a file"], lambda one: self._fetch(one[0]))
        elif chosen.fits is False:
            free = size_in_words(self.setting_up.models.free_bytes)
            said = f"{chosen.wish} needs at least {size_in_words(chosen.needed_bytes)} of memory, {free} are free. Fetch it all the same?"
            self.house.confirm(said, "d", lambda: self._fetch(chosen.wish))
        else:
            self._fetch(chosen.wish)

    def _fetch(self, wanted: str) -> None:
        self.setting_up.fetch(wanted)
        self.house.show()

    def action_file(self) -> None:
        """Make a GGUF file of the user's a model."""
        self.house.ask("Which file?", ["the path of a .gguf file; it stays where it is"], lambda one: self.setting_up.add(one[0]))

    def action_server(self) -> None:
        """Use a model on a server."""
        self.house.ask("Which server?", ["http://HOST:PORT/v1#NAME, an OpenAI-compatible server"], lambda one: self._serve(one[0]))

    def _serve(self, address: str) -> None:
        if address.startswith(("http://", "https://")):
            self.setting_up.use(address)
        else:
            self.tell(f"{address} is no address of a server: it has to look like http://HOST:PORT/v1#NAME.", "error")

    def action_stop(self) -> None:
        """Stop the download; what has arrived is kept."""
        self.setting_up.stop()
        self.house.show()

    def action_key(self) -> None:
        """Type the key a host wants; it is kept for this session only, and not shown."""
        question = self.setting_up.models.question
        self.house.ask(question.rstrip(": "), ["the key"], lambda one: self.setting_up.answer(one[0]), secret=True)
