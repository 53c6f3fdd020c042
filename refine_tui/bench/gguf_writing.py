"""Writes GGUF files with random weights: what the engine's figures are measured on, made in seconds and without a download.

A generated model is a chain: after each word of its vocabulary it finds one other word by far the likeliest, so its greedy
output is known beforehand, and a prompt can be written of which the output is a copy with a few changes. Every matrix of the
network is there and is computed in full; the layers only add too little to change the next word.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import string
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

from refine_tui.core.errors import StorageError

Kind = Literal["Q4_0", "Q8_0", "F16"]

FORMAT = 1
"""Part of a kept file's name: to be raised whenever equal shapes give other bytes."""
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32 = 0
ALIGNMENT = 32
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CONTROL, NORMAL = 3, 1
SURE_LOGIT = 12.0
"""Logit of the next word of the chain; the others lie around 0."""
TILE_BYTES = 1 << 20
"""The layers' weights repeat after about as many bytes; the vocabulary's do not."""
FREE_SHARE = 0.9
RANK = 16
"""Of a generated LoRA adapter."""


@dataclass(frozen=True)
class Shape:
    """The measures of a network of the Qwen2 family."""

    name: str
    layers: int
    width: int
    hidden: int
    heads: int
    key_heads: int
    vocabulary: int
    context: int = 8192
    kind: Kind = "Q4_0"

    @property
    def key_width(self) -> int:
        """Numbers in one token's keys of one layer."""
        return self.width // self.heads * self.key_heads


TOY = Shape("toy 1M", 2, 64, 128, 4, 2, 1_024)
GRAMMAR = Shape("2 layers, V=151,936", 2, 256, 512, 4, 2, 151_936, kind="Q8_0")
HALF = Shape("0.5B shape", 24, 896, 4864, 14, 2, 32_768)
SEVEN = Shape("7B shape", 32, 4096, 14_336, 32, 8, 32_768)


def words(count: int) -> list[str]:
    """Return words of lower-case letters in the order of the vocabulary: every beginning of a word is an earlier word."""
    letters = string.ascii_lowercase
    every = ("".join(word) for size in itertools.count(1) for word in itertools.product(letters, repeat=size))
    return list(itertools.islice(every, count))


def byte_letters() -> dict[int, str]:
    """Return the printable stand-in of each byte, as byte-level tokenizers write them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    hidden = [byte for byte in range(256) if byte not in letters]
    return letters | {byte: chr(256 + place) for place, byte in enumerate(hidden)}


class Chain:
    """The words of a vocabulary and which of them follows which."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.first = len(SPECIAL) + 256
        """Token of the first word."""
        self.words = words(shape.vocabulary - self.first)
        self._order = list(range(len(self.words)))
        random.Random(shape.name).shuffle(self._order)

    def text(self, start: int, count: int) -> list[str]:
        """Return `count` words from a place of the chain on; the places are counted around."""
        return [f" {self.words[self._order[place % len(self._order)]]}" for place in range(start, start + count)]

    def followers(self) -> dict[int, int]:
        """Return word → the word before it, as tokens."""
        before = zip(self._order, self._order[1:] + self._order[:1], strict=True)
        return {self.first + after: self.first + word for word, after in before}


def packed_string(text: str) -> bytes:
    """Return a GGUF string."""
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def packed_value(value: Any) -> bytes:
    """Return a GGUF value with its type before it."""
    match value:
        case bool():
            return struct.pack("<I?", BOOL, value)
        case int():
            return struct.pack("<II", UINT32, value)
        case float():
            return struct.pack("<If", FLOAT32, value)
        case str():
            return struct.pack("<I", STRING) + packed_string(value)
        case [str(), *_]:
            return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(packed_string, value))
        case [int(), *_]:
            return struct.pack("<IIQ", ARRAY, INT32, len(value)) + struct.pack(f"<{len(value)}i", *value)
        case [float(), *_]:
            return struct.pack("<IIQ", ARRAY, FLOAT32, len(value)) + struct.pack(f"<{len(value)}f", *value)
        case _:
            raise TypeError(f"no GGUF type for {value!r}")


def metadata(shape: Shape, chain: Chain) -> dict[str, Any]:
    """Return a model's fields: the network's measures and a byte-level tokenizer in which each word with its space is one token."""
    merges = [f"Ġ{word[:-1]} {word[-1]}" for word in chain.words]
    return {
        "general.architecture": "qwen2",
        "general.name": f"random weights, {shape.name}",
        "general.file_type": {"F16": 1, "Q4_0": 2, "Q8_0": 7}[shape.kind],
        "general.alignment": ALIGNMENT,
        "qwen2.block_count": shape.layers,
        "qwen2.context_length": shape.context,
        "qwen2.embedding_length": shape.width,
        "qwen2.feed_forward_length": shape.hidden,
        "qwen2.attention.head_count": shape.heads,
        "qwen2.attention.head_count_kv": shape.key_heads,
        "qwen2.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen2.rope.freq_base": 1e6,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": [*SPECIAL, *byte_letters().values(), *(f"Ġ{word}" for word in chain.words)],
        "tokenizer.ggml.token_type": [CONTROL] * len(SPECIAL) + [NORMAL] * (256 + len(chain.words)),
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
    }


