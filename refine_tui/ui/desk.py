"""What all screens share: the session, the present moment, and the last thing that was said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from refine_tui.loop.state import State
from refine_tui.ui.live import Live
from refine_tui.ui.messages import Tell
from refine_tui.ui.session_port import SessionPort


@dataclass
class Desk:
    """Written by the app, read by the screens."""

    session: SessionPort
    clock: Callable[[], float]
    """Seconds that only ever grow."""
    demo: bool = False
    live: Live = field(default_factory=Live)
    notice: Tell | None = None
    paused: bool = False
    """The user cancelled; nothing more of the queue is begun until asked."""

    @property
    def state(self) -> State:
        """The session's present state."""
        return self.session.state()
