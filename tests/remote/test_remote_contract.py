"""The contract every `Generator` keeps, kept over HTTP too: by a server that tells everything, and by one that tells little."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refine_tui.loop.ports.thinking import Generator
from refine_tui.remote.client import RemoteGenerator
from tests.llama import test_llama_contract as contract
from tests.remote.scripted_server import Scripted


@pytest.fixture(params=["together", "one by one"])
def generator(request: pytest.FixtureRequest, scripted: Scripted, remote: Callable[..., RemoteGenerator]) -> Generator:
    scripted.together = request.param == "together"
    return remote()


globals().update({name: test for name, test in vars(contract).items() if name.startswith("test_")})
