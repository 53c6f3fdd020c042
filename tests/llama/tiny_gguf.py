"""Writes small GGUF files: the fixture of every test that needs a model, made in well under a second without numpy."""

from __future__ import annotations

import random
import struct
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from refine_tui.bench.gguf_writing import byte_letters, packed_string, packed_value

F32 = 0
SPECIAL = ("<|end|>", "<|code|>", "<|fix|>")
PAIRS = (
    "t h",
    "th e",
    "i n",
    "r e",
    "d e",
    "de f",
    "e r",
    "o n",
    "re t",
    "u r",
    "ret ur",
    "retur n",
    "s e",
    "l f",
    "se lf",
    "Ġ Ġ",
    "ĠĠ ĠĠ",
)
WORDS = ("Ġ t", "Ġ i", "Ġ =", "Ġ return", "Ġi f", "= =", "Ġ ==", "l e", "le n", "( self", ") :", "a r", "ar g", "p r", "in t", "pr int")


def merges() -> list[str]:
    """Return merges in which each side is a byte or made by an earlier merge."""
    known = set(byte_letters().values())
    kept = []
    for pair in (*PAIRS, *WORDS):
        left, right = pair.split(" ")
        if left in known and right in known and left + right not in known:
            kept.append(pair)
            known.add(left + right)
    return kept


def vocabulary() -> list[str]:
    """Return the tokens: specials, bytes, merges."""
    return [*SPECIAL, *byte_letters().values(), *(pair.replace(" ", "") for pair in merges())]


def gguf_bytes(metadata: Mapping[str, Any], tensors: Sequence[tuple[str, Sequence[int], bytes]] = (), *, version: int = 3) -> bytes:
    """Return a whole file; tensors are f32, their shapes with the fastest dimension first."""
    out = bytearray(b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata)))
    for key, value in metadata.items():
        out += packed_string(key) + packed_value(value)
    at = 0
    for name, shape, data in tensors:
        out += packed_string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, F32, at)
        at += -(-len(data) // 32) * 32
    out += bytes(-len(out) % 32)
    for _, _, data in tensors:
        out += data + bytes(-len(data) % 32)
    return bytes(out)


def tiny_metadata(*, context: int = 512, width: int = 64, layers: int = 2, name: str = "tiny") -> dict[str, Any]:
    """Return the metadata of a small Llama."""
    tokens = vocabulary()
    kinds = [3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL))
    return {
        "general.architecture": "llama",
        "general.name": name,
        "general.file_type": 0,
        "general.alignment": 32,
        "general.license": "MIT",
        "llama.block_count": layers,
        "llama.context_length": context,
        "llama.embedding_length": width,
        "llama.feed_forward_length": 2 * width,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 4,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": width // 4,
        "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "starcoder",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": merges(),
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
    }


def sentence_pieces() -> dict[str, Any]:
    """Return the fields of a vocabulary that puts a space before every text, as large as the other."""
    letters = ["\u2581", *"ABCDEFGH", "\u2581A", "AB"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    tokens += [f"filler{number}" for number in range(len(vocabulary()) - len(tokens))]
    kinds = [2, 3, 3, *[6] * 256, *[1] * (len(tokens) - 259)]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.scores": [-float(place) for place in range(len(tokens))],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.add_bos_token": True,
    }


def random_tensor(rng: random.Random, shape: Sequence[int], scale: float) -> bytes:
    """Return normally distributed f32 numbers."""
    count = 1
    for size in shape:
        count *= size
    return array("f", (rng.gauss(0.0, scale) for _ in range(count))).tobytes()


