from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from refine_tui.llama.client import LlamaGenerator


def beside(name: str) -> ModuleType:
    """Load a module that lies beside this file; test folders are no packages."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"llama_tests_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def no_file_left_open() -> Iterator[None]:
    """Close what `llama_cpp` opens when it is imported and never closes."""
    yield
    if module := sys.modules.get("llama_cpp._utils"):
        module.outnull_file.close()
        module.errnull_file.close()


@pytest.fixture(scope="session")
def tiny_gguf() -> Any:
    """The module that writes small GGUF files."""
    return beside("tiny_gguf")


@pytest.fixture(scope="session")
def tiny(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model that never ends by itself."""
    path: Path = tiny_gguf.write_tiny(tmp_path_factory.mktemp("models") / "tiny.gguf", endless=True)
    return path


@pytest.fixture(scope="session")
def long_tiny(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a context of 8,192 tokens."""
    path: Path = tiny_gguf.write_tiny(tmp_path_factory.mktemp("models") / "long.gguf", endless=True, context=8192)
    return path


@pytest.fixture(scope="session")
def ending_tiny(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model that ends now and then."""
    path: Path = tiny_gguf.write_tiny(tmp_path_factory.mktemp("models") / "ending.gguf")
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., LlamaGenerator]]:
    """Make generators that are closed after the test; on the CPU where nothing else is asked for, so that they say the same everywhere."""
    made: list[LlamaGenerator] = []

    def make(model: Path, **options: Any) -> LlamaGenerator:
        made.append(LlamaGenerator(model, log_file=tmp_path / "worker.log", threads=1, **{"gpu_layers": 0, **options}))
        return made[-1]

    yield make
    for generator in made:
        generator.close()


@pytest.fixture(scope="module")
def warm(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaGenerator]:
    """One running generator for the tests of a module that do not care what it did before."""
    with LlamaGenerator(tiny, log_file=tmp_path_factory.mktemp("log") / "worker.log", threads=1, gpu_layers=0) as generator:
        yield generator
