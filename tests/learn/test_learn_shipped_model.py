"""The weight file that ships, against its card, through llama.cpp."""

from __future__ import annotations

import ctypes
import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refine_tui.prompting.line_edit import MARKS, render_prompt

llama: Any = pytest.importorskip("llama_cpp")

FOLDER = Path(__file__).parents[2] / "models"
LARGEST = 24_000_000


def weight_files() -> list[Path]:
    return sorted(FOLDER.glob("*.gguf"))


def card() -> dict[str, Any]:
    return tomllib.loads(weight_files()[0].with_suffix(".toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def vocabulary() -> Iterator[Any]:
    llama.llama_backend_init()
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(str(weight_files()[0]).encode(), params)
    assert model
    yield llama.llama_model_get_vocab(model)
    llama.llama_model_free(model)


def tokens(vocabulary: Any, text: str) -> list[int]:
    data = text.encode()
    room = len(data) + 8
    ids = (ctypes.c_int32 * room)()
    count = llama.llama_tokenize(vocabulary, data, len(data), ids, room, True, True)
    return list(ids[:count])


def test_one_small_file_ships_and_its_card_names_it_by_its_digest() -> None:
    (path,) = weight_files()
    content = path.read_bytes()
    assert len(content) <= LARGEST
    assert card()["file"] == path.name
    assert card()["sha256"] == hashlib.sha256(content).hexdigest()
    assert (card()["profile"], card()["licence"]) == ("line-edit", "MIT")


def test_the_card_says_what_was_read_and_what_was_left_out() -> None:
    rows = card()["corpus"]["packages"]
    assert sum(row["functions"] for row in rows) == card()["corpus"]["functions"]
    assert all(row["version"] and row["licence"] for row in rows)
    assert not {row["name"] for row in rows} & set(card()["corpus"]["held_out"])
    assert {"name", "run"} <= card()["corpus"]["dropped"].keys()


def test_llama_cpp_reads_each_mark_as_one_token_and_adds_none(vocabulary: Any) -> None:
    assert [tokens(vocabulary, mark) for mark in MARKS] == [[0], [1], [2]]
    assert llama.llama_vocab_is_eog(vocabulary, 2)
    ids = tokens(vocabulary, render_prompt(["def f(x):", "    return x + 10"]))
    assert (ids[0], ids[-1]) == (0, 1)
    assert 2 not in ids


def test_digits_are_single_tokens(vocabulary: Any) -> None:
    assert len(tokens(vocabulary, "2024")) == 4
