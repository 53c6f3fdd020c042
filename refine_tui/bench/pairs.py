"""One model loaded twice: in our engine as the program uses it, and in plain llama.cpp; and texts to ask both about."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from refine_tui.bench.gguf_writing import Chain
from refine_tui.bench.hosting import Hosted
from refine_tui.bench.machine import usable_cores
from refine_tui.bench.measuring import Spent, process_clock
from refine_tui.loop.ports.thinking import Completion, Generator, ModelInfo, Request, Sampling

QUIET = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1"}
"""What our worker starts with."""


class Subject(Generator, Protocol):
    """Our engine, as the program uses it."""

    @property
    def worker_pid(self) -> int | None:
        """The process that computes."""

    def cancel(self) -> None:
        """Stop what is being computed; from any thread."""

    def stats(self) -> Any:
        """Return what was counted; its `counters` has `rows`, `decodes`, `drafted` and `accepted`, among others."""


@dataclass(frozen=True)
class Lab:
    """What is compared, handed in by the composition root."""

    ours: Callable[[Path, int | None, int | None, bool], Subject]
    """Makes our engine from a file, threads, GPU layers, and whether it may guess what is copied."""
    plain: Callable[..., Any]
    """Makes `llama_cpp.Llama` behind a few methods, in a process of its own; importable by its name."""
    probe: Callable[..., Any]
    """The same for single parts of our engine."""
    library: Callable[..., Any]
    """The same for what is installed."""
    shipped: Callable[[], Path]
    """Finds the model that ships."""
    cache: Path
    """Where generated models are kept."""


class Texts:
    """Prompts that have nothing in common, as long as one likes."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._next = 0
        self.words_per_token = 1.0
        """Less than 1 for a model that does not know the words."""

    def fresh(self, tokens: int) -> str:
        """Return a text of about as many tokens that was not given out before."""
        count = max(1, int(tokens * self.words_per_token))
        self._next += count
        return "".join(self.chain.text(self._next - count, count))

    def after(self, count: int) -> str:
        """Return what the chain says after the last fresh text."""
        return "".join(self.chain.text(self._next, count))


@dataclass
class Pair:
    """Our engine and plain llama.cpp with the same model."""

    name: str
    path: Path
    lab: Lab
    texts: Texts
    ours: Subject
    plain: Hosted
    probe: Hosted
    threads: int
    gpu_layers: int | None
    repeats: int
    is_chain: bool
    """Whether the model's greedy output is known: a generated one."""
    loaded: ModelInfo
    clock: Callable[[], float] = field(default=lambda: 0.0)

    @property
    def on_gpu(self) -> bool:
        """Whether layers really run on a GPU."""
        return self.loaded.layers_offloaded > 0

    @property
    def counts_cpu(self) -> bool:
        """Whether seconds of computing are the fair measure: one thread, which another process cannot slow by much."""
        return not self.on_gpu and self.threads == 1 and self.clock() > 0

    def seconds(self, spent: tuple[float, float]) -> float:
        """Return the seconds that count."""
        return spent[1] if self.counts_cpu else spent[0]

    def ask(
        self, prompt: str, *, count: int = 1, tokens: int = 1, temperature: float = 0.0, grammar: str = ""
    ) -> tuple[list[Completion], float]:
        """Let our engine write; return what it wrote and the seconds."""
        request = Request(prompt, count, tokens, Sampling(temperature), grammar=grammar)
        return self.timed(lambda: [part for part in self.ours.complete(request, lambda: False) if isinstance(part, Completion)])

    def ask_plain(self, prompt: str, *, tokens: int = 1, temperature: float = 0.0, grammar: str = "") -> tuple[str, int, float]:
        """Let plain llama.cpp write; return the text, its tokens and the seconds."""
        text, count, spent = self.plain.call("write", prompt, tokens, temperature, grammar)
        return text, count, self.seconds(spent)

    def timed(self, act: Callable[[], Any]) -> tuple[Any, float]:
        """Do something with our engine; return its result and the seconds."""
        wall, cpu = time.perf_counter(), self.clock()
        result = act()
        return result, self.seconds(Spent(time.perf_counter() - wall, self.clock() - cpu))

    def prompt_tokens(self, wanted: int) -> int:
        """Return a prompt's length that leaves half of the context free."""
        return min(wanted, self.loaded.context_tokens // 2)

    def runs(self) -> Iterator[int]:
        """Count the repeats."""
        return iter(range(self.repeats))


@contextmanager
def open_pair(
    lab: Lab, path: Path, name: str, chain: Chain | None, *, threads: int | None, gpu_layers: int | None, repeats: int, words: Chain
) -> Iterator[Pair]:
    """Load a model three times and end all of it afterwards: our engine, plain llama.cpp, and the engine's parts."""
    count = threads or max(1, usable_cores() - 1)
    with ExitStack() as stack:
        ours = lab.ours(path, threads, gpu_layers, True)
        stack.callback(ours.close)
        loaded = ours.load()
        plain = stack.enter_context(Hosted(lab.plain, str(path), loaded.context_tokens, count, gpu_layers))
        probe = stack.enter_context(Hosted(lab.probe, str(path), count, gpu_layers, environment=QUIET))
        texts = Texts(chain or words)
        pair = Pair(name, path, lab, texts, ours, plain, probe, count, gpu_layers, repeats, chain is not None, loaded)
        pair.clock = process_clock(ours.worker_pid or 0)
        if chain is None:
            sample = "".join(words.text(0, 100))
            texts.words_per_token = 100 / plain.call("tokens", sample)
        warm_up(pair)
        yield pair


@contextmanager
def another(pair: Pair, *, threads: int | None = None, drafting: bool = True) -> Iterator[Pair]:
    """Load our engine once more, in another way."""
    ours = pair.lab.ours(pair.path, threads or pair.threads, pair.gpu_layers, drafting)
    try:
        ours.load()
        yield replace(pair, ours=ours, threads=threads or pair.threads, clock=process_clock(ours.worker_pid or 0))
    finally:
        ours.close()


def warm_up(pair: Pair) -> None:
    """Let both compute once: the first time reads weights from the disk and builds graphs."""
    prompt = pair.texts.fresh(pair.prompt_tokens(64))
    for count in (1, 4):
        pair.ask(prompt, count=count, tokens=4)
    pair.ask_plain(prompt, tokens=4)
    pair.probe.call("decode", prompt, pair.texts.after(4))


def medians(pairs: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the median of each column."""
    return tuple(statistics.median(column) for column in zip(*pairs, strict=True))


def delays(longest: float) -> Iterator[float]:
    """Yield moments spread over a span, so that equal figures are no coincidence of one moment."""
    return (longest * (0.1 + 0.8 * (place * 0.618034 % 1.0)) for place in itertools.count(1))
