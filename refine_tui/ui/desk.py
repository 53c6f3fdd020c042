"""What all screens share: the session, the present moment, and the last thing that was said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from refine_tui.loop.session.state import State
from refine_tui.ui.live import Live
from refine_tui.ui.messages import Tell
from refine_tui.ui.session_port import SessionPort

KEPT_NOTICES = 20


@dataclass
class Desk:
    """Written by the app, read by the screens."""

    session: SessionPort
    clock: Callable[[], float]
    """Seconds that only ever grow."""
    demo: bool = False
    live: Live = field(default_factory=lambda: Live(jobs=("opening",)))
    """What goes on. The first paint says that it begins, before anything has begun."""
    notices: list[Tell] = field(default_factory=list)
    """What was said and not dismissed, the latest last, at most `KEPT_NOTICES`."""
    paused: bool = False
    """The user cancelled; nothing more of the queue is begun until asked."""

    def say(self, tell: Tell) -> None:
        """Say something. A plain remark makes room for the next; warnings and errors stay until they are dismissed."""
        earlier = [told for told in self.notices if told.severity != "information" and told != tell]
        self.notices = [*earlier, tell][-KEPT_NOTICES:]

    @property
    def has_waiting_task(self) -> bool:
        """Whether something in the queue could be begun."""
        return any(item.status == "waiting" for item in self.state.queue)

    @property
    def state(self) -> State:
        """The session's present state."""
        return self.session.state()
