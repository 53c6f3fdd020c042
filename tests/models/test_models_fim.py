"""The marks for filling in the middle, as vocabularies have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refine_tui.bootstrap_models import profile_of
from refine_tui.loop.ports.thinking import FillMarks, ModelInfo
from refine_tui.models.fim_marks import FAMILIES, fill_marks
from refine_tui.models.gguf_header import read_header


def with_tokens(tiny_gguf: Any, folder: Path, tokens: list[str]) -> Path:
    metadata = tiny_gguf.tiny_metadata()
    vocabulary = metadata["tokenizer.ggml.tokens"]
    metadata["tokenizer.ggml.tokens"] = [*vocabulary[: len(vocabulary) - len(tokens)], *tokens]
    path = folder / "fim.gguf"
    path.write_bytes(tiny_gguf.gguf_bytes(metadata, [("token_embd.weight", (4, 8), bytes(128))]))
    return path


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.prefix)
def test_each_family_is_found_in_the_vocabulary_of_a_file(family: FillMarks, tiny_gguf: Any, tmp_path: Path) -> None:
    tokens = [mark for mark in (family.prefix, family.suffix, family.middle) if mark]
    path = with_tokens(tiny_gguf, tmp_path, tokens)
    assert fill_marks(read_header(path).marks) == family
    info = ModelInfo("m", str(path), "llama", "F32", 1, 512, "CPU", profile="fim")
    assert profile_of(info).name == "fim"


def test_half_a_family_is_none() -> None:
    assert fill_marks({b"<|fim_prefix|>", b"<fim_suffix>", b"<|fim_middle|>"}) is None


def test_a_file_without_the_marks_is_asked_to_rewrite(tiny_gguf: Any, tmp_path: Path) -> None:
    path = with_tokens(tiny_gguf, tmp_path, ["x"])
    assert profile_of(ModelInfo("m", str(path), "llama", "F32", 1, 512, "CPU", profile="fim")).name == "scope-rewrite"
