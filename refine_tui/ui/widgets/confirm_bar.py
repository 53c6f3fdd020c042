"""A second key for something red, with a grace in which keys typed in flight do nothing."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.widgets import Static

from refine_tui.ui.paint.ink import ink

QUIET_S = 0.45
"""Seconds without a key before the answer counts."""
CEILING_S = 1.5
"""Seconds after which it counts even if keys never stopped."""


class ConfirmBar(Static, can_focus=True):
    """Waits for one key; every other key closes it. Keys within the grace are swallowed and prolong it."""

    DEFAULT_CSS = """
    ConfirmBar { height: auto; display: none; background: $error; color: $foreground; text-style: bold; }
    ConfirmBar.-open { display: block; }
    ConfirmBar:ansi { background: ansi_default; }
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__("", id="confirm", markup=False)
        self._clock = clock
        self._key = ""
        self._then: Callable[[], None] | None = None
        self._opened_at = self._last_key_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it waits for the key."""
        return self.has_class("-open")

    def ask(self, text: str, key: str, then: Callable[[], None]) -> None:
        """Open; `key` is what confirms, and `then` is called once it was pressed."""
        self._key, self._then = key, then
        self._opened_at = self._last_key_at = self._clock()
        self.update(ink((" !! ", "bold reverse $error"), (f" {text}", "bold"), f"  {key} again: yes   esc: no"))
        self.add_class("-open")
        self.focus()

    def close(self) -> None:
        """Close without consent."""
        if self.is_open:
            self.remove_class("-open")
            self.screen.set_focus(None)

    def on_key(self, event: events.Key) -> None:
        """Take every key while open."""
        if not self.is_open:
            return
        event.stop()
        event.prevent_default()
        now = self._clock()
        in_flight = now - self._last_key_at < QUIET_S and now - self._opened_at < CEILING_S
        self._last_key_at = now
        if in_flight and event.key != "escape":
            return
        self.close()
        if event.key == self._key and self._then is not None:
            self._then()

    def on_blur(self) -> None:
        """Going elsewhere is a no."""
        self.remove_class("-open")