@dataclass(frozen=True)
class Packing:
    """How a tensor type keeps random numbers."""

    number: int
    """ggml's number of the type."""
    block: int
    """Numbers in a block."""
    scale_bytes: int
    body_bytes: int
    spread: float
    """Root mean square of the numbers at scale 1."""
    even: bytes | None = None
    """Random byte → byte, so that the numbers' mean is 0: a mean would add up from layer to layer and drown the word."""

    def row_bytes(self, width: int) -> int:
        """Return the bytes of `width` numbers."""
        return width // self.block * (self.scale_bytes + self.body_bytes)

    def numbers(self, rng: random.Random, count: int, size: float) -> bytes:
        """Return `count` random numbers of about this root mean square."""
        blocks, stride = count // self.block, self.scale_bytes + self.body_bytes
        out = bytearray(blocks * stride)
        for place, byte in enumerate(struct.pack("<e", size / self.spread)[: self.scale_bytes]):
            out[place::stride] = bytes([byte]) * blocks
        for place in range(self.scale_bytes, stride):
            out[place::stride] = rng.randbytes(blocks).translate(self.even)
        return bytes(out)


class HalfPacking(Packing):
    """f16: the sign and the digits are random, the exponent is fixed."""

    def numbers(self, rng: random.Random, count: int, size: float) -> bytes:
        """Return `count` random numbers of about this root mean square."""
        high = struct.pack("<e", size / self.spread)[1] & 0x7C
        table = bytes((byte & 0x80) | high | (byte & 3) for byte in range(256))
        out = bytearray(2 * count)
        out[0::2] = rng.randbytes(count)
        out[1::2] = rng.randbytes(count).translate(table)
        return bytes(out)


EVEN_NIBBLES = bytes((byte & 0x0F or 8) | (byte & 0xF0 or 0x80) for byte in range(256))
PACKINGS: Mapping[Kind, Packing] = {
    "Q4_0": Packing(2, 32, 2, 16, 4.18, EVEN_NIBBLES),
    "Q8_0": Packing(8, 32, 2, 32, 73.9),
    "F16": HalfPacking(1, 1, 0, 2, 1.53),
}


@dataclass(frozen=True)
class Tensor:
    """One tensor and how its bytes come about."""

    name: str
    shape: tuple[int, ...]
    """The fastest dimension first."""
    number: int
    size: int
    pieces: Callable[[], Iterator[bytes]]


def floats(name: str, width: int, value: float) -> Tensor:
    """Return a vector of equal f32 numbers."""
    return Tensor(name, (width,), F32, 4 * width, lambda: iter((struct.pack("<f", value) * width,)))


