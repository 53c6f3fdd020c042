"""LoRA adapters: loaded once, put in force for one request after the other."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refine_tui.core.errors import ModelError
from refine_tui.llama.binding import Log, lib
from refine_tui.loop.ports.thinking import Adapter

Key = tuple[str, ...]
"""What names a set of adapters: equal keys mean equal keys and values in the cache."""


class LoadedAdapters:
    """The adapters of one model; llama.cpp frees them with it."""

    def __init__(self, model: Any, context: Any, log: Log) -> None:
        self._model, self._context, self._log = model, context, log
        self._handles: dict[str, Any] = {}
        self.in_force: Key = ()

    def use(self, wanted: Sequence[Adapter]) -> None:
        """Put adapters in force, and no others.

        Raises:
            ModelError: one cannot be read or belongs to another model.
        """
        files = {adapter.path: (identity(adapter.path), adapter.scale) for adapter in wanted}
        key = tuple(sorted(f"{file} * {scale}" for file, scale in files.values()))
        if key != self.in_force:
            handles = [self._handle(path, file) for path, (file, _) in files.items()]
            chosen = (lib.llama_adapter_lora_p_ctypes * len(handles))(*handles)
            scales = (ctypes.c_float * len(handles))(*(scale for _, scale in files.values()))
            lib.llama_set_adapters_lora(self._context, chosen, len(handles), scales)
            self.in_force = key

    def _handle(self, path: str, file: str) -> Any:
        if file not in self._handles:
            self._log.errors.clear()
            handle = lib.llama_adapter_lora_init(self._model, os.fsencode(path))
            if not handle:
                reason = self._log.errors[-1] if self._log.errors else "it gave no reason"
                raise ModelError(f"llama.cpp cannot use {path} as an adapter of this model: {reason}")
            self._handles[file] = handle
        return self._handles[file]


def identity(path: str) -> str:
    """Return what names a file as it is now.

    Raises:
        ModelError: there is none.
    """
    try:
        found = Path(path).stat()
    except OSError as error:
        raise ModelError(f"The adapter {path} cannot be read: {error.strerror}.") from error
    return f"{path} {found.st_size} {found.st_mtime_ns}"