def never_ending(tensors: Sequence[tuple[str, Sequence[int], bytes]], width: int) -> list[tuple[str, Sequence[int], bytes]]:
    """Make the end token (0) as good as impossible: one number of each state stays constant, and only that token's logit falls with it."""
    changed: list[tuple[str, Sequence[int], bytes]] = []
    for name, shape, data in tensors:
        numbers = array("f", data)
        if name == "token_embd.weight":
            numbers[::width] = array("f", [3.0]) * (len(numbers) // width)
        elif name.endswith(("attn_output.weight", "ffn_down.weight")):
            numbers[: shape[0]] = array("f", bytes(4 * shape[0]))
        elif name == "output.weight":
            numbers[:width] = array("f", [-20.0, *[0.0] * (width - 1)])
        changed.append((name, shape, numbers.tobytes()))
    return changed


def tiny_model(seed: int = 1, *, endless: bool = False, fields: Mapping[str, Any] | None = None, **shape: Any) -> bytes:
    """Return a random model: equal arguments give equal files. `fields` are laid over its metadata; a vocabulary keeps its size."""
    metadata = {**tiny_metadata(**shape), **(fields or {})}
    width, hidden = metadata["llama.embedding_length"], metadata["llama.feed_forward_length"]
    rng = random.Random(seed)
    ones = array("f", [1.0] * width).tobytes()
    tensors: list[tuple[str, Sequence[int], bytes]] = [
        ("token_embd.weight", (width, len(vocabulary())), random_tensor(rng, (width, len(vocabulary())), 0.4)),
        ("output_norm.weight", (width,), ones),
        ("output.weight", (width, len(vocabulary())), random_tensor(rng, (width, len(vocabulary())), 0.3)),
    ]
    for layer in range(metadata["llama.block_count"]):
        tensors += [(f"blk.{layer}.{part}_norm.weight", (width,), ones) for part in ("attn", "ffn")]
        square = [f"blk.{layer}.attn_{part}.weight" for part in ("q", "k", "v", "output")]
        tensors += [(part, (width, width), random_tensor(rng, (width, width), 0.15)) for part in square]
        wide = [f"blk.{layer}.ffn_{part}.weight" for part in ("gate", "up")]
        tensors += [(part, (width, hidden), random_tensor(rng, (width, hidden), 0.15)) for part in wide]
        tensors.append((f"blk.{layer}.ffn_down.weight", (hidden, width), random_tensor(rng, (hidden, width), 0.1)))
    return gguf_bytes(metadata, never_ending(tensors, width) if endless else tensors)


def write_tiny(path: Path, seed: int = 1, **shape: Any) -> Path:
    """Write a random model and return its path."""
    path.write_bytes(tiny_model(seed, **shape))
    return path


def tiny_adapter(seed: int = 1, *, scale: float = 0.2, width: int = 64, layers: int = 2) -> bytes:
    """Return a LoRA adapter of rank 2 for a tiny model's query and output matrices."""
    rng = random.Random(seed)
    fields = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora", "adapter.lora.alpha": 2.0}
    names = [f"blk.{layer}.attn_{part}.weight" for layer in range(layers) for part in ("q", "output")]
    tensors: list[tuple[str, Sequence[int], bytes]] = []
    for name in names:
        tensors.append((f"{name}.lora_a", (width, 2), random_tensor(rng, (width, 2), scale)))
        tensors.append((f"{name}.lora_b", (2, width), random_tensor(rng, (2, width), scale)))
    return gguf_bytes(fields, tensors)


def chain_model(logit: Callable[[int, int], float], *, context: int = 2048, more: Mapping[str, Any] | None = None) -> bytes:
    """Return a model whose next token depends on the last one alone: `logit(last, next)`, exactly. `more` is laid over its metadata."""
    count = len(vocabulary())
    width = -(-count // 32) * 32
    fields = {"llama.embedding_length": width, "llama.feed_forward_length": 32, "llama.rope.dimension_count": width // 4}
    ones = array("f", [1.0] * width).tobytes()
    # One-hot rows as long as the norm makes them: layers that add nothing leave them as they are.
    inputs = array("f", bytes(4 * width * count))
    inputs[:: width + 1] = array("f", [width**0.5] * len(inputs[:: width + 1]))
    outputs = array(
        "f", (logit(last, following) / width**0.5 if last < count else 0.0 for following in range(count) for last in range(width))
    )
    none = {name: bytes(4 * width * size) for name, size in (("square", width), ("wide", 32))}
    tensors: list[tuple[str, Sequence[int], bytes]] = [
        ("token_embd.weight", (width, count), inputs.tobytes()),
        ("output_norm.weight", (width,), ones),
        ("output.weight", (width, count), outputs.tobytes()),
        *((f"blk.0.{part}_norm.weight", (width,), ones) for part in ("attn", "ffn")),
        *((f"blk.0.attn_{part}.weight", (width, width), none["square"]) for part in ("q", "k", "v", "output")),
        *((f"blk.0.ffn_{part}.weight", (width, 32), none["wide"]) for part in ("gate", "up")),
        ("blk.0.ffn_down.weight", (32, width), none["wide"]),
    ]
    return gguf_bytes({**tiny_metadata(context=context, layers=1, name="chain"), **fields, **(more or {})}, tensors)