def tiled(name: str, packing: Packing, columns: int, rows: int, size: float) -> Tensor:
    """Return a matrix of random numbers that repeat."""

    def pieces() -> Iterator[bytes]:
        tile = packing.numbers(random.Random(name), max(1, TILE_BYTES // packing.row_bytes(columns)) * columns, size)
        left = rows * packing.row_bytes(columns)
        while left > 0:
            yield tile[:left]
            left -= len(tile)

    return Tensor(name, (columns, rows), packing.number, rows * packing.row_bytes(columns), pieces)


def tensors(shape: Shape, chain: Chain) -> list[Tensor]:
    """Return a model's tensors. Each word's output row is the input row of the word before it: that is the chain."""
    packing = PACKINGS[shape.kind]
    row = packing.row_bytes(shape.width)

    def inputs() -> Iterator[bytes]:
        yield packing.numbers(random.Random(shape.name), shape.vocabulary * shape.width, 1.0)

    def outputs() -> Iterator[bytes]:
        rows = next(inputs())
        before = chain.followers()
        nothing = bytes(row)
        yield b"".join(
            rows[before[token] * row : (before[token] + 1) * row] if token in before else nothing for token in range(shape.vocabulary)
        )

    vocabulary, matrix = (shape.width, shape.vocabulary), shape.vocabulary * row
    found = [
        Tensor("token_embd.weight", vocabulary, packing.number, matrix, inputs),
        floats("output_norm.weight", shape.width, SURE_LOGIT / shape.width),
        Tensor("output.weight", vocabulary, packing.number, matrix, outputs),
    ]
    for layer in range(shape.layers):
        found += layer_tensors(shape, packing, f"blk.{layer}")
    return found


def layer_tensors(shape: Shape, packing: Packing, prefix: str) -> list[Tensor]:
    """Return one layer's tensors. What it adds to the stream stays small."""
    width, hidden, keys = shape.width, shape.hidden, shape.key_width
    inner, added = width**-0.5, 0.02 * hidden**-0.5
    return [
        floats(f"{prefix}.attn_norm.weight", width, 1.0),
        floats(f"{prefix}.ffn_norm.weight", width, 1.0),
        floats(f"{prefix}.attn_q.bias", width, 0.0),
        floats(f"{prefix}.attn_k.bias", keys, 0.0),
        floats(f"{prefix}.attn_v.bias", keys, 0.0),
        tiled(f"{prefix}.attn_q.weight", packing, width, width, inner),
        tiled(f"{prefix}.attn_k.weight", packing, width, keys, inner),
        tiled(f"{prefix}.attn_v.weight", packing, width, keys, inner),
        tiled(f"{prefix}.attn_output.weight", packing, width, width, added),
        tiled(f"{prefix}.ffn_gate.weight", packing, width, hidden, inner),
        tiled(f"{prefix}.ffn_up.weight", packing, width, hidden, inner),
        tiled(f"{prefix}.ffn_down.weight", packing, hidden, width, added),
    ]


def write_gguf(file: IO[bytes], fields: Mapping[str, Any], found: Sequence[Tensor]) -> None:
    """Write a file: fields, the list of tensors, their bytes."""
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(found), len(fields)))
    for key, value in fields.items():
        head += packed_string(key) + packed_value(value)
    at = 0
    for tensor in found:
        head += packed_string(tensor.name) + struct.pack(f"<I{len(tensor.shape)}QIQ", len(tensor.shape), *tensor.shape, tensor.number, at)
        at += -(-tensor.size // ALIGNMENT) * ALIGNMENT
    file.write(head + bytes(-len(head) % ALIGNMENT))
    for tensor in found:
        for piece in tensor.pieces():
            file.write(piece)
        file.write(bytes(-tensor.size % ALIGNMENT))


def model_file(shape: Shape, folder: Path) -> Path:
    """Return a model of this shape in the folder, written now unless an earlier run left it.

    Raises:
        StorageError: the folder cannot be written or has too little room.
    """

    def content() -> tuple[Mapping[str, Any], Sequence[Tensor]]:
        chain = Chain(shape)
        return metadata(shape, chain), tensors(shape, chain)

    return kept_file(folder / f"random-{fingerprint(shape)}.gguf", content)


def adapter_file(shape: Shape, folder: Path, number: int) -> Path:
    """Return a LoRA adapter for a model of this shape, with random weights; another one for each number.

    Raises:
        StorageError: as `model_file`.
    """

    def content() -> tuple[Mapping[str, Any], Sequence[Tensor]]:
        fields = {"general.type": "adapter", "general.architecture": "qwen2", "adapter.type": "lora", "adapter.lora.alpha": float(RANK)}
        named = [f"blk.{layer}.attn_{part}.weight" for layer in range(shape.layers) for part in ("q", "output")]
        packing, size = PACKINGS["F16"], 0.1 * shape.width**-0.5
        return fields, [
            replace(tiled(f"{number} {name}", packing, *measures, size), name=f"{name}.lora_{half}")
            for name in named
            for half, measures in (("a", (shape.width, RANK)), ("b", (RANK, shape.width)))
        ]

    return kept_file(folder / f"random-{fingerprint(shape)}-adapter-{number}.gguf", content)


def fingerprint(shape: Shape) -> str:
    """Return what names files of a shape."""
    return hashlib.sha256(json.dumps([FORMAT, asdict(shape)]).encode()).hexdigest()[:12]


def kept_file(path: Path, content: Callable[[], tuple[Mapping[str, Any], Sequence[Tensor]]]) -> Path:
    """Return a file with these fields and tensors, written now unless an earlier run left it. Raises as `model_file`."""
    if path.is_file():
        return path
    fields, found = content()
    folder = path.parent
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        require_room(folder, sum(tensor.size for tensor in found))
        with partial.open("wb") as file:
            write_gguf(file, fields, found)
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}. Free some space or name another folder.") from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def require_room(folder: Path, size: int) -> None:
    """Raise `StorageError` when a file of `size` bytes would fill the disk."""
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    if size > FREE_SHARE * free:
        raise StorageError(f"{folder} has {free / 1e9:.1f} GB free; the generated model needs {size / 1e9:.1f} GB. Name another folder.")
