"""The only module that imports `llama_cpp`: its functions and ggml's, checked when this module is loaded, and their log.

The low-level interface changes with every release of the vendored llama.cpp, so the version is asserted, and every name, and that
the structures lie in memory as they are described: the libraries may come from elsewhere (`LLAMA_CPP_LIB_PATH`, a build for a GPU).
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
from collections import defaultdict, deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from refine_tui.core.errors import ModelError

VERSION = "0.3.36"
REINSTALL = f"install it with: pip install --no-binary llama-cpp-python llama-cpp-python=={VERSION}"
GPU_BUILD = (
    "in a checkout `make engine BACKEND=cuda` (or metal, vulkan), elsewhere "
    f'`CMAKE_ARGS="-DGGML_CUDA=on" pip install --force-reinstall --no-binary llama-cpp-python llama-cpp-python=={VERSION}`'
)

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
    "llama_state_seq_get_size",
    "llama_state_seq_get_data",
    "llama_state_seq_set_data",
    "llama_adapter_lora_init",
    "llama_set_adapters_lora",
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
    "llama_vocab_bos",
    "llama_vocab_eos",
    "llama_vocab_get_add_bos",
    "llama_vocab_get_add_eos",
    "llama_tokenize",
    "llama_token_to_piece",
    "llama_decode",
    "llama_get_logits",
    "llama_n_ubatch",
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
TYPES = ["llama_log_callback", "ggml_abort_callback", "llama_adapter_lora_p_ctypes"]
STRUCTURES = {
    "llama_context_params": (
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
    ),
    "llama_model_params": ("n_gpu_layers", "vocab_only"),
    "llama_batch": ("n_tokens", "token", "pos", "n_seq_id", "seq_id", "logits"),
    "llama_token_data_array": ("data", "size", "selected", "sorted"),
}
"""The structures used here and the fields of them that are."""
CONTEXT_DEFAULTS = {
    "n_ctx": 512,
    "n_batch": 2048,
    "n_ubatch": 512,
    "flash_attn_type": -1,
    "type_k": 1,
    "no_perf": True,
    "kv_unified": False,
}
"""What llama.cpp itself fills in; read at other places, the structure is not laid out as llama-cpp-python describes it."""
GGML_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "ggml_backend_load_all_from_path": (None, ctypes.c_char_p),
    "ggml_backend_dev_count": (ctypes.c_size_t,),
    "ggml_backend_dev_get": (ctypes.c_void_p, ctypes.c_size_t),
    "ggml_backend_dev_name": (ctypes.c_char_p, ctypes.c_void_p),
    "ggml_backend_dev_description": (ctypes.c_char_p, ctypes.c_void_p),
    "ggml_backend_dev_type": (ctypes.c_int, ctypes.c_void_p),
    "ggml_backend_dev_memory": (None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)),
}
"""ggml's functions that llama-cpp-python does not describe: result, then arguments."""
DEBUG_LEVEL, ERROR_LEVEL, CONTINUED_LEVEL = 1, 4, 5
ASSIGNED = re.compile(r"layer +(\d+) assigned to device ([^,]+),")
BUFFER = re.compile(r": +(\S+) +(?:model|KV|compute) buffer size = +([\d.]+) MiB")


def checked_library() -> Any:
    """Import `llama_cpp` and return its low-level module.

    Raises:
        ModelError: it is missing, of another version, cannot be loaded, or lacks a name used here.
    """
    try:
        found = importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelError(f"llama-cpp-python is not installed; {REINSTALL}") from error
    # A build for a GPU may carry its name behind a plus sign.
    if found.partition("+")[0] != VERSION:
        raise ModelError(f"llama-cpp-python {found} is installed, but its interface is only known for {VERSION}; {REINSTALL}")
    try:
        from llama_cpp import llama_cpp as module
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelError(f"llama-cpp-python cannot be loaded ({error}); {REINSTALL}") from error
    require(module)
    return module


