"""What a loaded model says of its own first and last token, which its chat template may write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from refine_tui.llama.client import LlamaGenerator


def test_the_first_and_the_last_token_are_told_as_they_are_written(
    tiny_gguf: Any, tmp_path: Path, start: Callable[..., LlamaGenerator]
) -> None:
    fields = {"tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.add_bos_token": True, "tokenizer.chat_template": "{{ bos_token }}"}
    info = start(tiny_gguf.write_tiny(tmp_path / "marked.gguf", fields=fields)).load()
    assert (info.bos_token, info.eos_token, info.adds_bos, info.chat_template) == ("<|code|>", "<|end|>", True, "{{ bos_token }}")
