"""The training loop: seeded, resumable at any batch, one schedule for the rate.

Work is cut into *chunks* of functions, and some chunks in a row are shuffled together. Their examples, order and batches follow
from the seed and the chunks' numbers alone, so that a run that was stopped makes them again and goes on at the batch where it stood.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from refine_tui.learn.network import Network

Log = Callable[[str], None]
MakeChunk = Callable[[int], Sequence["Tokens"]]
"""The chunk with this number."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One example as token ids."""

    ids: tuple[int, ...]
    answer_start: int
    """Index of the answer's first token."""
    families: tuple[str, ...] = ()
    """Of the bugs the answer mends."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to learn."""

    tokens: int = 10_000_000
    """Tokens to read, padding left out."""
    batch_tokens: int = 4096
    """Tokens a step, padding counted."""
    peak_rate: float = 3e-3
    warmup: float = 0.02
    """Share of the tokens during which the rate rises."""
    falling: float = 1.0
    """Share of the tokens, the last ones, during which the rate falls to nothing; before it stays at its peak."""
    code_weight: float = 0.1
    """Loss weight of a token of code; a token of the answer weighs 1."""
    code_sample: float = 0.25
    """Share of the code's tokens that are scored at all, each weighing the more."""
    decay: float = 0.02
    clip: float = 1.0
    bfloat16: bool = True
    threads: int = 2
    device: str = "cpu"
    """`cpu` or `cuda`."""
    window: int = 1
    """Chunks shuffled together: batches larger than a chunk's functions are worth more when they are mixed."""
    save_every: float = 240.0
    """Seconds between checkpoints."""

    def rate(self, tokens: int) -> float:
        """Return the rate after that many tokens."""
        done = tokens / self.tokens
        rising = min(1.0, (done + 1e-4) / self.warmup) if self.warmup else 1.0
        return self.peak_rate * rising * min(1.0, max(0.0, 1.0 - done) / self.falling)


@dataclass
class Progress:
    """Where a run stands."""

    chunk: int = 0
    batch: int = 0
    """Next batch of the chunk."""
    step: int = 0
    tokens: int = 0
    examples: int = 0
    seconds: float = 0.0
    answer_loss: float = 0.0
    """Moving mean, nats a token."""
    families: Counter[str] = field(default_factory=Counter)
    """Bugs learned from, by family."""