def require(module: Any) -> None:
    """Check that every name and structure field used by this room exists, and that structures lie as they are described.

    Raises:
        ModelError: some do not.
    """
    missing = [name for name in (*FUNCTIONS, *TYPES, *STRUCTURES) if not hasattr(module, name)]
    for structure in STRUCTURES.keys() - missing:
        fields = {name for name, *_ in getattr(module, structure)._fields_}
        missing += [f"{structure}.{field}" for field in STRUCTURES[structure] if field not in fields]
    if missing:
        raise ModelError(f"llama-cpp-python {VERSION} lacks {', '.join(missing)}; {REINSTALL}")
    params = module.llama_context_default_params()
    wrong = [name for name, value in CONTEXT_DEFAULTS.items() if getattr(params, name) != value]
    if wrong:
        raise ModelError(f"the libraries of llama.cpp do not belong to llama-cpp-python {VERSION} (they differ in {wrong[0]}); {REINSTALL}")


def typed_ggml(module: Any) -> Any:
    """Return ggml's functions with their types set.

    They are asked of llama's own library, which finds them in those it was linked with: the ones it really uses.

    Raises:
        ModelError: some are missing.
    """
    found = SimpleNamespace()
    for name, (result, *arguments) in GGML_FUNCTIONS.items():
        function = next((one for one in map(partial(_symbol, name), libraries(module)) if one is not None), None)
        if function is None:
            raise ModelError(f"llama-cpp-python {VERSION} lacks {name}; {REINSTALL}")
        function.restype, function.argtypes = result, arguments
        setattr(found, name, function)
    return found


def libraries(module: Any) -> Iterator[Any]:
    """Yield llama's library and those beside it, for systems that do not look into what a library was linked with."""
    yield module._lib
    for path in sorted(library_folder(module).glob("*ggml*")):
        if path.suffix in (".so", ".dylib", ".dll"):
            yield ctypes.CDLL(str(path))


def library_folder(module: Any) -> Path:
    """Return the folder of the libraries in use."""
    return Path(module._lib._name).parent


def _symbol(name: str, library: Any) -> Any:
    return getattr(library, name, None)


lib: Any = checked_library()
ggml: Any = typed_ggml(lib)
# A copy of the function that tells an address: a pointer made of it costs more than the call.
_logits_address: Any = lib._lib["llama_get_logits"]
_logits_address.restype, _logits_address.argtypes = ctypes.c_void_p, [ctypes.c_void_p]


class Log:
    """Sends what llama.cpp says to a file and keeps the last lines, for error messages and for what was offloaded."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._level = 0
        self.errors: deque[str] = deque(maxlen=6)
        self.layers: dict[int, str] = {}
        """The device each layer was really assigned to; the one after the last is the output."""
        self.buffers: dict[str, float] = defaultdict(float)
        """MiB of weights, context and room to compute really taken, by buffer; a device's buffers begin with its name."""
        # ctypes keeps no reference: the callback must live as long as the library.
        self._callback = lib.llama_log_callback(self._write)
        lib.llama_log_set(self._callback, None)

    def forget(self) -> None:
        """Forget what was said, before another attempt."""
        self.layers.clear()
        self.buffers.clear()
        self.errors.clear()

    def detach(self) -> None:
        """Let llama.cpp write to standard error again, so that the file may be closed."""
        lib.llama_log_set(lib.llama_log_callback(), None)

    def _write(self, level: int, text: bytes, _data: Any) -> None:
        line = text.decode("utf-8", "replace")
        self._level = self._level if level == CONTINUED_LEVEL else level
        if self._level != DEBUG_LEVEL:
            self._file.write(line)
            self._file.flush()
        if found := ASSIGNED.search(line):
            self.layers[int(found[1])] = found[2]
        elif found := BUFFER.search(line):
            self.buffers[found[1]] += float(found[2])
        if self._level == ERROR_LEVEL and line.strip():
            self.errors.append(line.strip())


def logits_address(context: Any) -> int:
    """Return where the logits of the last decode lie, after waiting for them."""
    return int(_logits_address(context))


def abort_when_set(context: Any, address: int) -> None:
    """Make a context's decodes end as soon as the byte at `address` is not zero.

    libc's `strlen` is the callback: it returns something other than zero as soon as its argument is not an empty string, and
    no Python runs in it, which would cost twice the latency and the interpreter lock hundreds of times a decode.
    """
    strlen = ctypes.cast(ctypes.CDLL(None).strlen, lib.ggml_abort_callback)
    lib.llama_set_abort_callback(context, strlen, ctypes.c_void_p(address))
