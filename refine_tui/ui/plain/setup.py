"""Setup as answers of the dialog: which models there are, and using, adding or fetching one. Nothing else runs meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from refine_tui.core.amounts import size_in_words
from refine_tui.loop.events import Event, Notice
from refine_tui.loop.ports.choosing import Choice, Fetched, Shelf
from refine_tui.loop.session.state import State
from refine_tui.ui.paint.model_lines import in_words, is_in_use, kind_in_words, paint_facts
from refine_tui.ui.session_port import Cancelled, SessionPort

STEP = 0.1
"""Share of a file after which its progress is told again."""
Follow = Callable[[Callable[[Cancelled], Iterator[Event]]], bool]
"""Tells what happens until it is over or ctrl+c was pressed."""


class Setup:
    """The models of a shelf, for the session of a dialog."""

    def __init__(self, session: SessionPort, shelf: Shelf, ask: Callable[[str], str], say: Callable[[str], None], follow: Follow) -> None:
        """Join what is chosen from with who chooses.

        Args:
            session: what uses the model.
            shelf: where models are.
            ask: asks for a key, which is not shown; empty for none.
            say: tells a line or several.
            follow: tells events.
        """
        self._session, self._shelf, self._say, self._follow = session, shelf, say, follow
        shelf.listen(ask, say)

    def show(self, wish: str) -> None:
        """Tell which models there are, or all that is known of one."""
        state, free = self._session.state(), self._shelf.free_bytes()
        choices = self._shelf.choices()
        if not wish:
            for one in choices:
                self._say(line_of(one, state))
            self._say(f"{size_in_words(free)} of memory are free." if free is not None else "How much memory is free cannot be told.")
            self._say(
                "models NAME tells more, use NAME or a server's address uses it, fetch NAME or an address fetches it, add FILE adds it."
            )
        elif choice := next((one for one in choices if one.wish == wish), None):
            for row in paint_facts(choice, free):
                self._say(row.plain)
        else:
            self._say(f"{wish} is no model of these: {', '.join(one.wish for one in choices)}.")

    def use(self, wish: str) -> None:
        """Have the session take another model. Raises as `use_model`."""
        choice = next((one for one in self._shelf.choices() if one.wish == wish), None)
        if not wish:
            self._say("Say which one: use NAME, use none, or use http://HOST:PORT/v1#NAME for one on a server")
        elif choice is not None and choice.kind == "card":
            self._say(f"{wish} is not here yet: fetch {wish} brings it.")
        elif choice is not None and choice.kind == "broken":
            self._say(f"{wish} cannot be used: {choice.note}")
        else:
            self._follow(lambda _cancelled: self._session.use_model(self._shelf, wish))
            self._tell_use()

    def add(self, file: str) -> None:
        """Make a file of the user's a model. Raises as `Shelf.add`."""
        if not file:
            self._say("Say which file: add ~/models/coder.gguf")
            return
        name = self._shelf.add(file)
        self._say(f"{name} was added; its file stays where it is. use {name} uses it.")

    def fetch(self, wanted: str, is_sure: Callable[[str], bool]) -> None:
        """Fetch a model; what has arrived is kept whatever ends it. Raises as `Shelf.fetch`.

        Args:
            wanted: the name of a card, or an address.
            is_sure: asks whether one that does not fit into memory is to be fetched all the same.
        """
        if not wanted:
            self._say("Say which one: fetch NAME, or fetch hf:OWNER/REPO/FILE.gguf, or the https address of a file")
            return
        choice = next((one for one in self._shelf.choices() if one.wish == wanted), None)
        needed = size_in_words(choice.needed_bytes) if choice is not None and choice.fits is False else ""
        if needed and not is_sure(f"{wanted} needs at least {needed} of memory, and less is free. Fetch it all the same?"):
            self._say("Nothing was fetched.")
        else:
            self._follow(lambda cancelled: self._fetched(wanted, cancelled))

    def _fetched(self, wanted: str, cancelled: Cancelled) -> Iterator[Event]:
        next_share = 0.0
        with closing(self._shelf.fetch(wanted)) as arriving:
            for event in arriving:
                if isinstance(event, Fetched):
                    yield Notice(f"{event.wish} is here and was checked. use {event.wish} uses it.")
                    return
                share = event.done_bytes / event.total_bytes if event.total_bytes else 0.0
                if event.note or share >= next_share:
                    next_share = share - share % STEP + STEP
                    yield Notice(in_words(event, bar=False))
                if cancelled():
                    yield Notice(f"What has arrived of it is kept: fetch {wanted} goes on from there.")
                    return

    def _tell_use(self) -> None:
        state = self._session.state()
        if state.model is None:
            self._say("No model is in use now; search alone proposes patches.")
            return
        for warning in state.model.warnings:
            self._say(f"Warning: {warning}")


def line_of(choice: Choice, state: State) -> str:
    """Return what is known of a model in a line."""
    parts = [f"{choice.wish}, in use" if is_in_use(choice, state) else choice.wish, kind_in_words(choice)]
    if choice.kind in ("file", "card"):
        needs = f"needs {'at least ' if choice.kind == 'card' else ''}{size_in_words(choice.needed_bytes)}"
        parts += [choice.quantisation, size_in_words(choice.size_bytes), needs if choice.needed_bytes is not None else ""]
        parts += [{True: "fits", False: "TOO BIG for now", None: ""}[choice.fits]]
    return ", ".join(filter(None, parts))
