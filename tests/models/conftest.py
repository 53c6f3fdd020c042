from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tiny_gguf() -> Any:
    """The module that writes small GGUF files; it lies with the tests of the engine."""
    path = Path(__file__).parents[1] / "llama" / "tiny_gguf.py"
    spec = importlib.util.spec_from_file_location("models_tests_tiny_gguf", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model."""
    path: Path = tiny_gguf.write_tiny(tmp_path_factory.mktemp("models") / "tiny.gguf")
    return path
