"""The model that ships, found by the registry and run by the worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.llama.client import LlamaGenerator
from refine_tui.loop.ports.thinking import Completion, Request, Sampling
from refine_tui.models.description import ModelFile
from refine_tui.models.registry import Registry
from refine_tui.prompting.line_edit import END, render_edit, render_prompt

BROKEN = (
    "def largest(values):",
    "    best = values[0]",
    "    for value in values:",
    "        if value < best:",
    "            best = value",
    "    return best",
)
RIGHT = (*BROKEN[:3], "        if value > best:", *BROKEN[4:])
NONSENSE = (*BROKEN[:3], "        qq ]] 0x zz", *BROKEN[4:])


def never() -> bool:
    return False


@pytest.fixture
def shipped(tmp_path: Path) -> ModelFile:
    registry = Registry(tmp_path / "none", user_config=tmp_path)
    if not list(registry.packaged_dir.glob("*.gguf")):
        pytest.skip("this checkout has no model that ships")
    return registry.shipped()


def test_it_is_what_its_header_says(shipped: ModelFile, start: Callable[..., LlamaGenerator], tmp_path: Path) -> None:
    Registry(tmp_path, user_config=tmp_path).require_memory(shipped)
    loaded = start(shipped.path, name=shipped.name, profile=shipped.profile).load()
    assert (loaded.name, loaded.architecture, loaded.profile) == (shipped.name, shipped.architecture, "line-edit")
    assert loaded.parameters == shipped.parameters
    assert loaded.context_tokens == shipped.context_tokens
    assert loaded.warnings == ()


def test_it_prefers_a_repair_to_nonsense_and_computes_common_beginnings_once(
    shipped: ModelFile, start: Callable[..., LlamaGenerator]
) -> None:
    generator = start(shipped.path)
    edits = [render_edit(BROKEN, new) for new in (RIGHT, NONSENSE)]
    right, nonsense = generator.score(render_prompt(BROKEN), edits, never)
    assert right > nonsense
    assert generator.usage().reused > 0


def test_its_answers_end_before_the_end_mark(shipped: ModelFile, start: Callable[..., LlamaGenerator]) -> None:
    request = Request(render_prompt(BROKEN), count=4, max_tokens=60, sampling=Sampling(seed=1), stop=(END,))
    done = [event for event in start(shipped.path).complete(request, never) if isinstance(event, Completion)]
    assert len(done) == 4
    assert not any(END in completion.text for completion in done)
