"""Tests that reach for the network, eat memory, or write over the report: each is told apart, and harms only itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from refine_tui.core.isolation import Limits
from refine_tui.core.patch import Patch
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import Make, base_of, never, outcomes, write

NETWORK = """
import socket


def test_here():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), 5).close()


def test_there():
    socket.create_connection(("192.0.2.1", 80), 5)
"""


def test_a_test_that_wants_the_network_is_told_apart(tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    base = base_of(evaluator(write(tmp_path / "net", test_net=NETWORK), isolated_sandbox))
    assert outcomes(base.suite) == {"test_here": "passed", "test_there": "failed"}
    assert base.suite.limited == ("test_net.py::test_there wants the network",)


BOMB = """
def test_bomb():
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def test_other():
    pass
"""


@pytest.mark.parametrize("warm", [True, False])
def test_a_memory_bomb_ends_alone(warm: bool, tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    limits = Limits(memory_bytes=300 << 20)
    running = evaluator(write(tmp_path / "bomb", test_bomb=BOMB), isolated_sandbox, warm=warm, limits=limits)
    result = running.run(Patch(), ["test_bomb.py::test_bomb", "test_bomb.py::test_other"], never, limit_s=30)
    assert outcomes(result) == {"test_bomb": "error", "test_other": "passed"}
    assert "memory" in result.cases[0].message
    assert result.warm is warm


FLOOD = """
import os


def test_flood():
    for number in range(3, 30):
        try:
            for _ in range(4_000):
                os.write(number, b"{" + b"x" * 5000)
        except OSError:
            pass


def test_forks_and_goes_on():
    os.fork()
"""


def test_noise_on_the_report_and_a_forked_runner_do_no_harm(tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    running = evaluator(write(tmp_path / "flood", test_flood=FLOOD), isolated_sandbox, test_limit_s=2.0)
    running.run(Patch(), ["test_flood.py::test_flood"], never, limit_s=20)
    for _ in range(2):
        result = running.run(Patch(), ["test_flood.py::test_forks_and_goes_on"], never, limit_s=20)
        assert outcomes(result) == {"test_forks_and_goes_on": "passed"}
        assert result.warm