class Trainer:
    """Holds the network, its optimisers and the progress; `run` carries on to the end of the plan."""

    def __init__(self, network: Network, plan: Plan, make_chunk: MakeChunk, seed: int, pad: int) -> None:
        self.network = network.to(plan.device)
        self.plan = plan
        self.progress = Progress()
        self._make_chunk = make_chunk
        self._seed = seed
        self._pad = pad
        matrices = list(network.matrices())
        inner = {id(weight) for weight in matrices}
        others = [weight for weight in network.parameters() if id(weight) not in inner]
        # Orthogonalised steps for the layers' matrices: a network this small gets further on the same tokens.
        self._optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=plan.peak_rate, weight_decay=plan.decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=plan.peak_rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]

    def run(self, log: Log, save: Callable[[], None], stop: Callable[[], bool] = lambda: False) -> bool:
        """Learn until the plan's tokens are read; return False when `stop` ended it before, with everything saved."""
        saved = begun = time.monotonic()
        before = self.progress.seconds
        while self.progress.tokens < self.plan.tokens:
            window = range(self.progress.chunk, self.progress.chunk + self.plan.window)
            sequences = [sequence for chunk in window for sequence in self._make_chunk(chunk)]
            batches = make_batches(sequences, self.plan.batch_tokens, random.Random(f"{self._seed}/{self.progress.chunk}"))
            for batch in batches[self.progress.batch :]:
                self._step(batch)
                self.progress.seconds = before + time.monotonic() - begun
                if self.progress.step % 50 == 0:
                    log(self.describe())
                stopping = stop() or self.progress.tokens >= self.plan.tokens
                if stopping or time.monotonic() - saved > self.plan.save_every:
                    saved = time.monotonic()
                    save()
                if stopping:
                    return self.progress.tokens >= self.plan.tokens
            self.progress.chunk += self.plan.window
            self.progress.batch = 0
        return True

    def describe(self) -> str:
        """Return one line for the log."""
        now = self.progress
        speed = now.tokens / now.seconds if now.seconds else 0.0
        return (
            f"step {now.step} chunk {now.chunk} tokens {now.tokens / 1e6:.2f}M examples {now.examples} "
            f"answer loss {now.answer_loss:.4f} rate {self.plan.rate(now.tokens):.2e} {speed:.0f} tokens/s"
        )

    def _step(self, batch: Sequence[Tokens]) -> None:
        rate = self.plan.rate(self.progress.tokens)
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self.progress.step)
        tokens, targets, weights = (each.to(self.plan.device) for each in collate(batch, self._pad, self.plan, generator))
        loss, answer = self._loss(tokens, targets, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        for optimiser in self._optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self._count(batch, answer)

    def _loss(self, tokens: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, float]:
        scored = weights > 0
        with torch.autocast(self.plan.device, torch.bfloat16, enabled=self.plan.bfloat16):
            logits = self.network.logits(self.network(tokens)[scored])
        each = functional.cross_entropy(logits.float(), targets[scored], reduction="none")
        share = weights[scored]
        answers = share == 1.0
        return (each * share).sum() / share.sum(), float(each[answers].mean().detach())

    def _count(self, batch: Sequence[Tokens], answer: float) -> None:
        now = self.progress
        now.tokens += sum(len(sequence.ids) for sequence in batch)
        now.examples += len(batch)
        now.families.update(family for sequence in batch for family in sequence.families)
        now.answer_loss = answer if now.step == 0 else 0.98 * now.answer_loss + 0.02 * answer
        now.step += 1
        now.batch += 1

    def save(self, path: Path) -> None:
        """Write everything that `load` needs, at once or not at all."""
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "progress": self.progress,
        }
        partial = path.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Go back to where `save` was called; the file must come from this recipe, it is unpickled."""
        state = torch.load(path, map_location=self.plan.device, weights_only=False)
        self.network.load_state_dict(state["network"])
        for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.progress = state["progress"]


def make_batches(sequences: Sequence[Tokens], batch_tokens: int, rng: random.Random) -> list[list[Tokens]]:
    """Return batches of sequences of like length, at most `batch_tokens` each with padding, in random order."""
    order = sorted(sequences, key=lambda each: (len(each.ids), rng.random()))
    batches: list[list[Tokens]] = []
    batch: list[Tokens] = []
    for sequence in order:
        if batch and (len(batch) + 1) * len(sequence.ids) > batch_tokens:
            batches.append(batch)
            batch = []
        batch.append(sequence)
    if batch:
        batches.append(batch)
    rng.shuffle(batches)
    return batches


def collate(batch: Sequence[Tokens], pad: int, plan: Plan, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return input ids, target ids and loss weights, each (batch, longest - 1)."""
    longest = max(len(sequence.ids) for sequence in batch)
    ids = torch.full((len(batch), longest), pad)
    answer = torch.zeros((len(batch), longest), dtype=torch.bool)
    real = torch.zeros((len(batch), longest), dtype=torch.bool)
    for row, sequence in enumerate(batch):
        ids[row, : len(sequence.ids)] = torch.tensor(sequence.ids)
        answer[row, sequence.answer_start : len(sequence.ids)] = True
        real[row, : len(sequence.ids)] = True
    sampled = torch.rand(ids.shape, generator=generator) < plan.code_sample
    weights = answer.float() + (real & ~answer & sampled).float() * (plan.code_weight / plan.code_sample)
    return ids[:, :-1], ids[:, 1:], weights[:, 1:]
