"""How much memory a model needs in the worker, and how much there is."""

from __future__ import annotations

import os
from pathlib import Path

from refine_tui.models.gguf_header import Header

CELL_TYPE_BYTES = 2
"""Keys and values are kept as f16."""
EXTRA_CELLS = 4096
"""Cells the worker keeps beyond one context, for candidates written side by side."""
WORKER_BYTES = 150_000_000
"""The process itself, its libraries, and buffers that do not depend on the model."""
BATCH_ROWS = 512
MEMORY_INFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def cell_bytes(header: Header) -> int | None:
    """Return the bytes that keys and values of one token take in all layers, or `None` when the header does not say."""
    layers, width = header.of_architecture("block_count"), header.of_architecture("embedding_length")
    heads = header.of_architecture("attention.head_count")
    if not (layers > 0 and width > 0 and heads > 0):
        return None
    key_heads = header.of_architecture("attention.head_count_kv") or heads
    key = header.of_architecture("attention.key_length") or width // heads
    value = header.of_architecture("attention.value_length") or width // heads
    return layers * key_heads * (key + value) * CELL_TYPE_BYTES


def needed_bytes(header: Header, context_tokens: int) -> int:
    """Return the memory a model takes with a context: weights, keys and values, buffers for computing.

    What the header does not say is left out, so the result is never more than is needed.
    """
    cells = (cell_bytes(header) or 0) * (context_tokens + EXTRA_CELLS)
    width = max(header.vocabulary_size, 4 * header.of_architecture("feed_forward_length"), 0)
    return header.weight_bytes + cells + BATCH_ROWS * width * 4 + WORKER_BYTES


def available_bytes() -> int | None:
    """Return the memory that can be had without swapping, within this process's control group; `None` when it cannot be told."""
    known = [bytes_ for bytes_ in (_system_available(), _group_available()) if bytes_ is not None]
    return min(known, default=None)


def _system_available() -> int | None:
    try:
        rows = dict(row.split(":", 1) for row in MEMORY_INFO.read_text("ascii").splitlines())
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return _physical()


def _physical() -> int | None:
    # Without /proc only the machine's whole memory is known: the best bound there is.
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _group_available() -> int | None:
    try:
        limit = (CGROUP / "memory.max").read_text("ascii").strip()
        used = int((CGROUP / "memory.current").read_text("ascii"))
        reclaimable = sum(
            int(row.split()[1])
            for row in (CGROUP / "memory.stat").read_text("ascii").splitlines()
            if row.startswith(("inactive_file ", "active_file "))
        )
        return max(0, int(limit) - used + reclaimable)
    except (OSError, ValueError, IndexError):
        return None
