"""The terminal UI. Importing this room is cheap; Textual is loaded when the UI is opened."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from refine_tui.core.amounts import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refine_tui.core.settings import Settings
    from refine_tui.loop.ports.choosing import Shelf
    from refine_tui.loop.ports.keeping import Watcher
    from refine_tui.loop.session.state import State
    from refine_tui.ui.session_port import SessionPort

__all__ = ["run", "run_plain"]

INTERRUPTED = 130
SWITCH_S = 0.0002
"""Seconds after which a computing thread lets another one have the interpreter."""


def run(
    session: SessionPort,
    *,
    settings: Settings,
    demo: bool = False,
    notices: Sequence[str] = (),
    watcher: Watcher | None = None,
    shelf: Shelf | None = None,
) -> int:
    """Open the UI on a session and return the exit status once the user leaves.

    Args:
        session: what is worked on; the caller closes it.
        settings: only the theme is read here.
        demo: the project is a throw-away copy, and the screen says so.
        notices: sentences the user should read first.
        watcher: started with the UI and stopped with it; `None` when saves are not watched.
        shelf: what Setup chooses models from; without one there is no Setup.
    """
    from refine_tui.ui.app import RefineApp

    # What a library logs must not be written over the screen, nor after it.
    logging.getLogger().addHandler(logging.NullHandler())
    # A key waits for the interpreter several times on its way while the session's thread computes; Python's own interval is 5 ms.
    sys.setswitchinterval(SWITCH_S)
    try:
        status = RefineApp(session, theme=settings.theme, demo=demo, notices=notices, watcher=watcher, shelf=shelf).run() or 0
    except KeyboardInterrupt:
        # Pressed once more while leaving: what still runs loses its processes now.
        session.stop()
        status = INTERRUPTED
    if not demo:
        sys.stdout.write(_farewell(session.state(), "w"))
    return status


def run_plain(
    session: SessionPort,
    *,
    demo: bool = False,
    notices: Sequence[str] = (),
    watcher: Watcher | None = None,
    shelf: Shelf | None = None,
    ask: Callable[[str], str] = lambda _question: "",
) -> int:
    """Work on a session without a screen, over standard input and output, and return the exit status once the user leaves.

    `ask` reads a key that a server of models wants, without showing it; the rest is as in `run`.
    """
    from refine_tui.ui.plain.dialog import Dialog

    status, dialog = 0, Dialog(session, input, print, shelf, ask)
    try:
        if watcher is not None:
            watcher.start(dialog.saw)
        dialog.run(notices)
    except KeyboardInterrupt:
        sys.stdout.write("\n")
        status = INTERRUPTED
    finally:
        if watcher is not None:
            watcher.stop()
    if not demo:
        sys.stdout.write(_farewell(session.state(), "apply"))
    return status


def _farewell(state: State, key: str) -> str:
    """Say what is not written, and what is kept, so that nobody is afraid of leaving. `key` is what writes."""
    opened = [review for review in state.reviews if review.state == "open"]
    undecided, accepted = sum(len(review.undecided) for review in opened), sum(len(review.accepted) for review in opened)
    waiting = sum(item.status in ("waiting", "running") for item in state.queue)
    kept = [counted(undecided, "undecided hunk")] if undecided else []
    kept += [counted(waiting, "waiting task")] if waiting else []
    is_one = accepted == 1
    left = (
        f"{counted(accepted, 'accepted change')} {'is' if is_one else 'are'} not written yet ({key} writes {'it' if is_one else 'them'}).\n"
    )
    return (left if accepted else "") + (f"Kept for the next time: {', '.join(kept)}.\n" if kept else "")
