"""What only a machine with a GPU can show; skipped on all others. The same ways without one are in test_llama_offload."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refine_tui.llama.client import LlamaGenerator
from refine_tui.llama.devices import devices
from refine_tui.loop.ports.thinking import Completion, Delta, Request, Sampling

pytestmark = pytest.mark.skipif(not any(device.is_gpu for device in devices()), reason="this machine has no GPU")
GREEDY = Sampling(temperature=0)
Start = Callable[..., LlamaGenerator]


def never() -> bool:
    return False


def texts(generator: LlamaGenerator, request: Request) -> list[str]:
    done = [event for event in generator.complete(request, never) if isinstance(event, Completion)]
    return [one.text for one in sorted(done, key=lambda one: one.index)]


@pytest.fixture
def there(long_tiny: Path, start: Start) -> LlamaGenerator:
    generator = start(long_tiny, gpu_layers=None)
    generator.load()
    return generator


def test_every_layer_goes_there_and_is_told(there: LlamaGenerator) -> None:
    loaded = there.load()
    assert loaded.layers_offloaded == loaded.layers == 2
    assert "2 of 2 layers" in loaded.device
    assert loaded.warnings == ()
    (gpu, *_) = [device for device in loaded.devices if device.is_gpu]
    assert gpu.description in loaded.device
    assert 0 < gpu.free_bytes <= gpu.total_bytes


def test_a_gpu_that_is_not_wanted_is_left_alone(long_tiny: Path, start: Start) -> None:
    loaded = start(long_tiny).load()
    assert (loaded.layers_offloaded, loaded.device) == (0, "CPU, 1 thread")


def test_it_finds_the_same_likely_as_the_cpu(there: LlamaGenerator, long_tiny: Path, start: Start) -> None:
    lines = [" return width", "(self)", "x = 1\n" * 100, ""]
    here = start(long_tiny).score("def area(width):", lines, never)
    assert there.score("def area(width):", lines, never) == pytest.approx(here, rel=0.02, abs=0.05)


def test_candidates_share_a_prompt_and_can_be_gone_on_from(there: LlamaGenerator) -> None:
    prompt = "Q" * 600
    request = Request(prompt, 4, 20, Sampling(1.0, seed=3), grammar="root ::= [ -~]+")
    first = texts(there, request)
    assert there.stats().counters.computed == 600
    assert texts(there, request) == first, "equal requests, equal texts"
    for text in first:
        texts(there, Request(prompt + text + "ZZ", max_tokens=3))
    assert there.stats().counters.computed == 600 + 4 * 3


def test_what_does_not_fit_comes_back_from_memory(there: LlamaGenerator) -> None:
    prompts = [letter * 7000 for letter in "ABC"]
    request = Request(prompts[0], max_tokens=8, sampling=GREEDY)
    first = texts(there, request)
    for prompt in prompts[1:]:
        texts(there, Request(prompt, max_tokens=8))
    assert there.stats().counters.saved
    assert texts(there, request) == first
    assert there.stats().counters.computed == 3 * 7000
    assert there.stats().counters.restored


def test_copies_are_guessed(tiny_gguf: Any, tmp_path: Path, start: Start) -> None:
    path = tmp_path / "chain.gguf"
    order = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    names = tiny_gguf.vocabulary()
    after = {names.index(a): names.index(b) for a, b in zip(order, order[1:] + order[0], strict=True)}
    path.write_bytes(tiny_gguf.chain_model(lambda last, following: 20.0 if after.get(last) == following else 0.0))
    generator = start(path, gpu_layers=None)
    assert generator.load().layers_offloaded
    (text,) = texts(generator, Request("9", 1, 180, GREEDY, copied=order * 5))
    assert text == order * 5
    assert generator.stats().counters.decodes < 20


def test_a_cancel_ends_it_and_it_goes_on(there: LlamaGenerator) -> None:
    events = there.complete(Request("def", max_tokens=7000), never)
    assert isinstance(next(events), Delta)
    there.cancel()
    (*_, last) = events
    assert isinstance(last, Completion)
    assert last.reason == "cancelled"
    assert [part.reason for part in there.complete(Request("x = 1\n" * 1000), lambda: True) if isinstance(part, Completion)] == [
        "cancelled"
    ]
    assert len(texts(there, Request("def", 3, 5))) == 3
