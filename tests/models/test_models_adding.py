"""Adding a file of the user's, removing a model, and models that are only known by a card."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from refine_tui.core.errors import ModelError, UnknownModelError, UsageError
from refine_tui.models import digests
from refine_tui.models.cards import Card, read_card
from refine_tui.models.description import ModelFile, UnusableFile
from refine_tui.models.digests import digest, remembered_digest
from refine_tui.models.registry import Registry, near

CARD = """
name = "Coder 7B"
licence = "Apache-2.0"
parameters = 7_000_000_000
profile = "fim"
profile_reason = "it was trained for it"
[[files]]
name = "Coder-7B.Q4_K_M.gguf"
about_gb = 4.68
"""


@pytest.fixture
def models(tmp_path: Path, tiny: Path) -> Registry:
    for name in ("packaged", "user", "elsewhere"):
        (tmp_path / name).mkdir()
    shutil.copy(tiny, tmp_path / "packaged" / "ships.gguf")
    shutil.copy(tiny, tmp_path / "elsewhere" / "own.gguf")
    (tmp_path / "packaged" / "coder-7b.toml").write_text(CARD)
    return Registry(tmp_path / "user", tmp_path / "packaged", tmp_path / "config")


def test_an_added_file_stays_where_it_is_and_removing_it_leaves_it_there(models: Registry, tmp_path: Path) -> None:
    own = tmp_path / "elsewhere" / "own.gguf"
    own.with_suffix(".toml").write_text('licence = "MIT"\n')
    added = models.add(own)
    assert (added.name, added.origin, added.licence, added.size_bytes) == ("own", "user", "MIT", own.stat().st_size)
    assert added.path.readlink() == own
    models.use("own")
    assert models.resolve().name == "own"
    assert models.remove("own") == 0
    assert own.is_file()
    assert list((tmp_path / "user").iterdir()) == []
    assert (models.chosen(), models.resolve().name) == (None, "ships")


def test_a_name_is_taken_once(models: Registry, tmp_path: Path) -> None:
    models.add(tmp_path / "elsewhere" / "own.gguf")
    with pytest.raises(UsageError, match="a model own already"):
        models.add(tmp_path / "elsewhere" / "own.gguf")


def test_what_is_no_model_is_not_added(models: Registry, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "text.gguf").write_text("hello")
    with pytest.raises(ModelError, match="not a GGUF file"):
        models.add(tmp_path / "elsewhere" / "text.gguf")
    with pytest.raises(ModelError, match="no model file"):
        models.add(tmp_path / "nothing.gguf")
    assert list((tmp_path / "user").iterdir()) == []


def test_an_added_file_that_is_gone_is_listed_with_the_reason_and_can_be_removed(models: Registry, tmp_path: Path) -> None:
    models.add(tmp_path / "elsewhere" / "own.gguf")
    (tmp_path / "elsewhere" / "own.gguf").unlink()
    _, gone = models.list()
    assert isinstance(gone, UnusableFile)
    assert "is gone" in gone.reason
    models.remove("own")
    assert len(models.list()) == 1


def test_a_model_in_parts_is_added_and_removed_as_one(models: Registry, tmp_path: Path, tiny: Path) -> None:
    for part in (1, 2):
        shutil.copy(tiny, tmp_path / "elsewhere" / f"big-0000{part}-of-00002.gguf")
    assert models.add(tmp_path / "elsewhere" / "big-00001-of-00002.gguf").parameters == 2 * 119_616
    models.remove("big-00001-of-00002")
    assert list((tmp_path / "user").iterdir()) == []


def test_a_removed_file_frees_its_bytes(models: Registry, tmp_path: Path, tiny: Path) -> None:
    shutil.copy(tiny, tmp_path / "user" / "mine.gguf")
    (tmp_path / "user" / "mine.toml").write_text("# card\n")
    assert models.remove("mine.gguf") == tiny.stat().st_size + 7
    assert list((tmp_path / "user").iterdir()) == []


def test_the_model_that_ships_and_unknown_ones_are_not_removed(models: Registry) -> None:
    with pytest.raises(UsageError, match="comes with the program"):
        models.remove("ships")
    with pytest.raises(UnknownModelError, match=r"no model shops\. Near: ships\."):
        models.remove("shops")


def test_a_model_known_by_its_card_alone_says_how_to_get_it(models: Registry) -> None:
    with pytest.raises(UnknownModelError, match=r"coder-7b is not here\. Fetch it: refine-tui models pull coder-7b"):
        models.resolve("coder-7b")


def test_a_file_is_known_by_its_name_whatever_its_case_and_answers_to_the_cards_name(models: Registry, tmp_path: Path, tiny: Path) -> None:
    shutil.copy(tiny, tmp_path / "user" / "coder-7b.q4_k_m.gguf")
    model = models.resolve("coder-7b")
    assert isinstance(model, ModelFile)
    assert (model.name, model.licence, model.card.title) == ("coder-7b.q4_k_m", "Apache-2.0", "Coder 7B")
    assert (model.profile, model.profile_reason) == ("fim", "its card says so: it was trained for it")


def test_a_card_says_what_it_knows_and_nothing_else(models: Registry, tmp_path: Path) -> None:
    (card,) = models.cards
    assert (card.name, card.parameters, card.context_tokens, card.sampling) == ("coder-7b", 7_000_000_000, None, {})
    assert (card.files[0].bytes, card.files[0].size_bytes, card.files[0].sha256) == (None, 4_680_000_000, "")
    assert read_card(tmp_path / "nothing.toml") == Card()


@pytest.mark.parametrize(
    "text",
    [
        "name = 3",
        "parameters = true",
        "profile = 'chatty'",
        "files = 3",
        "[[files]]\nname = 'a'\nsha256 = 'xyz'",
        "context = -1",
    ],
)
def test_a_card_with_fields_of_a_wrong_kind_is_an_error_that_names_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ModelError, match=r"bad\.toml cannot be read"):
        read_card(tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("qwen7b", ["qwen-7b", "qwen-14b"]),
        ("QWEN-7B.gguf", ["qwen-7b", "qwen-14b"]),
        ("folder/starcodr.gguf", ["starcoder"]),
        ("qwen", ["qwen-7b", "qwen-14b"]),
        ("", []),
        ("zzz", []),
    ],
)
def test_near_names_are_those_one_may_have_meant(wanted: str, found: list[str]) -> None:
    assert near(wanted, ["qwen-7b", "qwen-14b", "starcoder"]) == found


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "file", list[Path]()
    path.write_bytes(b"one")

    def counted(path: Path) -> str:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(digests, "digest", counted)
    assert remembered_digest(path, tmp_path / "memory") == hashlib.sha256(b"one").hexdigest()
    assert remembered_digest(path, tmp_path / "memory") == hashlib.sha256(b"one").hexdigest()
    assert len(read) == 1
    path.write_bytes(b"three")
    assert remembered_digest(path, tmp_path / "memory") == hashlib.sha256(b"three").hexdigest()
    (tmp_path / "memory" / "digests.json").write_text("[]")
    assert remembered_digest(path, tmp_path / "memory") == hashlib.sha256(b"three").hexdigest()
    assert len(read) == 3
    with pytest.raises(ModelError, match="cannot be read"):
        digest(tmp_path / "nothing")
