"""Loads a model into an engine, and says on what it really runs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refine_tui.core.errors import ModelError
from refine_tui.llama.adapters import LoadedAdapters
from refine_tui.llama.binding import Log, abort_when_set, lib
from refine_tui.llama.devices import Demand, Plan, devices, lesser, planned
from refine_tui.llama.engine import BRANCH_CELLS, ROWS, SAVED_BYTES, SEQUENCES, Engine, Memory, output_rows
from refine_tui.llama.pacing import ON_CPU, ON_GPU
from refine_tui.loop.ports.thinking import Device, ModelInfo

LARGEST_CONTEXT = 8192
"""Tokens of context when nothing else is asked for and the model allows as many."""
FLASH_ATTENTION_AUTO, FLASH_ATTENTION_OFF = -1, 0
SMALL_MODEL = 100_000_000
"""Parameters up to which flash attention is faster on a CPU; see docs/decisions/0013."""
NO_VOCABULARY = 0
QUICK_WORK = ROWS * 600_000_000
"""Tokens times parameters that a CPU computes with between two looks at the client's flag, as far as that goes."""
FEWEST_ROWS = 128
CELL_BYTES = 2
"""A number of a key or a value: half precision."""


@dataclass(frozen=True)
class Wish:
    """What the client asks to be loaded."""

    path: str
    name: str = ""
    context_tokens: int | None = None
    """`None`: what the model was trained for, at most `LARGEST_CONTEXT`."""
    gpu_layers: int | None = None
    """`None`: as many as fit; negative: all."""
    threads: int | None = None
    """`None`: all cores but one."""
    profile: str = "line-edit"
    saved_bytes: int = SAVED_BYTES
    drafting: bool = True
    """Whether tokens may be guessed from what is being copied."""


def load(wish: Wish, log: Log, step: Callable[[], None], abort_address: int) -> tuple[Engine, ModelInfo]:
    """Load a model.

    Args:
        wish: what to load and how.
        log: where llama.cpp's words go.
        step: called before each decode.
        abort_address: address of the byte that ends a decode when it is not zero.

    Raises:
        ModelError: llama.cpp cannot load it or there is no memory for its context.
    """
    lib.llama_backend_init()
    found = devices()
    plan, demand = Plan(0), Demand(0, 0, 0, 0)
    if wish.gpu_layers != 0:
        demand = weighed(wish) if any(device.is_gpu for device in found) else demand
        plan = planned(wish.gpu_layers, found, demand)
    plan, model, context, context_tokens, threads = loaded(wish, plan, demand, log)
    abort_when_set(context, abort_address)
    on_gpu = any(place != "CPU" for place in log.layers.values())
    costs = (ON_GPU if on_gpu else ON_CPU) if wish.drafting else None
    memory = Memory(not on_gpu, wish.saved_bytes, costs)
    engine = Engine(model, context, context_tokens=context_tokens, step=step, memory=memory, adapters=LoadedAdapters(model, context, log))
    return engine, describe(model, wish, found, log, threads, context_tokens, plan.warnings)


def loaded(wish: Wish, plan: Plan, demand: Demand, log: Log) -> tuple[Plan, Any, Any, int, int]:
    """Load as planned, and with fewer layers on the GPU while it cannot be done.

    Returns:
        The plan that worked, with what to tell the user; the model, its context, the context's size, and the threads.
    """
    try:
        return open_both(wish, plan, log)
    except ModelError as error:
        if not plan.layers:
            raise
        refusal = error
    for less in lesser(plan, demand, reason(log)):
        log.forget()
        with suppress(ModelError):
            return open_both(wish, less, log)
    raise refusal


def open_both(wish: Wish, plan: Plan, log: Log) -> tuple[Plan, Any, Any, int, int]:
    """Open the file and make a context. Returns and raises as `loaded`."""
    model = open_model(wish.path, plan.layers, log)
    try:
        refuse_unsuitable(model, wish.path)
        tokens, more = context_size(wish.context_tokens, lib.llama_model_n_ctx_train(model))
        threads = wish.threads or (1 if plan.layers > lib.llama_model_n_layer(model) else max(1, usable_cores() - 1))
        context = open_context(model, tokens, threads, log, on_gpu=bool(plan.layers))
    except ModelError:
        lib.llama_model_free(model)
        raise
    return replace(plan, warnings=(*plan.warnings, *more)), model, context, tokens, threads


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def weighed(wish: Wish) -> Demand:
    """Return what a model will take, from its file's size and header; its weights are not loaded.

    Raises:
        ModelError: it cannot be read.
    """
    params = lib.llama_model_default_params()
    params.vocab_only = True
    model = lib.llama_model_load_from_file(os.fsencode(wish.path), params)
    if not model:
        raise ModelError(f"llama.cpp cannot read {wish.path}")
    try:
        layers = number(model, "block_count", 1)
        tokens, _ = context_size(wish.context_tokens, number(model, "context_length", LARGEST_CONTEXT))
        heads = number(model, "attention.head_count", 1)
        size = number(model, "embedding_length", 1) // max(1, heads)
        width = number(model, "attention.head_count_kv", heads) * (
            number(model, "attention.key_length", size) + number(model, "attention.value_length", size)
        )
        vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
    finally:
        lib.llama_model_free(model)
    context_bytes = (tokens + BRANCH_CELLS) * width * layers * CELL_BYTES
    return Demand(layers, Path(wish.path).stat().st_size, context_bytes, output_rows(vocabulary) * vocabulary * 4)


def number(model: Any, key: str, otherwise: int) -> int:
    """Return one of the architecture's own numbers."""
    text = metadata(model, f"{architecture(model)}.{key}")
    return int(text) if text.isdecimal() else otherwise


