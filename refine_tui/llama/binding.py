"""The only module that imports `llama_cpp`: its functions, checked when this module is loaded, and what ggml says of the devices.

The low-level interface changes with every release of the vendored llama.cpp, so the version is asserted as well as every name.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from refine_tui.core.errors import ModelError

VERSION = "0.3.36"
REINSTALL = f"install it with: pip install --no-binary llama-cpp-python llama-cpp-python=={VERSION}"
GPU_BUILD = f'CMAKE_ARGS="-DGGML_CUDA=on" pip install --force-reinstall --no-binary llama-cpp-python llama-cpp-python=={VERSION}'

FUNCTIONS = [
    "llama_backend_init",
    "llama_model_default_params",
    "llama_context_default_params",
    "llama_model_load_from_file",
    "llama_init_from_model",
    "llama_model_free",
    "llama_free",
    "llama_model_get_vocab",
    "llama_get_memory",
    "llama_memory_seq_rm",
    "llama_memory_seq_cp",
    "llama_model_is_recurrent",
    "llama_model_is_hybrid",
    "llama_model_has_encoder",
    "llama_model_has_decoder",
    "llama_vocab_type",
    "llama_model_n_ctx_train",
    "llama_model_n_layer",
    "llama_model_n_params",
    "llama_model_ftype",
    "llama_ftype_name",
    "llama_model_meta_val_str",
    "llama_model_chat_template",
    "llama_vocab_n_tokens",
    "llama_vocab_is_eog",
    "llama_vocab_eos",
    "llama_vocab_get_add_eos",
    "llama_tokenize",
    "llama_token_to_piece",
    "llama_decode",
    "llama_get_logits",
    "llama_set_abort_callback",
    "llama_log_set",
    "llama_sampler_chain_default_params",
    "llama_sampler_chain_init",
    "llama_sampler_chain_add",
    "llama_sampler_init_top_k",
    "llama_sampler_init_top_p",
    "llama_sampler_init_min_p",
    "llama_sampler_init_temp",
    "llama_sampler_init_dist",
    "llama_sampler_init_grammar",
    "llama_sampler_apply",
    "llama_sampler_accept",
    "llama_sampler_free",
]
TYPES = ["llama_batch", "llama_token_data_array", "llama_log_callback", "ggml_abort_callback"]
CONTEXT_FIELDS = [
    "n_ctx",
    "n_batch",
    "n_ubatch",
    "n_seq_max",
    "n_outputs_max",
    "n_threads",
    "n_threads_batch",
    "flash_attn_type",
    "swa_full",
    "kv_unified",
    "no_perf",
]
DEBUG_LEVEL, ERROR_LEVEL, CONTINUED_LEVEL = 1, 4, 5
OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
DEVICE_KINDS = ("CPU", "GPU", "integrated GPU", "accelerator", "several devices")


def checked_library() -> Any:
    """Import `llama_cpp` and return its low-level module.

    Raises:
        ModelError: it is missing, of another version, cannot be loaded, or lacks a name used here.
    """
    try:
        found = importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelError(f"llama-cpp-python is not installed; {REINSTALL}") from error
    if found != VERSION:
        raise ModelError(f"llama-cpp-python {found} is installed, but its interface is only known for {VERSION}; {REINSTALL}")
    try:
        from llama_cpp import llama_cpp as module
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelError(f"llama-cpp-python cannot be loaded ({error}); {REINSTALL}") from error
    require(module)
    return module


def require(module: Any) -> None:
    """Check that every name and structure field used by this room exists.

    Raises:
        ModelError: some do not.
    """
    missing = [name for name in (*FUNCTIONS, *TYPES) if not hasattr(module, name)]
    if not missing:
        fields = {name for name, *_ in module.llama_context_params._fields_}
        missing = [f"llama_context_params.{name}" for name in CONTEXT_FIELDS if name not in fields]
    if missing:
        raise ModelError(f"llama-cpp-python {VERSION} lacks {', '.join(missing)}; {REINSTALL}")


lib: Any = checked_library()


class Log:
    """Sends what llama.cpp says to a file and keeps the last lines, for error messages and for what was offloaded."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._level = 0
        self.errors: deque[str] = deque(maxlen=6)
        self.offloaded = (0, 0)
        """Layers that went to a GPU, and how many there are, as llama.cpp reported."""
        # ctypes keeps no reference: the callback must live as long as the library.
        self._callback = lib.llama_log_callback(self._write)
        lib.llama_log_set(self._callback, None)

    def detach(self) -> None:
        """Let llama.cpp write to standard error again, so that the file may be closed."""
        lib.llama_log_set(lib.llama_log_callback(), None)

    def _write(self, level: int, text: bytes, _data: Any) -> None:
        line = text.decode("utf-8", "replace")
        self._level = self._level if level == CONTINUED_LEVEL else level
        if self._level != DEBUG_LEVEL:
            self._file.write(line)
            self._file.flush()
        if found := OFFLOADED.search(line):
            self.offloaded = (int(found[1]), int(found[2]))
        if self._level == ERROR_LEVEL and line.strip():
            self.errors.append(line.strip())


