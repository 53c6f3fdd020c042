"""The part of the composition root that joins models: the registry, downloads, the engine, and servers in its place. Imports late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from refine_tui.core.errors import ModelError, SafetyError, UsageError

if TYPE_CHECKING:
    from refine_tui.bootstrap_settings import Places
    from refine_tui.core.settings import Settings
    from refine_tui.loop.ports.choosing import Shelf
    from refine_tui.loop.ports.reaching import Keys
    from refine_tui.loop.ports.thinking import Generator, ModelInfo, Profile
    from refine_tui.models.pulling import Puller
    from refine_tui.models.registry import Registry
    from refine_tui.network.door import Door
    from refine_tui.remote.client import RemoteGenerator


def make_registry(places: Places) -> Registry:
    """Return the models on this machine."""
    from refine_tui.models.registry import Registry

    return Registry(places.data / "models", user_config=places.config)


def make_door(settings: Settings) -> Door:
    """Return the way to other machines, shut when offline."""
    from refine_tui.network.door import Door

    return Door(offline=settings.offline, plain_http=settings.plain_http)


def make_puller(settings: Settings, places: Places, ask: Callable[[str], str] | None, tell: Callable[[str], None]) -> Puller:
    """Return what fetches models; `ask` gets a key from the user, `None` when nobody is there."""
    from refine_tui.models.download import Way
    from refine_tui.models.pulling import Puller
    from refine_tui.network.keys import Keys

    return Puller(make_registry(places), Way(make_door(settings).open, Keys(ask, tell)))


def make_shelf(settings: Settings, places: Places, wish: str = "") -> Shelf:
    """Return what a front end chooses models from, when started with `wish`; keys it asks for are kept for the session."""
    from refine_tui.models.download import Way
    from refine_tui.models.pulling import Puller
    from refine_tui.models.shelf import ModelShelf
    from refine_tui.network.keys import Keys

    registry = make_registry(places)

    def join(ask: Callable[[str], str], tell: Callable[[str], None]) -> tuple[Puller, Callable[[str], Generator | None]]:
        keys = Keys(ask, tell)
        puller = Puller(registry, Way(make_door(settings).open, keys))
        return puller, lambda wish: make_generator(wish, settings, places, keys)[0]

    return ModelShelf(registry, join, wish or settings.model)


def make_generator(wish: str, settings: Settings, places: Places, keys: Keys | None = None) -> tuple[Generator | None, str]:
    """Return the model that was wished for, or `None` with the reason; a wish that cannot be met at all is an error.

    Raises:
        ModelError: a named model does not exist, or its server cannot be used.
        UsageError, SafetyError: a server's address is none, or must not be contacted.
    """
    from refine_tui.models.registry import NO_MODEL, is_address

    registry = make_registry(places)
    wanted = wish or registry.chosen() or ""
    if wanted == NO_MODEL:
        return None, "none was asked for"
    try:
        if is_address(wanted):
            generator = make_remote(wanted, settings, keys)
            if wish:
                generator.load()
            return generator, ""
        found = registry.resolve(wanted or None)
        registry.require_memory(found)
    except (ModelError, UsageError, SafetyError) as error:
        if wish:
            raise
        return None, str(error)
    from refine_tui.llama.client import LlamaGenerator

    places.log.mkdir(parents=True, exist_ok=True)
    log = places.log / "model.log"
    return LlamaGenerator(found.path, log_file=log, name=found.name, profile=found.profile, gpu_layers=settings.gpu_layers), ""


def make_remote(address: str, settings: Settings, keys: Keys | None = None) -> RemoteGenerator:
    """Return the model on a server, which is not contacted yet.

    Raises:
        UsageError, SafetyError: it is no address, or must not be contacted, or the key at hand is none.
    """
    from refine_tui.network.keys import Keys
    from refine_tui.remote.address import parse_server
    from refine_tui.remote.client import RemoteGenerator
    from refine_tui.remote.exchange import KEY_VARIABLE

    server, door, keys = parse_server(address), make_door(settings), keys or Keys()
    door.check(server.base)
    keys.at_hand(server.host, KEY_VARIABLE)
    return RemoteGenerator(server, door.open, keys)


def profile_of(info: ModelInfo) -> Profile:
    """Return how a loaded model is asked; the marks for filling in the middle are those that its own vocabulary has."""
    from refine_tui.models.fim_marks import fill_marks
    from refine_tui.models.gguf_header import read_header
    from refine_tui.prompting.profiles import profile_for

    marks = fill_marks(read_header(Path(info.path)).marks) if info.profile == "fim" and info.path else None
    return profile_for(info, marks)
