"""The network: a small Llama, written for training speed on a CPU and named so that any Llama reader can take its weights.

Only the final states that carry a loss go through the output layer: with a vocabulary of 4,096 that layer and its softmax
would otherwise cost as much as the rest of a network this narrow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the network."""

    vocabulary: int = 4096
    context: int = 1024
    """Tokens the position encoding is trained for."""
    width: int = 256
    layers: int = 6
    heads: int = 4
    feed_forward: int = 704
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Numbers per attention head."""
        return self.width // self.heads

    def llama_config(self) -> dict[str, Any]:
        """Return the keyword arguments of `transformers.LlamaConfig` for this shape."""
        return {
            "vocab_size": self.vocabulary,
            "hidden_size": self.width,
            "intermediate_size": self.feed_forward,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "max_position_embeddings": self.context,
            "rms_norm_eps": self.norm_epsilon,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_base},
            "tie_word_embeddings": True,
        }


class Norm(nn.Module):  # type: ignore[misc] # torch is not there where types are checked
    """Scale each vector to unit mean square, then by learned weights."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x`."""
        return functional.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


class Attention(nn.Module):  # type: ignore[misc] # torch is not there where types are checked
    """Causal self-attention with rotary positions, halves rotated as in `transformers`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(shape.width, shape.width, bias=False))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """Attend within each row: `x` is (batch, length, width), `cos` and `sin` (length, head width).

        `mask` says which position may look at which, (length, length); None means at itself and all before.
        """
        batch, length, width = x.shape

        def split(layer: nn.Module) -> Tensor:
            out: Tensor = layer(x).view(batch, length, self.shape.heads, self.shape.head_width).transpose(1, 2)
            return out

        query, key = rotate(split(self.q_proj), cos, sin), rotate(split(self.k_proj), cos, sin)
        mixed = functional.scaled_dot_product_attention(query, key, split(self.v_proj), mask, is_causal=mask is None)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class FeedForward(nn.Module):  # type: ignore[misc] # torch is not there where types are checked
    """The gated feed-forward layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x`."""
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):  # type: ignore[misc] # torch is not there where types are checked
    """Attention and feed-forward, each behind a norm and added to the stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = Norm(shape.width, shape.norm_epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape.width, shape.norm_epsilon)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """Return the stream after this layer."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Network(nn.Module):  # type: ignore[misc] # torch is not there where types are checked
    """Token ids in, final states out; `logits` turns states into scores with the tied embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.norm_epsilon)
        cos, sin = rotations(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.start()

    def start(self) -> None:
        """Draw the first weights; layers that write to the stream begin smaller, the deeper the network is."""
        for name, weight in self.named_parameters():
            if weight.ndim < 2:
                continue
            quiet = name.endswith(("o_proj.weight", "down_proj.weight"))
            nn.init.normal_(weight, std=0.02 / math.sqrt(2 * self.shape.layers) if quiet else 0.02)

    def forward(self, tokens: Tensor, positions: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the final states, (batch, length, width), for token ids (batch, length).

        Args:
            tokens: ids.
            positions: place of each column, (length,); None counts from 0.
            mask: which column may look at which, (length, length); None means at itself and all before.
        """
        places = slice(tokens.shape[1]) if positions is None else positions
        x = self.embed_tokens(tokens)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.bfloat16)
        cos, sin = self.cos[places].to(x.dtype), self.sin[places].to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        out: Tensor = self.norm(x)
        return out

    def logits(self, states: Tensor) -> Tensor:
        """Return scores over the vocabulary for final states of any leading shape."""
        return functional.linear(states, self.embed_tokens.weight)

    def matrices(self) -> Iterator[nn.Parameter]:
        """Yield the weights inside the layers that are matrices."""
        yield from (weight for weight in self.layers.parameters() if weight.ndim == 2)

    def llama_state(self) -> dict[str, Tensor]:
        """Return the weights under the names of `transformers.LlamaForCausalLM`."""
        return {f"model.{name}": weight.detach() for name, weight in self.state_dict().items()}

    def describe(self) -> dict[str, Any]:
        """Return the shape and the number of parameters."""
        return {**asdict(self.shape), "parameters": sum(weight.numel() for weight in self.parameters())}


def rotations(shape: Shape) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines of the rotary positions, each (context, head width)."""
    half = shape.head_width // 2
    speed = shape.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(shape.context, dtype=torch.float32)[:, None] * speed[None, :]
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (i, i + half) of the last axis by its position's angle."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-right, left], dim=-1) * sin
