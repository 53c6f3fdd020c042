"""What there is to compute on, and how many of a model's layers go where: planned from free memory before it is loaded."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refine_tui.llama.binding import GPU_BUILD, ggml, lib, library_folder
from refine_tui.loop.ports.thinking import Device, DeviceKind

KINDS: tuple[DeviceKind, ...] = ("CPU", "GPU", "integrated GPU", "accelerator", "several devices")
"""By ggml's numbers."""
ALL_LAYERS = 999
GPU_MARGIN = 0.92
"""Share of a GPU's free memory that may be planned with."""
COMPUTE_BYTES = 512 * 1024 * 1024
"""Left free on each GPU for computing, beside the logits."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a model will take."""

    layers: int
    weight_bytes: int
    """Of the whole file."""
    context_bytes: int
    """Keys and values of all layers."""
    logit_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How many layers to ask for, and what to tell the user about it."""

    layers: int
    """0: none; as many as the model has, or more: all, the output included."""
    warnings: tuple[str, ...] = ()


def devices() -> tuple[Device, ...]:
    """Return every device ggml found, the CPU included."""
    if not ggml.ggml_backend_dev_count():
        # A build with loadable backends knows none before it is told to look; only beside its own libraries, never in the working folder.
        ggml.ggml_backend_load_all_from_path(os.fsencode(library_folder(lib)))
    return tuple(described(ggml.ggml_backend_dev_get(place)) for place in range(ggml.ggml_backend_dev_count()))


def described(device: int) -> Device:
    """Return what ggml says of one device."""
    free, total, kind = ctypes.c_size_t(), ctypes.c_size_t(), ggml.ggml_backend_dev_type(device)
    ggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    name, description = (get(device).decode("utf-8", "replace") for get in (ggml.ggml_backend_dev_name, ggml.ggml_backend_dev_description))
    return Device(name, description, KINDS[kind] if 0 <= kind < len(KINDS) else "accelerator", free.value, total.value)


def planned(asked: int | None, found: Sequence[Device], demand: Demand) -> Plan:
    """Return how many layers to offload.

    Args:
        asked: `None` means as many as fit, negative all.
        found: every device.
        demand: what the model will take.
    """
    gpus = [device for device in found if device.is_gpu]
    if not gpus:
        return Plan(0, (no_gpu_warning(),) if asked not in (None, 0) else ())
    if asked is not None:
        return Plan(ALL_LAYERS if asked < 0 or asked >= demand.layers else asked)
    free = sum(max(0.0, GPU_MARGIN * device.free_bytes - COMPUTE_BYTES) for device in gpus) - demand.logit_bytes
    each = (demand.weight_bytes + demand.context_bytes) / max(1, demand.layers)
    fitting = max(0, int(free / each))
    if fitting >= demand.layers:
        return Plan(ALL_LAYERS)
    text = f"Only {fitting} of {demand.layers} layers fit into the GPU's free memory of {gigabytes(gpus)} GB; the rest runs on the CPU."
    return Plan(fitting, (text,))


def gigabytes(gpus: Sequence[Device]) -> str:
    """Return the free memory of some devices together."""
    return f"{sum(device.free_bytes for device in gpus) / 1e9:.1f}"


def no_gpu_warning() -> str:
    """Return what to say when layers were asked for and there is no GPU."""
    return (
        "GPU layers were asked for, but this build of llama.cpp finds no GPU: THE MODEL RUNS ON THE CPU. "
        f"To get a build for one: {GPU_BUILD}."
    )


def lesser(plan: Plan, demand: Demand, reason: str) -> Iterator[Plan]:
    """Yield plans with fewer layers for when the planned one does not load after all, none at last."""
    most = min(plan.layers, demand.layers)
    for layers in (most * 3 // 4, most // 2, 0):
        text = f"{most} layers did not load onto the GPU ({reason}); {layers} are used instead, THE REST RUNS ON THE CPU."
        yield Plan(layers, (*plan.warnings, text))
