"""LoRA adapters: they change what is said, each request has its own, and nothing computed under one is used under another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.llama.client import LlamaGenerator
from refine_tui.loop.ports.thinking import Adapter, Completion, Request, Sampling

REQUEST = Request("Q" * 30, 2, 20, Sampling(0.7, seed=2))


def never() -> bool:
    return False


def texts(generator: LlamaGenerator, request: Request) -> list[str]:
    done = [event for event in generator.complete(request, never) if isinstance(event, Completion)]
    return [one.text for one in sorted(done, key=lambda one: one.index)]


@pytest.fixture(scope="module")
def adapters(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Adapter, Adapter]:
    folder = tmp_path_factory.mktemp("adapters")
    for seed in (1, 2):
        (folder / f"{seed}.gguf").write_bytes(tiny_gguf.tiny_adapter(seed))
    return Adapter(str(folder / "1.gguf")), Adapter(str(folder / "2.gguf"))


def test_each_request_has_its_own_adapters_and_without_them_the_model_is_as_before(
    tiny: Path, start: Callable[..., LlamaGenerator], adapters: tuple[Adapter, Adapter]
) -> None:
    first, second = adapters
    sets = ((), (first,), (second,), (first, second), (replace(first, scale=0.5),))
    alone = [texts(start(tiny), replace(REQUEST, adapters=one)) for one in sets]
    assert len({tuple(one) for one in alone}) == len(sets)
    together = start(tiny)
    for _ in range(2):
        assert [texts(together, replace(REQUEST, adapters=one)) for one in sets] == alone
    assert texts(together, replace(REQUEST, adapters=(second, first))) == alone[3], "their order does not matter"


def test_what_is_kept_is_kept_for_each_set_of_adapters(
    tiny: Path, start: Callable[..., LlamaGenerator], adapters: tuple[Adapter, Adapter]
) -> None:
    generator, (first, _) = start(tiny), adapters

    def computed(adapter: tuple[Adapter, ...], prompt: str = REQUEST.prompt) -> int:
        before = generator.stats().counters.computed
        texts(generator, replace(REQUEST, prompt=prompt, adapters=adapter))
        return generator.stats().counters.computed - before

    assert [computed(()), computed((first,)), computed(()), computed((first,))] == [30, 30, 0, 0]
    assert [computed((first,), REQUEST.prompt + "Z"), computed((), REQUEST.prompt + "Z")] == [1, 1]


def test_adapters_of_the_generator_are_in_force_where_a_request_names_none_and_for_ranking(
    tiny: Path, start: Callable[..., LlamaGenerator], adapters: tuple[Adapter, Adapter]
) -> None:
    plain, adapted = start(tiny), start(tiny, adapters=adapters[:1])
    assert texts(adapted, REQUEST) == texts(plain, replace(REQUEST, adapters=adapters[:1])) != texts(plain, REQUEST)
    assert texts(adapted, replace(REQUEST, adapters=())) == texts(plain, REQUEST)
    assert adapted.score("def", ["(self)"], never) != plain.score("def", ["(self)"], never)


def test_an_adapter_that_changed_on_disk_is_another_one(
    tiny: Path, start: Callable[..., LlamaGenerator], tiny_gguf: Any, tmp_path: Path, adapters: tuple[Adapter, Adapter]
) -> None:
    path, generator = tmp_path / "changing.gguf", start(tiny)
    changing = replace(REQUEST, adapters=(Adapter(str(path)),))
    path.write_bytes(tiny_gguf.tiny_adapter(1))
    assert texts(generator, changing) == texts(generator, replace(REQUEST, adapters=adapters[:1]))
    path.unlink()
    path.write_bytes(tiny_gguf.tiny_adapter(2) + bytes(32))
    assert texts(generator, changing) == texts(generator, replace(REQUEST, adapters=adapters[1:]))


def test_a_file_that_is_no_adapter_of_this_model_is_an_error_that_names_it_and_the_model_goes_on(
    tiny: Path, start: Callable[..., LlamaGenerator], tiny_gguf: Any, tmp_path: Path
) -> None:
    generator = start(tiny)
    expected = texts(generator, REQUEST)
    worker = generator.worker_pid
    for name, data in (
        ("model.gguf", tiny.read_bytes()),
        ("text.gguf", b"this is no adapter"),
        ("cut.gguf", tiny_gguf.tiny_adapter()[:900]),
        ("wide.gguf", tiny_gguf.tiny_adapter(width=96)),
        ("long.gguf", tiny_gguf.tiny_adapter(layers=9)),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelError, match=name):
            texts(generator, replace(REQUEST, adapters=(Adapter(str(tmp_path / name)),)))
    with pytest.raises(ModelError, match=r"none\.gguf cannot be read"):
        texts(generator, replace(REQUEST, adapters=(Adapter(str(tmp_path / "none.gguf")),)))
    assert texts(generator, REQUEST) == expected
    assert generator.worker_pid == worker
