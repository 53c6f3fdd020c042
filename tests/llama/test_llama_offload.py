"""The way to a GPU, walked without one: llama.cpp's RPC backend offers this machine's own CPU as a device that calls itself a GPU."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from refine_tui.llama.client import LlamaGenerator
from refine_tui.loop.ports.thinking import Completion, Request, Sampling

DEVICE = Path(__file__).with_name("rpc_device.py")
# Every Python that finds it on its path reads it; only the worker may act on it, for a debugger has a Python in it too.
JOINING = """
import os, sys
if any("refine_tui.llama.worker" in word for word in sys.orig_argv):
    os.environ["GGML_NO_BACKTRACE"] = "1"
    sys.path.insert(0, {folder!r})
    import rpc_device
    rpc_device.join({endpoint!r}, {libraries!r})
"""
Start = Callable[..., LlamaGenerator]


def library_folder() -> Path:
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    return Path(os.environ.get("LLAMA_CPP_LIB_PATH") or Path(spec.origin).parent / "lib")


@pytest.fixture
def device(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process that computes. It serves one worker at a time."""
    if not any("ggml-rpc" in path.name for path in library_folder().iterdir()):
        required = os.environ.get("REFINE_TUI_REQUIRE_LEVELS")
        (pytest.fail if required else pytest.skip)("this build of llama.cpp has no RPC backend; `make engine` makes one that has")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    endpoint = f"127.0.0.1:{port}"
    joining = JOINING.format(folder=str(DEVICE.parent), endpoint=endpoint, libraries=str(library_folder()))
    (tmp_path / "sitecustomize.py").write_text(joining)
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen([sys.executable, str(DEVICE), endpoint, str(library_folder())], stdout=log, stderr=log)
    try:
        wait_for(server, port)
        yield server
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def start_there(device: subprocess.Popen[bytes], start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Make generators whose worker knows the device, and load them."""

    def make(model: Path, **options: int) -> LlamaGenerator:
        generator = start(model, **{"gpu_layers": None, **options})
        with monkeypatch.context() as changed:
            changed.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
            generator.load()
        return generator

    return make


def wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    """Return when the port answers."""
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.02)
            pytest.fail("the RPC server ended")


def written(generator: LlamaGenerator, count: int = 1) -> list[str]:
    request = Request("def area(width, height):", count=count, max_tokens=24, sampling=Sampling(temperature=0.0 if count == 1 else 0.8))
    parts = generator.complete(request, lambda: False)
    return [part.text for part in sorted((part for part in parts if isinstance(part, Completion)), key=lambda part: part.index)]


def test_layers_go_to_the_gpu_and_the_text_stays_the_same(start: Start, start_there: Start, tiny: Path) -> None:
    on_cpu, offloaded = start(tiny), start_there(tiny)
    here, there = on_cpu.load(), offloaded.load()
    assert (here.layers_offloaded, there.layers_offloaded) == (0, there.layers)
    assert here.device.startswith("CPU")
    assert "2 of 2 layers" in there.device
    assert any(device.is_gpu for device in there.devices)
    assert written(offloaded) == written(on_cpu)
    assert written(offloaded, 4) == written(on_cpu, 4)
    texts = [" return width", " return height"]
    scores = [generator.score("def f():", texts, lambda: False) for generator in (offloaded, on_cpu)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_some_layers_on_the_gpu_are_told_as_some(start: Start, start_there: Start, tiny_gguf: Any, tmp_path: Path) -> None:
    model = tiny_gguf.write_tiny(tmp_path / "four.gguf", endless=True, layers=4)
    partly = start_there(model, gpu_layers=3)  # llama.cpp counts the output as a layer, and takes it first
    assert partly.load().layers_offloaded == 2
    assert "2 of 4 layers" in partly.load().device
    assert written(partly) == written(start(model))


def test_a_gpu_that_is_not_wanted_is_left_alone(start_there: Start, tiny: Path) -> None:
    loaded = start_there(tiny, gpu_layers=0).load()
    assert loaded.layers_offloaded == 0
    assert loaded.device.startswith("CPU")


def test_a_cancelled_prompt_leaves_a_gpu_that_goes_on(start: Start, start_there: Start, long_tiny: Path) -> None:
    generator = start_there(long_tiny)
    request = Request("x = 1\n" * 1000, max_tokens=4)
    assert [part.reason for part in generator.complete(request, lambda: True) if isinstance(part, Completion)] == ["cancelled"]
    assert written(generator) == written(start(long_tiny))


def test_a_gpu_that_goes_away_is_an_error_and_not_the_end(device: subprocess.Popen[bytes], start_there: Start, tiny: Path) -> None:
    generator = start_there(tiny)
    device.kill()
    device.wait()
    written(generator)
    assert generator.load().layers_offloaded == 0
