"""Weights to a GGUF file for llama.cpp."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gguf

from refine_tui.learn.network import Network, Shape
from refine_tui.learn.tokenizer import PRE_TOKENIZER, Vocabulary


@dataclass(frozen=True, slots=True)
class Label:
    """What the file says about itself."""

    file_stem: str
    name: str
    licence: str
    version: str = "1"


Quantisation = Literal["F16", "Q8_0"]
"""How matrices are stored: two bytes a number, or blocks of 32 numbers of one byte and their scale."""


def write_gguf(path: Path, network: Network, vocabulary: Vocabulary, label: Label, quantisation: Quantisation = "F16") -> None:
    """Write matrices as asked and norms as f32; the file appears whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    partial = path.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "llama")
    kind = gguf.GGMLQuantizationType[quantisation]
    _describe(writer, network.shape, label, quantisation)
    _add_vocabulary(writer, vocabulary)
    for name, weight in network.llama_state().items():
        array = weight.float().cpu().numpy()
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            array = interleave(array, network.shape.heads)
        if array.ndim == 2:
            writer.add_tensor(_gguf_name(name), gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(_gguf_name(name), array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)


def interleave(weight: Any, heads: int) -> Any:
    """Reorder query or key rows from halves (i, i + half) to neighbours (2i, 2i + 1), which is how llama.cpp rotates."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _describe(writer: Any, shape: Shape, label: Label, quantisation: Quantisation) -> None:
    writer.add_name(label.name)
    writer.add_license(label.licence)
    writer.add_version(label.version)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{quantisation}"])
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_vocab_size(shape.vocabulary)


def _add_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:
    model = json.loads(vocabulary.tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    marks = set(vocabulary.marks)
    kinds = [gguf.TokenType.CONTROL if token in marks else gguf.TokenType.NORMAL for token in tokens]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(vocabulary.end)
    writer.add_eos_token_id(vocabulary.end)
    writer.add_pad_token_id(vocabulary.end)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)


def _gguf_name(name: str) -> str:
    """Return the GGUF name of a weight that has its `transformers` name."""
    places = {
        "input_layernorm": "attn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, place = name.split(".", 3)
    return f"blk.{layer}.{places[place.removesuffix('.weight')]}.weight"
