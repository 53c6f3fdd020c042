"""`refine-tui bench engine`: which rows are measured on which models, in which order, and on what machine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from refine_tui.bench import engine_rows as rows
from refine_tui.bench.gguf_writing import GRAMMAR, HALF, SEVEN, TOY, Chain, Shape, model_file
from refine_tui.bench.hosting import Hosted
from refine_tui.bench.machine import machine_facts
from refine_tui.bench.measuring import Row, refuse_unknown
from refine_tui.bench.pairs import Lab, Pair, open_pair
from refine_tui.core.errors import RefineError

Measure = Callable[[Pair], Iterator[Row]]
Say = Callable[[str], None]

ROWS: dict[str, Measure] = {
    "computed": rows.computed,
    "speed": rows.speed,
    "first-token": rows.first_token,
    "best-of": rows.best_of,
    "batch": rows.batched,
    "overhead": rows.overhead,
    "lookup": rows.lookup,
    "no-loss": rows.no_loss,
    "grammar": rows.grammar,
    "state": rows.state,
    "cancel": rows.cancel,
    "ticks": rows.ticks,
    "adapter": rows.adapters,
    "busy": rows.busy,
    "load": rows.load,
}
ANY_MODEL = ("speed", "first-token", "best-of", "batch", "overhead", "load")
"""Rows that need no model whose output is known."""
LARGE = ("speed", "first-token", "best-of", "batch", "overhead", "lookup", "no-loss", "cancel", "load")
CPU_ONLY = ("busy",)
REPEATS, QUICK_REPEATS = 5, 1
LARGE_NEEDS_BYTES = 24e9
"""Free GPU memory from which on the large shape is measured: it is loaded three times."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for."""

    rows: tuple[str, ...] = ()
    """Names from `ROWS`; empty: all."""
    model: Path | None = None
    """A file to measure in place of all others."""
    shapes: tuple[str, ...] = ()
    """Names from `SHAPES`; empty: what suits the device."""
    threads: int | None = None
    gpu_layers: int | None = None
    quick: bool = False
    repeats: int | None = None
    """`None`: `REPEATS`, or once for a quick run."""


@dataclass(frozen=True)
class Subject:
    """A model and the rows that are measured on it."""

    name: str
    path: Callable[[], Path]
    chain: Chain | None
    rows: Sequence[str]
    is_judged: bool = True
    """Whether the targets for times are meant for it. Those for counts hold for every model."""
    needs_gpu_bytes: float = 0.0
    """It is left out when less GPU memory is free."""


SHAPES = {"toy": TOY, "0.5b": HALF, "152k": GRAMMAR, "7b": SEVEN}


def measure(lab: Lab, wish: Wish, say: Say) -> Iterator[Row]:
    """Yield each row as soon as it is measured. What cannot be measured is a row that says why.

    Raises:
        UsageError: a row or a shape is not known.
    """
    refuse_unknown(wish.rows, ROWS, "row")
    refuse_unknown(wish.shapes, SHAPES, "shape")
    gpu_bytes = 0
    for subject in chosen(lab, wish):
        names = [name for name in subject.rows if not wish.rows or name in wish.rows]
        if names and gpu_bytes >= subject.needs_gpu_bytes:
            gpu_bytes = yield from measured(lab, wish, subject, names, say)


def chosen(lab: Lab, wish: Wish) -> list[Subject]:
    """Return what is to be measured."""
    if wish.model is not None:
        path = wish.model
        return [Subject(path.name, lambda: path, None, ANY_MODEL, is_judged=False)]
    if wish.shapes:
        return [generated(lab, SHAPES[name], list(ROWS)) for name in wish.shapes]
    if wish.quick:
        return [generated(lab, TOY, list(ROWS))]
    main = [name for name in ROWS if name != "grammar"]
    found = [generated(lab, HALF, main), generated(lab, GRAMMAR, ["grammar"])]
    found.append(Subject("the model that ships", lab.shipped, None, ANY_MODEL, is_judged=False))
    return [*found, replace(generated(lab, SEVEN, LARGE), needs_gpu_bytes=LARGE_NEEDS_BYTES)]


def generated(lab: Lab, shape: Shape, names: Sequence[str]) -> Subject:
    """Return a model with random weights."""
    name = f"random weights, {shape.name} ({shape.layers} layers, width {shape.width}, V={shape.vocabulary:,}), {shape.kind}"
    return Subject(name, lambda: model_file(shape, lab.cache), Chain(shape), names, is_judged=shape is not TOY)


def measured(lab: Lab, wish: Wish, subject: Subject, names: Sequence[str], say: Say) -> Generator[Row, None, int]:
    """Yield the rows of one model, and return the memory that was free on the GPUs in use."""
    say(f"{subject.name}: making and loading it")
    repeats = wish.repeats or (QUICK_REPEATS if wish.quick else REPEATS)
    try:
        pair_of = open_pair(
            lab,
            subject.path(),
            subject.name,
            subject.chain,
            threads=wish.threads,
            gpu_layers=wish.gpu_layers,
            repeats=repeats,
            words=Chain(TOY),
        )
        with pair_of as pair:
            yield finished(Row("loaded", note=" ".join((describe(pair), *pair.loaded.warnings))), pair, subject)
            for place, name in enumerate(names, start=1):
                say(f"{subject.name}: {place}/{len(names)} {name}")
                for found in attempted(pair, name):
                    yield finished(found, pair, subject)
            return sum(device.free_bytes for device in pair.loaded.devices if device.is_gpu) if pair.on_gpu else 0
    except RefineError as error:
        yield Row("load", model=subject.name, unavailable=str(error))
    return 0


def describe(pair: Pair) -> str:
    """Return what is really loaded."""
    loaded = pair.loaded
    return f"{loaded.quantisation}, {loaded.parameters / 1e6:,.0f} M parameters, context {loaded.context_tokens:,}, {loaded.device}."


def finished(found: Row, pair: Pair, subject: Subject) -> Row:
    """Return a row with what it was measured on."""
    basis = found.basis or ("cpu" if pair.counts_cpu else "wall")
    if not subject.is_judged and basis != "count":
        found = replace(found, target=None, ok=None)
    return replace(found, model=subject.name, device=pair.loaded.device, basis=basis)


def attempted(pair: Pair, name: str) -> Iterator[Row]:
    """Yield a measurement's rows; one that fails says so and does not end the others."""
    if pair.on_gpu and name in CPU_ONLY:
        yield Row(name, unavailable="a row for the CPU")
        return
    try:
        yield from ROWS[name](pair)
    except RefineError as error:
        yield Row(name, unavailable=str(error))


def machine(lab: Lab) -> dict[str, object]:
    """Return what the figures were measured on.

    Raises:
        ModelError: llama-cpp-python cannot be loaded.
    """
    with Hosted(lab.library) as library:
        version, devices = library.call("devices")
    return {**machine_facts(), "llama_cpp_python": version, "devices": [asdict(device) for device in devices]}
