"""What a front end can choose from: models that are here, servers, no model, and those that can be fetched."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

from refine_tui.core.errors import ModelError, UsageError
from refine_tui.loop.ports import thinking
from refine_tui.loop.ports.choosing import Ask, Choice, Fetched, Fetching
from refine_tui.models.cards import Card
from refine_tui.models.description import ModelFile, UnusableFile
from refine_tui.models.memory import WORKER_BYTES, available_bytes, needed_bytes
from refine_tui.models.pulling import Pulled, Puller
from refine_tui.models.registry import NO_MODEL, Registry, is_address

Tell = Callable[[str], None]
Open = Callable[[str], thinking.Generator | None]
Join = Callable[[Ask, Tell], tuple[Puller, Open]]
"""Returns what fetches models and what opens them, both of which may ask for a key."""


class ModelShelf:
    """The registry's models with what they need, and the ways to more of them. Keys are asked for once a session."""

    def __init__(self, registry: Registry, join: Join, wish: str = "") -> None:
        """Take the model that the program was started with; empty: the one in use."""
        self._registry, self._wish = registry, wish
        self._ask: Ask = lambda _question: ""
        self._tell: Tell = lambda _sentence: None
        self._puller, self._open = join(lambda question: self._ask(question), lambda sentence: self._tell(sentence))
        self._servers: dict[str, None] = {}

    def listen(self, ask: Ask, tell: Tell) -> None:
        """Take how a user is asked for a key, and told why."""
        self._ask, self._tell = ask, tell

    def free_bytes(self) -> int | None:
        """Return the memory that is free now."""
        return available_bytes()

    def choices(self) -> tuple[Choice, ...]:
        """Return what can be chosen. Raises as `Registry.cards`."""
        free, found = available_bytes(), self._registry.list()
        here = {model.card.name for model in found if isinstance(model, ModelFile)}
        chosen = self._registry.chosen()
        servers = dict.fromkeys([*self._servers, *([chosen] if chosen and is_address(chosen) else [])])
        awaited = self._awaited()
        return (
            *(replace(_here(model, free), is_awaited=str(model.path) == awaited) for model in found),
            *(Choice(address, "server", address, is_awaited=address == awaited) for address in servers),
            Choice(NO_MODEL, "none"),
            *(_card(card, free) for card in self._registry.cards if card.name not in here),
        )

    def _awaited(self) -> str:
        """Return the path or address of the model that is loaded with the first task; empty: there is none."""
        wanted = self._wish or self._registry.chosen() or ""
        if wanted == NO_MODEL or is_address(wanted):
            return wanted
        try:
            return str(self._registry.resolve(wanted or None).path)
        except ModelError:
            return ""

    def add(self, file: str) -> str:
        """Make a file of the user's a model. Raises as `Registry.add`."""
        if not file.endswith(".gguf"):
            raise UsageError(f"{file} is no .gguf file. Name the file itself, as in ~/models/coder.gguf.")
        return self._registry.add(Path(file)).name

    def fetch(self, wanted: str) -> Generator[Fetching | Fetched, None, None]:
        """Fetch a model. Raises as `Puller.pull`."""
        for event in self._puller.pull(wanted):
            if isinstance(event, Pulled):
                yield Fetched(event.model.name, event.sha256, event.checked)
            else:
                yield Fetching(event.file, event.done_bytes, event.total_bytes, event.rate, event.left_s, event.note)

    def open(self, wish: str) -> thinking.Generator | None:
        """Return a model that is not loaded yet. Raises as the port says."""
        opened = self._open(wish)
        if is_address(wish):
            self._servers[wish] = None
        return opened

    def keep(self, wish: str) -> None:
        """Remember a choice for the next start. Raises as `Registry.use`."""
        self._registry.use(wish)


def _here(model: ModelFile | UnusableFile, free: int | None) -> Choice:
    if isinstance(model, UnusableFile):
        return Choice(model.name, "broken", str(model.path), note=model.reason)
    needed = needed_bytes(model.header, model.usable_context_tokens)
    return Choice(
        model.name,
        "file",
        str(model.path),
        model.architecture or "",
        model.quantisation or "",
        model.size_bytes,
        needed,
        None if free is None else needed <= free,
        model.licence or "",
        model.context_tokens or 0,
        model.profile,
        model.card.source,
        model.card.note,
    )


def _card(card: Card, free: int | None) -> Choice:
    file = card.files[0] if card.files else None
    size = file.size_bytes if file else None
    needed = size + WORKER_BYTES if size is not None else None
    return Choice(
        card.name,
        "card",
        quantisation=file.quantisation if file else "",
        size_bytes=size,
        needed_bytes=needed,
        # A file as large as this does not fit; whether a smaller one does is known once its header is here.
        fits=False if needed is not None and free is not None and needed > free else None,
        licence=card.licence,
        context_tokens=card.context_tokens or 0,
        profile=card.profile,
        source=card.source,
        note=card.note or card.title,
    )
