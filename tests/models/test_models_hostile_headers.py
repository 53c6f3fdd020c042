"""Hostile files: whatever the bytes, the outcome is a header or a sentence, in bounded memory and time."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.core.errors import ModelError
from refine_tui.models.gguf_header import LARGEST_HEADER, LONGEST_TEXT, MOST_KEPT, read_header

MEMORY = 40_000_000
"""Bytes of Python memory one header may take at most."""

numbers = st.one_of(st.integers(0, 20), st.sampled_from([2**16, 2**31, 2**32 - 1, 2**33, 2**63, 2**64 - 1]))
texts = st.binary(max_size=12)


def packed(text: bytes, claim: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if claim is None else claim) + text


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """One value with its type: sound, of an unknown type, or an array that claims what it likes."""
    kind = draw(st.one_of(st.integers(0, 13), numbers.map(lambda n: n % 2**32)))
    if kind == 8:
        return struct.pack("<I", 8) + packed(draw(texts), draw(st.none() | numbers))
    if kind == 9:
        inner, count = draw(st.integers(0, 13)), draw(numbers)
        body = b"".join(packed(text) for text in draw(st.lists(texts, max_size=4))) if inner == 8 else draw(texts)
        return struct.pack("<IIQ", 9, inner, count) + body
    return struct.pack("<I", kind) + draw(st.binary(min_size=8, max_size=8))


@st.composite
def tensors(draw: st.DrawFn) -> bytes:
    shape = draw(st.lists(numbers, max_size=5))
    claimed = draw(st.just(len(shape)) | numbers.map(lambda n: n % 2**32))
    kind, offset = draw(numbers) % 2**32, draw(numbers)
    return packed(draw(texts)) + struct.pack(f"<I{len(shape)}QIQ", claimed, *shape, kind, offset)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file that begins well and goes wrong wherever hypothesis likes."""
    fields, rows = draw(st.lists(st.tuples(texts, values()), max_size=5)), draw(st.lists(tensors(), max_size=3))
    version = draw(st.sampled_from([2, 3, 3, 3, 1, 3 << 24]))
    counts = draw(st.just((len(rows), len(fields))) | st.tuples(numbers, numbers))
    head = b"GGUF" + struct.pack("<IQQ", version, *counts)
    data = head + b"".join(packed(key) + value for key, value in fields) + b"".join(rows) + bytes(draw(st.integers(0, 64)))
    return data[: draw(st.none() | st.integers(0, len(data)))]


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


hostile = st.one_of(files(), st.binary(max_size=200).map(b"GGUF\x03\0\0\0".__add__), st.binary(max_size=64))
apparent_sizes = st.sampled_from([0, 2**30, 2**42])
"""A large sparse file lets claims through that a short one would contradict."""


def refusal(path: Path) -> str:
    """Read a header in bounded memory, and return the sentence that refuses it, if one does."""
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        read_header(path)
    except ModelError as error:
        sentence = str(error)
    else:
        sentence = "read"
    assert tracemalloc.get_traced_memory()[1] - before < MEMORY
    return sentence


def fuzz(folder: Path, examples: int) -> None:
    @settings(max_examples=examples)
    @given(data=hostile, apparent=apparent_sizes)
    def one(data: bytes, apparent: int) -> None:
        path = folder / "any.gguf"
        with path.open("wb") as file:
            file.write(data)
            file.truncate(max(len(data), apparent))
        sentence = refusal(path)
        assert sentence.isprintable()
        assert len(sentence) < 600

    one()


def test_any_bytes_are_read_or_refused_in_words(tmp_path: Path) -> None:
    fuzz(tmp_path, 60)


@pytest.mark.slow
def test_many_more_bytes_are_read_or_refused_in_words(tmp_path: Path) -> None:
    fuzz(tmp_path, 1_000)


def sparse(path: Path, fields: int, texts_of: int) -> Path:
    """Write a header whose fields are texts of zeros that take no room on the disk."""
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, fields))
        for index in range(fields):
            file.write(packed(f"k{index}".encode()) + struct.pack("<IQ", 8, texts_of))
            file.seek(texts_of, 1)
        file.truncate(file.tell() + 1)
    return path


def test_many_long_texts_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    assert f"its fields take more than {MOST_KEPT:,} bytes" in refusal(sparse(tmp_path / "long.gguf", 4000, LONGEST_TEXT))


def test_a_vocabulary_of_endless_texts_is_refused_before_it_takes_all_day(tmp_path: Path) -> None:
    path = tmp_path / "endless.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + packed(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 4_000_000))
        for _ in range(1000):
            file.write(struct.pack("<Q", LONGEST_TEXT))
            file.seek(LONGEST_TEXT, 1)
        file.truncate(1 << 42)
    assert f"more than {LARGEST_HEADER:,} bytes" in refusal(path)


def test_kept_arrays_of_numbers_count_too(tmp_path: Path, tiny_gguf: Any) -> None:
    path = tmp_path / "arrays.gguf"
    path.write_bytes(tiny_gguf.gguf_bytes({f"k{index}": [1] * 500 for index in range(1000)}))
    assert "its fields take more than" in refusal(path)
