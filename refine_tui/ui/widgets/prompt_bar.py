"""One or two lines of input at the bottom of a screen. It opens only because the user pressed a key for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from refine_tui.ui.paint.ink import ink


class PromptBar(Vertical):
    """Asks for text. Enter answers, Escape closes and loses nothing but the text."""

    DEFAULT_CSS = """
    PromptBar { height: auto; display: none; }
    PromptBar.-open { display: block; }
    PromptBar Input { height: 1; border: none; padding: 0 1; }
    PromptBar Static { height: 1; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "close", id="prompt.close")]

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self._fields: tuple[str, ...] = ()
        self._then: Callable[[tuple[str, ...]], None] | None = None

    def compose(self) -> ComposeResult:
        """Hold the question and up to two inputs."""
        yield Static("", markup=False, id="question")
        yield Input(id="first", compact=True)
        yield Input(id="second", compact=True)

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer."""
        return self.has_class("-open")

    def ask(self, title: str, fields: Sequence[str], then: Callable[[tuple[str, ...]], None], *, secret: bool = False) -> None:
        """Open with one or two fields, given by what they should hold; `then` gets the answers, the first never empty.

        What is typed into the first is not shown when it is `secret`.
        """
        self._fields, self._then = tuple(fields), then
        self.query_one("#question", Static).update(ink((f"{title}   ", "bold"), ("enter sends   esc closes", "$diff-number")))
        for field, placeholder in zip(("#first", "#second"), (*fields, ""), strict=False):
            input = self.query_one(field, Input)
            input.value, input.placeholder = "", placeholder
            input.display = bool(placeholder)
        self.query_one("#first", Input).password = secret
        self.add_class("-open")
        self.query_one("#first", Input).focus()

    def close(self) -> None:
        """Close without an answer."""
        if self.is_open:
            self.remove_class("-open")
            self.screen.set_focus(None)

    def action_close(self) -> None:
        """Close on Escape."""
        self.close()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        second = self.query_one("#second", Input)
        if event.input.id == "first" and len(self._fields) > 1:
            second.focus()
            return
        values = tuple(self.query_one(field, Input).value.strip() for field in ("#first", "#second"))[: len(self._fields)]
        self.query_one("#first", Input).value = ""
        self.close()
        if values[0] and self._then is not None:
            self._then(values)
