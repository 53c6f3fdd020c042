"""Finding models, choosing one, and refusing what does not fit."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import ModelError, StorageError, UnknownModelError
from refine_tui.models import memory, registry
from refine_tui.models.description import ModelFile, UnusableFile, describe
from refine_tui.models.gguf_header import read_header
from refine_tui.models.registry import Registry, packaged_folder


@pytest.fixture
def folders(tmp_path: Path, tiny: Path) -> Path:
    for name in ("packaged", "user", "config"):
        (tmp_path / name).mkdir()
    shutil.copy(tiny, tmp_path / "packaged" / "ships.gguf")
    (tmp_path / "packaged" / "ships.toml").write_text('profile = "line-edit"\nlicence = "Apache-2.0"\n')
    shutil.copy(tiny, tmp_path / "user" / "mine.gguf")
    return tmp_path


@pytest.fixture
def models(folders: Path) -> Registry:
    return Registry(folders / "user", folders / "packaged", folders / "config")


def test_the_packaged_folder_is_the_checkouts_or_the_installed_packages() -> None:
    assert packaged_folder().name == "models"


def test_a_model_is_described_by_its_file_and_its_card(models: Registry, tiny: Path) -> None:
    shipped = models.shipped()
    assert (shipped.name, shipped.origin, shipped.architecture, shipped.quantisation) == ("ships", "shipped", "llama", "F32")
    assert (shipped.context_tokens, shipped.parameters, shipped.size_bytes) == (512, 119_616, tiny.stat().st_size)
    assert (shipped.licence, shipped.profile, shipped.profile_reason) == ("Apache-2.0", "line-edit", "its card says so")
    assert shipped.chat_template is None


def test_the_list_holds_the_shipped_one_first_and_what_cannot_be_used_with_its_reason(models: Registry, folders: Path) -> None:
    (folders / "user" / "broken.gguf").write_bytes(b"GGUF")
    (folders / "user" / "notes.txt").write_text("not a model")
    first, broken, mine = models.list()
    assert isinstance(first, ModelFile)
    assert isinstance(mine, ModelFile)
    assert (first.name, mine.name) == ("ships", "mine")
    assert isinstance(broken, UnusableFile)
    assert "cut short" in broken.reason


def test_names_file_names_and_paths_are_resolved(models: Registry, folders: Path, tiny: Path) -> None:
    assert models.resolve().name == "ships"
    assert models.resolve("mine").path == models.resolve("mine.gguf").path == folders / "user" / "mine.gguf"
    elsewhere = models.resolve(str(tiny))
    assert (elsewhere.origin, elsewhere.path) == ("path", tiny)
    with pytest.raises(UnknownModelError, match=r"no model min\. Near: mine\."):
        models.resolve("min")
    with pytest.raises(UnknownModelError, match=r"no model zzz\. `refine-tui models list` shows"):
        models.resolve("zzz")


def test_a_bare_word_is_a_name_and_never_a_file_that_happens_to_lie_here(
    models: Registry, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny, tmp_path / "word")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownModelError, match="no model word"):
        models.resolve("word")
    assert models.resolve("./word").path == tmp_path / "word"


def test_no_model_and_a_server_can_be_chosen_too(models: Registry) -> None:
    for wish in ("none", "http://127.0.0.1:8080/v1#coder"):
        assert models.use(wish) is None
        assert models.chosen() == wish


def test_the_choice_is_kept(models: Registry, folders: Path, tiny: Path) -> None:
    assert models.chosen() is None
    models.use("mine")
    again = Registry(folders / "user", folders / "packaged", folders / "config")
    assert again.resolve().name == "mine"
    again.use(str(tiny))
    assert models.resolve().path == tiny
    assert [path.name for path in (folders / "config").iterdir()] == ["model.json"]


def test_a_choice_that_is_gone_is_named_and_a_damaged_one_counts_as_none(models: Registry, folders: Path) -> None:
    models.use("mine")
    (folders / "user" / "mine.gguf").unlink()
    with pytest.raises(UnknownModelError, match="no model mine"):
        models.resolve()
    for text in ("", "[]", "{}", '{"model": 3}', "\0"):
        (folders / "config" / "model.json").write_text(text)
        assert models.resolve().name == "ships"


def test_a_choice_that_cannot_be_stored_is_an_error_and_the_old_one_stays(
    models: Registry, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.use("mine")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        models.use("ships")
    assert json.loads((folders / "config" / "model.json").read_text()) == {"model": "mine"}
    assert len(list((folders / "config").iterdir())) == 1


def test_a_missing_model_that_ships_is_an_error_that_says_what_to_do(folders: Path) -> None:
    with pytest.raises(ModelError, match="--model"):
        Registry(folders / "user", folders / "none", folders / "config").resolve()


def test_a_card_that_is_not_toml_is_an_error(models: Registry, folders: Path) -> None:
    (folders / "packaged" / "ships.toml").write_bytes(b"= \xff")
    with pytest.raises(ModelError, match=r"ships\.toml"):
        models.shipped()


def test_a_gguf_file_without_tensors_is_no_model(tmp_path: Path, tiny_gguf: Any) -> None:
    path = tmp_path / "empty.gguf"
    path.write_bytes(tiny_gguf.gguf_bytes({"general.architecture": "llama"}))
    with pytest.raises(ModelError, match="holds no model"):
        describe(path, "path")


@pytest.mark.parametrize(
    ("tokens", "template", "profile"),
    [
        (["<|code|>", "<|edit|>", "<|end|>"], "{{ messages }}", "line-edit"),
        (["<|fim_prefix|>"], "{{ messages }}", "scope-rewrite"),
        (["<|fim_prefix|>"], "", "fim"),
        (["a"], "", "scope-rewrite"),
    ],
)
def test_the_profile_follows_from_the_file_and_says_why(
    tokens: list[str], template: str, profile: str, tmp_path: Path, tiny_gguf: Any
) -> None:
    fields = {"general.architecture": "llama", "tokenizer.ggml.tokens": tokens, "tokenizer.chat_template": template}
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_gguf.gguf_bytes(fields, [("a", (4,), bytes(16))]))
    model = describe(path, "path")
    assert model.profile == profile
    assert model.profile_reason
    assert (model.context_tokens, model.licence) == (None, None)


def test_a_model_in_parts_is_one_model(tmp_path: Path, tiny: Path) -> None:
    for part in (1, 2):
        shutil.copy(tiny, tmp_path / f"big-0000{part}-of-00002.gguf")
    models = Registry(tmp_path, tmp_path / "none", tmp_path / "config")
    (model,) = models.list()
    assert isinstance(model, ModelFile)
    assert model.size_bytes == 2 * tiny.stat().st_size
    assert (model.parameters, model.header.weight_bytes) == (2 * 119_616, 8 * 119_616)
    (tmp_path / "big-00002-of-00002.gguf").unlink()
    (broken,) = models.list()
    assert isinstance(broken, UnusableFile)
    assert "big-00002-of-00002.gguf is missing" in broken.reason


def test_needed_memory_grows_with_the_context_by_keys_and_values(tiny: Path) -> None:
    header = read_header(tiny)
    assert memory.cell_bytes(header) == 2 * 4 * (16 + 16) * 2
    assert memory.needed_bytes(header, 1000) - memory.needed_bytes(header, 0) == 512_000
    assert memory.needed_bytes(header, 0) > header.weight_bytes


def test_a_model_that_does_not_fit_is_refused_with_both_figures(models: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.shipped()
    models.require_memory(model)
    monkeypatch.setattr(registry, "available_bytes", lambda: 100_000_000)
    with pytest.raises(ModelError, match=r"needs 0\.2 GB with a context of 512 tokens, 0\.1 GB are free"):
        models.require_memory(model)
    models.require_memory(model, gpu_bytes=1 << 30)
    monkeypatch.setattr(registry, "available_bytes", lambda: None)
    models.require_memory(model)


def test_free_memory_is_the_least_of_what_machine_and_group_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4000 kB\n")
    monkeypatch.setattr(memory, "MEMORY_INFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.available_bytes() == 4000 * 1024
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 100000\n")
    assert memory.available_bytes() == 400_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_bytes() == 4000 * 1024
