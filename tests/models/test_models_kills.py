"""A download whose process is killed anywhere goes on in the next one, and ends in the same bytes."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.file_server import Served
from tests.network.loopback import Exchange, serving

CHECKOUT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("killed_pull.py")


def start(folder: Path, url: str, step: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(SCRIPT), str(folder), f"{url}/tiny.gguf", str(step)]
    return subprocess.Popen(command, cwd=CHECKOUT, env={"PYTHONPATH": str(CHECKOUT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> int:
    _, said = process.communicate(timeout=200)
    assert process.returncode in (0, -9), said.decode()
    return process.returncode


def whole(folder: Path, data: bytes) -> None:
    target = folder / "user" / "tiny.gguf"
    assert target.read_bytes() == data
    assert {path.name for path in target.parent.iterdir()} <= {"tiny.gguf", "tiny.toml", "tiny.gguf.part.json"}


@pytest.mark.parametrize("places", [[1, 200_000, 200_001], pytest.param([], marks=pytest.mark.slow)])
def test_killed_while_bytes_arrive_it_goes_on_from_there(places: list[int], tmp_path: Path, tiny: Path) -> None:
    """The server stops at a place and kills the client that waits for more."""
    data = tiny.read_bytes()
    served = Served(data)
    places = places or sorted(random.Random(3).sample(range(len(data)), 60))
    waiting, running = list(places), list[subprocess.Popen[bytes]]()

    def deadly(exchange: Exchange) -> bool:
        at = served._start(exchange) or 0
        if not waiting:
            return False
        place = max(at, waiting.pop(0))
        headers = {"ETag": served.etag, "Content-Length": len(data) - at}
        headers |= {"Content-Range": f"bytes {at}-{len(data) - 1}/{len(data)}"} if at else {}
        exchange.send(206 if at else 200, headers, data[at:place])
        served.sent += place - at
        while running[-1].poll() is None and kept(tmp_path) < place:
            exchange.server.left.wait(0.005)
        running[-1].kill()
        return True

    served.before = deadly
    with serving(served) as server:
        for _ in range(len(places) + 1):
            running.append(start(tmp_path, server.url))
            finish(running[-1])
    whole(tmp_path, data)
    assert served.sent == len(data), "no byte was sent twice"


def kept(folder: Path) -> int:
    part = folder / "user" / "tiny.gguf.part"
    return part.stat().st_size if part.exists() else 0


@pytest.mark.parametrize("steps", [[2, 5], pytest.param(range(1, 40), marks=pytest.mark.slow)])
def test_killed_at_any_step_on_the_disk_it_ends_in_the_same_bytes(steps: list[int], tmp_path: Path, tiny: Path) -> None:
    data = tiny.read_bytes()
    for step in steps:
        folder = tmp_path / str(step)
        served = Served(data, breaks=[100_000])
        with serving(served) as server:
            killed = finish(start(folder, server.url, step)) == -9
            finished = (folder / "user" / "tiny.gguf").exists()
            if finished:
                whole(folder, data)
            else:
                assert finish(start(folder, server.url)) == 0
                whole(folder, data)
        if not killed:
            assert finished
            return
    assert list(steps) == [2, 5], "every step was reached"
