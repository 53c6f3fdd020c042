from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from refine_tui.network.door import Door
from refine_tui.network.keys import Keys
from refine_tui.remote import client
from refine_tui.remote.address import parse_server
from refine_tui.remote.client import RemoteGenerator
from tests.network.loopback import LoopbackServer, serving
from tests.remote.scripted_server import Scripted

Connect = Callable[..., RemoteGenerator]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def server(scripted: Scripted) -> Iterator[LoopbackServer]:
    with serving(scripted) as running:
        yield running


@pytest.fixture
def remote(server: LoopbackServer) -> Iterator[Connect]:
    """Make generators on the scripted server; they are closed after the test."""
    made: list[RemoteGenerator] = []

    def make(name: str = "coder", *, door: Door | None = None, keys: Keys | None = None) -> RemoteGenerator:
        address = parse_server(f"{server.url}/v1#{name}")
        made.append(RemoteGenerator(address, (door or Door()).open, keys or Keys(environment={})))
        return made[-1]

    yield make
    for generator in made:
        generator.close()