@dataclass(frozen=True, slots=True)
class Device:
    """One thing ggml can compute on."""

    name: str
    description: str
    kind: int
    """Index into `DEVICE_KINDS`."""
    free_bytes: int
    total_bytes: int

    @property
    def is_gpu(self) -> bool:
        """Whether layers can be offloaded to it."""
        return self.kind in (1, 2)


def ggml_library(name: str) -> ctypes.CDLL:
    """Return one of the libraries beside llama's own, already loaded with it."""
    folder = Path(lib.__file__).parent / "lib"
    found = [path for pattern in (f"lib{name}.so", f"lib{name}.dylib", f"{name}.dll") if (path := folder / pattern).exists()]
    if not found:
        raise ModelError(f"llama-cpp-python has no library {name} in {folder}; {REINSTALL}")
    return ctypes.CDLL(str(found[0]))


def typed(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Return a C function with its types set."""
    function.restype, function.argtypes = result, list(arguments)
    return function  # type: ignore[no-any-return]


def devices() -> tuple[Device, ...]:
    """Return every device ggml found, the CPU included.

    Raises:
        ModelError: the build lacks ggml's device functions.
    """
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    try:
        registry, base = ggml_library("ggml"), ggml_library("ggml-base")
        count = typed(registry.ggml_backend_dev_count, size)
        get = typed(registry.ggml_backend_dev_get, pointer, size)
        name = typed(base.ggml_backend_dev_name, ctypes.c_char_p, pointer)
        description = typed(base.ggml_backend_dev_description, ctypes.c_char_p, pointer)
        kind = typed(base.ggml_backend_dev_type, ctypes.c_int, pointer)
        memory = typed(base.ggml_backend_dev_memory, None, pointer, ctypes.POINTER(size), ctypes.POINTER(size))
    except (AttributeError, OSError) as error:
        raise ModelError(f"llama-cpp-python's ggml libraries lack their device functions ({error}); {REINSTALL}") from error
    found = []
    for place in range(count()):
        device, free, total = get(place), size(), size()
        memory(device, ctypes.byref(free), ctypes.byref(total))
        found.append(Device(name(device).decode(), description(device).decode(), kind(device), free.value, total.value))
    return tuple(found)


def abort_when_set(context: Any, address: int) -> None:
    """Make a context's decodes end as soon as the byte at `address` is not zero.

    libc's `strlen` is the callback: it returns something other than zero as soon as its argument is not an empty string, and
    no Python runs in it, which would cost twice the latency and the interpreter lock hundreds of times a decode.
    """
    strlen = ctypes.cast(ctypes.CDLL(None).strlen, lib.ggml_abort_callback)
    lib.llama_set_abort_callback(context, strlen, ctypes.c_void_p(address))
