"""The header reader: what it reads from sound files, and that no bytes whatever make it do more than refuse."""

from __future__ import annotations

import random
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.models.gguf_header import KEPT_ELEMENTS, read_header
from refine_tui.models.tensor_types import BLOCKS, size_bytes


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_sound_file_says_what_it_is(tiny: Path, tiny_gguf: Any) -> None:
    header = read_header(tiny)
    assert (header.version, header.architecture, header.quantisation) == (3, "llama", "F32")
    assert (header.of_architecture("context_length"), header.of_architecture("block_count")) == (512, 2)
    assert header.vocabulary_size == len(tiny_gguf.vocabulary())
    assert header.marks == {b"<|code|>", b"<|end|>"}
    assert header.parameters == 119_616
    assert header.weight_bytes == 4 * header.parameters
    assert header.metadata["general.license"] == "MIT"
    assert header.metadata["tokenizer.ggml.add_bos_token"] is False


def test_long_arrays_are_walked_and_short_ones_of_numbers_kept(tmp_path: Path, tiny_gguf: Any) -> None:
    fields = {"general.architecture": "x", "short": [1, 2, 3], "long": list(range(KEPT_ELEMENTS + 1)), "texts": ["a", "b"], "after": 7}
    header = read_header(written(tmp_path / "a.gguf", tiny_gguf.gguf_bytes(fields)))
    assert header.metadata == {"general.architecture": "x", "short": (1, 2, 3), "after": 7}
    assert header.number("short") == 3
    assert header.number("none", 5) == 5
    assert header.text("after") == ""


def test_version_2_is_read_and_others_are_named(tmp_path: Path, tiny_gguf: Any) -> None:
    assert read_header(written(tmp_path / "2.gguf", tiny_gguf.gguf_bytes({}, version=2))).version == 2
    for version, sentence in ((1, "convert it anew"), (4, "update refine_tui"), (3 << 24, "big-endian")):
        with pytest.raises(ModelError, match=sentence):
            read_header(written(tmp_path / f"{version}.gguf", tiny_gguf.gguf_bytes({}, version=version)))


def test_what_is_no_gguf_file_is_said_to_be_none(tmp_path: Path) -> None:
    for data in (b"", b"GGU", b"PK\x03\x04" + bytes(100)):
        with pytest.raises(ModelError, match="not a GGUF file"):
            read_header(written(tmp_path / "x.gguf", data))
    with pytest.raises(ModelError, match="no model file"):
        read_header(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="cannot be read"):
        read_header(tmp_path)


def test_every_cut_is_noticed(tiny: Path, tmp_path: Path) -> None:
    data = tiny.read_bytes()
    rng = random.Random(1)
    # The last tensor's data ends at the last byte but its padding.
    for size in (5, 24, *(rng.randrange(24, len(data) - 64) for _ in range(60))):
        with pytest.raises(ModelError, match="cut short"):
            read_header(written(tmp_path / "cut.gguf", data[:size]))


@pytest.mark.parametrize("at", [8, 16, 24])
def test_huge_claims_are_refused_without_believing_them(at: int, tiny: Path, tmp_path: Path) -> None:
    data = tiny.read_bytes()
    for claim in (1 << 63, 1 << 40, 70_000_000):
        path = written(tmp_path / "huge.gguf", data[:at] + struct.pack("<Q", claim) + data[at + 8 :])
        with pytest.raises(ModelError, match=r"damaged|cut short"):
            read_header(path)


def test_a_sparse_file_of_zeros_is_not_walked_for_long(tmp_path: Path) -> None:
    path = tmp_path / "sparse.gguf"
    key = struct.pack("<Q", 1) + b"k"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + key + struct.pack("<IIQ", 9, 8, 1 << 33))
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="claims 8,589,934,592 elements"):
        read_header(path)


def test_texts_from_a_file_are_shown_without_control_characters(tmp_path: Path, tiny_gguf: Any) -> None:
    data = tiny_gguf.gguf_bytes({}, [("\x1b[2J evil\n", (1 << 30, 1 << 30), b"")])
    with pytest.raises(ModelError) as caught:
        read_header(written(tmp_path / "x.gguf", data))
    assert str(caught.value).isprintable()
    assert "evil" in str(caught.value)


def mutant(sound: bytes, rng: random.Random) -> bytes:
    """Return a header with a few bytes changed, often to extremes, often near its beginning."""
    data = bytearray(sound)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(4, len(data)) if rng.random() < 0.5 else rng.randrange(4, 400)
        extreme = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        data[at : at + rng.choice((1, 1, 4, 8))] = bytes([extreme]) * rng.choice((1, 1, 4, 8))
    return bytes(data)


def outcome(path: Path) -> str:
    try:
        read_header(path)
    except ModelError as error:
        return str(error)
    return ""


def test_mutated_headers_are_read_or_refused_within_bounded_memory(tiny: Path, tmp_path: Path) -> None:
    sound, path = tiny.read_bytes()[:6000], tmp_path / "mutant.gguf"
    rng = random.Random(7)
    tracemalloc.start()
    sentences = []
    for _ in range(300):
        with path.open("wb") as file:
            file.write(mutant(sound, rng))
            # A large sparse file lets claims through that a short one would contradict.
            file.truncate(rng.choice((6000, 1 << 30)))
        sentences.append(outcome(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000
    assert all(sentence.isprintable() for sentence in sentences)
    assert 15 < sum(map(bool, sentences)) < 285


def test_an_unknown_tensor_type_leaves_its_size_unchecked(tmp_path: Path, tiny_gguf: Any) -> None:
    data = tiny_gguf.gguf_bytes({"general.architecture": "x"}, [("a", (4,), bytes(16))])
    place = data.index(b"a", data.index(b"\x01\0\0\0\0\0\0\0a")) + 1 + 4 + 8
    header = read_header(written(tmp_path / "x.gguf", data[:place] + struct.pack("<I", 250) + data[place + 4 :]))
    assert (header.parameters, header.weight_bytes, header.quantisation) == (4, 0, "")


def test_the_table_of_types_is_the_librarys_own() -> None:
    import ctypes

    from llama_cpp import llama_cpp

    library = next((Path(llama_cpp.__file__).parent / "lib").glob("libggml-base.*"))
    ggml: Any = ctypes.CDLL(str(library))
    ggml.ggml_type_size.restype = ctypes.c_size_t
    ggml.ggml_blck_size.restype = ctypes.c_int64
    ggml.ggml_type_name.restype = ctypes.c_char_p
    real = {kind: (ggml.ggml_type_name(kind).decode().upper(), ggml.ggml_blck_size(kind), ggml.ggml_type_size(kind)) for kind in range(43)}
    assert {kind: block for kind, block in real.items() if block[2]} == BLOCKS
    assert size_bytes(8, 33) == 68
    assert size_bytes(99, 1) is None
