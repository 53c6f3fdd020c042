"""Loads a model into an engine, and says on what it really runs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refine_tui.core.errors import ModelError
from refine_tui.llama.binding import GPU_BUILD, Device, Log, abort_when_set, devices, lib
from refine_tui.llama.engine import BRANCH_CELLS, ROWS, SEQUENCES, Engine, output_rows
from refine_tui.loop.ports.thinking import ModelInfo

LARGEST_CONTEXT = 8192
"""Tokens of context when nothing else is asked for and the model allows as many."""
ALL_LAYERS = 999
FLASH_ATTENTION_AUTO = -1
NO_VOCABULARY = 0
GPU_MARGIN = 0.85
"""Share of a GPU's free memory that weights and context may take; the rest is for computing."""


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
    layers, warnings = layers_to_offload(wish, found)
    model = open_model(wish.path, layers, log)
    refuse_unsuitable(model, wish.path)
    context_tokens, more = context_size(wish.context_tokens, lib.llama_model_n_ctx_train(model))
    threads = wish.threads or max(1, usable_cores() - 1)
    context = open_context(model, context_tokens, threads, log)
    abort_when_set(context, abort_address)
    engine = Engine(model, context, context_tokens=context_tokens, step=step)
    return engine, describe(model, wish, found, log, threads, context_tokens, (*warnings, *more))


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def layers_to_offload(wish: Wish, found: Sequence[Device]) -> tuple[int, tuple[str, ...]]:
    """Return how many layers to ask llama.cpp to offload, and what to tell the user about it."""
    gpus = [device for device in found if device.is_gpu]
    if not gpus:
        asked = wish.gpu_layers not in (None, 0)
        text = (
            f"GPU layers were asked for, but this build of llama.cpp finds no GPU: the model runs on the CPU. To change that: {GPU_BUILD}"
        )
        return 0, (text,) if asked else ()
    if wish.gpu_layers is not None:
        return (ALL_LAYERS if wish.gpu_layers < 0 else wish.gpu_layers), ()
    needed, free = Path(wish.path).stat().st_size, GPU_MARGIN * sum(device.free_bytes for device in gpus)
    if needed <= free:
        return ALL_LAYERS, ()
    layers = int(layer_count(wish.path) * free / needed)
    return layers, (f"Only {layers} layers fit into the GPU's free memory of {free / GPU_MARGIN / 1e9:.1f} GB; the rest runs on the CPU.",)


def layer_count(path: str) -> int:
    """Return a model's number of layers without loading its weights; 0 when it cannot be read."""
    params = lib.llama_model_default_params()
    params.vocab_only = True
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        return 0
    layers = metadata(model, f"{architecture(model)}.block_count")
    lib.llama_model_free(model)
    return int(layers) if layers.isdecimal() else 0


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


def open_context(model: Any, context_tokens: int, threads: int, log: Log) -> Any:
    """Make a context whose sequences share one pool of cells.

    Raises:
        ModelError: there is no memory for it.
    """
    params = lib.llama_context_default_params()
    params.n_ctx = context_tokens + BRANCH_CELLS
    params.n_batch = params.n_ubatch = ROWS
    params.n_seq_max = SEQUENCES
    params.n_outputs_max = output_rows(lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model)))
    params.n_threads = params.n_threads_batch = threads
    params.kv_unified = params.swa_full = params.no_perf = True
    # Without it every kept prompt would make every row of another dearer: it skips what a row may not see.
    params.flash_attn_type = FLASH_ATTENTION_AUTO
    context = lib.llama_init_from_model(model, params)
    if not context:
        raise ModelError(f"llama.cpp cannot make a context of {context_tokens:,} tokens: {reason(log)}; ask for a smaller one")
    return context


def metadata(model: Any, key: str) -> str:
    """Return one of the file's text values, or an empty string."""
    buffer = ctypes.create_string_buffer(256)
    size = lib.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if size > 0 else ""


def architecture(model: Any) -> str:
    """Return the architecture's name."""
    return metadata(model, "general.architecture")


def describe(
    model: Any, wish: Wish, found: Sequence[Device], log: Log, threads: int, context_tokens: int, warnings: tuple[str, ...]
) -> ModelInfo:
    """Return what is loaded and where it runs."""
    offloaded, _ = log.offloaded
    gpus = [device.description for device in found if device.is_gpu]
    if wish.gpu_layers not in (None, 0) and gpus and not offloaded:
        warnings += (f"GPU layers were asked for, but none was offloaded to {gpus[0]}: the model runs on the CPU.",)
    layers = int(lib.llama_model_n_layer(model))
    template = lib.llama_model_chat_template(model, None)
    cpu = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return ModelInfo(
        name=wish.name or metadata(model, "general.name") or Path(wish.path).stem,
        path=wish.path,
        architecture=architecture(model),
        quantisation=lib.llama_ftype_name(lib.llama_model_ftype(model)).decode(),
        parameters=int(lib.llama_model_n_params(model)),
        context_tokens=context_tokens,
        device=f"{' + '.join(gpus)}, {min(offloaded, layers)} of {layers} layers" if offloaded else cpu,
        layers_offloaded=min(offloaded, layers),
        layers=layers,
        profile=wish.profile,
        chat_template=template.decode("utf-8", "replace") if template else "",
        warnings=warnings,
    )
