"""What Review, Loop, Tests and Setup have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol, TypeVar, cast

from textual import events
from textual.containers import Container
from textual.widget import Widget

from refine_tui.core.errors import RefineError
from refine_tui.loop.session.state import State
from refine_tui.ui.desk import Desk
from refine_tui.ui.live import Live
from refine_tui.ui.messages import Errand, Severity, Tell

T = TypeVar("T")
ALWAYS = frozenset({"quit", "interrupt", "command_palette", "cancel"})
"""Actions that work in a terminal too small to see anything."""


class House(Protocol):
    """What a board may ask of the frame around it."""

    @property
    def is_too_small(self) -> bool:
        """Whether the terminal cannot show the screen."""

    def show(self) -> None:
        """Draw everything anew."""

    def ask(self, title: str, fields: Sequence[str], then: Callable[[tuple[str, ...]], None], *, secret: bool = False) -> None:
        """Open the prompt; `then` gets the answers. What is typed is not shown when it is `secret`."""

    def confirm(self, text: str, key: str, then: Callable[[], None]) -> None:
        """Ask for a second key; `then` is called once it was pressed."""


class Board(Container):
    """The part of the screen between tabs and keys. It stays mounted while another one is shown, with its layout."""

    NAME: ClassVar[str]
    """`review`, `loop`, `tests` or `setup`."""
    FIRST: ClassVar[str]
    """The pane that has the keys at first."""
    KEY_ROWS: ClassVar[int] = 1
    """Rows its keys take where it is not wide."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id=self.NAME)
        self.desk = desk
        self.state: State = desk.state
        self._key_pane: Widget | None = None

    def on_mount(self) -> None:
        """Begin with the keys on the most important pane."""
        self._key_pane = self.query_one(self.FIRST)

    @property
    def live(self) -> Live:
        """The present moment."""
        return self.desk.live

    @property
    def room(self) -> int:
        """The width of the screen in cells, also while another board is shown."""
        return self.screen.size.width

    @property
    def house(self) -> House:
        """The frame."""
        return cast("House", self.screen)

    @property
    def is_seen(self) -> bool:
        """Whether this is the board in front of the user."""
        return self.display and self.screen.is_current

    @property
    def key_pane(self) -> Widget | None:
        """The pane that had the keys last, or the first one while that is hidden."""
        return self._key_pane if self._key_pane is None or self._key_pane.display else self.query_one(self.FIRST)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember where the keys are."""
        self._key_pane = event.widget

    def draw(self, state: State) -> None:
        """Draw what is true now."""
        self.state = state
        self.paint()

    def paint(self) -> None:
        """Draw from `state` and `live`."""

    def step_back(self) -> bool:
        """Close the innermost thing that Escape closes and say whether there was one."""
        return False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let nothing be decided that cannot be seen."""
        if self.is_mounted and self.house.is_too_small and action not in ALWAYS:
            return False
        return super().check_action(action, parameters)

    def tell(self, text: str, severity: Severity = "information") -> None:
        """Say a sentence."""
        self.post_message(Tell(text, severity))

    def attempt(self, call: Callable[[], T]) -> T | None:
        """Call the session; a refusal becomes a notice and `None`."""
        try:
            return call()
        except RefineError as error:
            self.tell(str(error), "error")
            return None

    def send(self, call: Callable[[], T], done: Callable[[T], None], refused: Callable[[RefineError], None] | None = None) -> None:
        """Have the session do something that may wait for the disk; what follows is called on the screen's own thread."""
        self.post_message(Errand(call, done, refused or (lambda error: self.tell(str(error), "error"))))