def open_model(path: str, layers: int, log: Log) -> Any:
    """Open a GGUF file.

    Raises:
        ModelError: llama.cpp refuses it.
    """
    params = lib.llama_model_default_params()
    params.n_gpu_layers = layers
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise ModelError(f"llama.cpp cannot load {path}: {reason(log)}")
    return model


def reason(log: Log) -> str:
    """Return the first of llama.cpp's last complaints: the later ones only repeat that loading failed."""
    return log.errors[0] if log.errors else "it gave no reason"


def refuse_unsuitable(model: Any, path: str) -> None:
    """Raise `ModelError` for models that cannot continue text from a shared prefix."""
    if lib.llama_vocab_type(lib.llama_model_get_vocab(model)) == NO_VOCABULARY:
        raise ModelError(f"{path} has no vocabulary: it cannot read text")
    if lib.llama_model_has_encoder(model) or not lib.llama_model_has_decoder(model):
        raise ModelError(f"{path} is not a decoder ({architecture(model)}): it cannot continue text")
    if lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model):
        raise ModelError(f"{path} is a recurrent model ({architecture(model)}): its state cannot be shared between candidates; use another")


def context_size(asked: int | None, trained: int) -> tuple[int, tuple[str, ...]]:
    """Return the context to use, and a warning when it is less than asked for."""
    if asked is None:
        return min(trained, LARGEST_CONTEXT), ()
    if asked > trained:
        return trained, (f"A context of {asked:,} tokens was asked for; the model was trained for {trained:,}, which is what it has.",)
    return asked, ()


def open_context(model: Any, context_tokens: int, threads: int, log: Log, *, on_gpu: bool = False) -> Any:
    """Make a context whose sequences share one pool of cells.

    Raises:
        ModelError: there is no memory for it.
    """
    params = lib.llama_context_default_params()
    params.n_ctx = context_tokens + BRANCH_CELLS
    params.n_batch = params.n_ubatch = ROWS if on_gpu else rows_of(lib.llama_model_n_params(model))
    params.n_seq_max = SEQUENCES
    params.n_outputs_max = output_rows(lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model)))
    params.n_threads = params.n_threads_batch = threads
    params.kv_unified = params.swa_full = params.no_perf = True
    large = lib.llama_model_n_params(model) > SMALL_MODEL
    params.flash_attn_type = FLASH_ATTENTION_OFF if large and not on_gpu else FLASH_ATTENTION_AUTO
    context = lib.llama_init_from_model(model, params)
    if not context:
        raise ModelError(f"llama.cpp cannot make a context of {context_tokens:,} tokens: {reason(log)}; ask for a smaller one")
    return context


def rows_of(parameters: int) -> int:
    """Return how many tokens a CPU computes at once: a cancel waits for one product of matrices, which should take milliseconds."""
    rows = ROWS
    while rows > FEWEST_ROWS and rows * parameters > QUICK_WORK:
        rows //= 2
    return rows


def metadata(model: Any, key: str) -> str:
    """Return one of the file's text values, or an empty string."""
    buffer = ctypes.create_string_buffer(256)
    size = lib.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if size > 0 else ""


def architecture(model: Any) -> str:
    """Return the architecture's name."""
    return metadata(model, "general.architecture")


def token_text(vocab: Any, token: int) -> str:
    """Return a token as it is written; nothing for one that does not exist."""
    if token < 0:
        return ""
    buffer = ctypes.create_string_buffer(256)
    size = lib.llama_token_to_piece(vocab, token, buffer, len(buffer), 0, True)
    return buffer.raw[: max(size, 0)].decode("utf-8", "replace")


def describe(
    model: Any, wish: Wish, found: Sequence[Device], log: Log, threads: int, context_tokens: int, warnings: tuple[str, ...]
) -> ModelInfo:
    """Return what is loaded and where it runs, from what llama.cpp did and not from what it was asked."""
    layers = int(lib.llama_model_n_layer(model))
    gpus = [device for device in found if device.is_gpu]
    used = [gpu for gpu in gpus if gpu.name in log.layers.values()]
    offloaded = sum(log.layers.get(layer) in {gpu.name for gpu in gpus} for layer in range(layers))
    if wish.gpu_layers != 0 and gpus and not offloaded:
        warnings += (f"No layer was offloaded to {gpus[0].description}: THE MODEL RUNS ON THE CPU.",)
    template, vocab = lib.llama_model_chat_template(model, None), lib.llama_model_get_vocab(model)
    taken = sum(size for buffer, size in log.buffers.items() if buffer.startswith(tuple(gpu.name for gpu in used)))
    cpu = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return ModelInfo(
        name=wish.name or metadata(model, "general.name") or Path(wish.path).stem,
        path=wish.path,
        architecture=architecture(model),
        quantisation=lib.llama_ftype_name(lib.llama_model_ftype(model)).decode(),
        parameters=int(lib.llama_model_n_params(model)),
        context_tokens=context_tokens,
        device=f"{' + '.join(gpu.description for gpu in used)}, {offloaded} of {layers} layers, {taken / 1024:.1f} GB"
        if offloaded
        else cpu,
        layers_offloaded=offloaded,
        layers=layers,
        profile=wish.profile,
        chat_template=template.decode("utf-8", "replace") if template else "",
        bos_token=token_text(vocab, lib.llama_vocab_bos(vocab)),
        eos_token=token_text(vocab, lib.llama_vocab_eos(vocab)),
        adds_bos=bool(lib.llama_vocab_get_add_bos(vocab)),
        warnings=warnings,
        devices=tuple(found),
    )
