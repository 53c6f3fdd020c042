"""Builds llama-cpp-python once for this machine and keeps the wheel in the user's cache.

A build is made for the very CPU it runs on, so the wheelhouse is keyed by everything the result depends on: the pinned
source, the platform, the instruction sets, the compiler and the flags. pip's own cache knows none of these.
What the wheel does not need is left out, which is more than half of the work. RPC is in every build: without a server it does
nothing, and with one on the same machine the tests can offload layers where there is no GPU.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import needs
from progress import Line, StepFailed, run, short

CHECKOUT = Path(__file__).resolve().parents[2]
PIN = CHECKOUT / ".ci" / "locks" / "engine.txt"
BUILD_TOOLS = CHECKOUT / ".ci" / "locks" / "engine-build.txt"
LEFT_OUT = Path(__file__).with_suffix(".cmake")
ALWAYS = "-DGGML_RPC=on -DLLAVA_BUILD=off"
CUDA_FOR_ANY = "-DCMAKE_CUDA_ARCHITECTURES=75-virtual;80-real;86-real;89-real;90-real"
"""On a machine without a card CMake can't find out which one the build is for."""
BYTES_PER_JOB = 2 * 1024**3
STEP = re.compile(r"^\s*\[(\d+)/(\d+)\]")
INSTRUCTION_SET = re.compile(
    r"^(sse|ssse|avx|fma|f16c|bmi|amx|aes|sha|v?pclmul|vaes|gfni|adx|movbe|popcnt|abm|lzcnt|xop|asimd|sve|sme|neon|i8mm|bf16|fp)"
)


def backend_flags(backend: str) -> str:
    """The CMake flags of a backend, and behind them those the person gave with CMAKE_ARGS.

    Raises:
        StepFailed: There is no such backend, or this machine lacks what it is compiled with.
    """
    if backend not in needs.BACKENDS:
        raise StepFailed(f"There is no backend '{backend}'; there are {', '.join(needs.BACKENDS)}.")
    flags, lacking = needs.BACKENDS[backend]
    if problem := lacking():
        raise StepFailed(f"BACKEND={backend} {problem}")
    given = os.environ.get("CMAKE_ARGS", "")
    if backend == "cuda" and not cards() and "CMAKE_CUDA_ARCHITECTURES" not in given:
        flags = f"{flags} {CUDA_FOR_ANY}"
    return f"{flags} {given}".strip()


def cards() -> str:
    """What NVIDIA's cards in this machine can do, one a line; empty without any."""
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def cache_folder() -> Path:
    """Where builds and logs are kept: the user's cache, or the checkout's own where there is no home to write to."""
    home = os.environ.get("HOME", "")
    chosen = os.environ.get("XDG_CACHE_HOME") or (
        f"{home}/Library/Caches" if sys.platform == "darwin" and home else home and f"{home}/.cache"
    )
    for folder in (Path(chosen) / "refine-tui" if chosen else None, CHECKOUT / ".cache"):
        if folder is not None and _writable(folder):
            return folder
    raise StepFailed(f"Neither {chosen or 'the home directory'} nor {CHECKOUT} can be written to; set XDG_CACHE_HOME to a folder that can.")


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def cpu_features() -> str:
    """The instruction sets a build for this CPU may use."""
    if sys.platform == "darwin":
        asked = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
        return f"{platform.machine()} {asked.stdout.strip()}"
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    flags = next((line.partition(":")[2] for line in lines if line.lower().startswith(("flags", "features"))), "")
    return " ".join(sorted({flag for flag in flags.split() if INSTRUCTION_SET.match(flag)}))


def _key(cmake_args: str) -> dict[str, str]:
    compiler = needs.compiler()
    asked = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout if compiler else ""
    return {
        "source": PIN.read_text(encoding="utf-8"),
        "platform": f"{sys.platform} {platform.machine()} {' '.join(platform.libc_ver())}",
        "cpu": cpu_features(),
        "compiler": asked.partition("\n")[0],
        "left_out": LEFT_OUT.read_text(encoding="utf-8"),
        "cmake_args": f"{ALWAYS} {cmake_args}".strip(),
        **({"nvcc": needs.nvcc_version(), "cards": cards()} if "GGML_CUDA" in cmake_args else {}),
    }


def wheelhouse(cmake_args: str) -> Path:
    """The folder in which the wheel for this machine and these flags is kept."""
    digest = hashlib.sha256(json.dumps(_key(cmake_args), sort_keys=True).encode()).hexdigest()
    return cache_folder() / "wheels" / digest[:16]


def kept_wheel(cmake_args: str) -> Path | None:
    """The wheel an earlier build left, or None."""
    return next(wheelhouse(cmake_args).glob("llama_cpp_python-*.whl"), None)


def jobs() -> int:
    """Compiler processes at a time: the cores this process may use, fewer where memory is short."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _memory_bytes() // BYTES_PER_JOB))


def _memory_bytes() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def build(cmake_args: str) -> Path:
    """Compiles the pinned source and returns the wheel, now in the wheelhouse.

    Raises:
        StepFailed: The source can't be fetched or does not compile; the log is kept and named.
    """
    kept = wheelhouse(cmake_args)
    log = cache_folder() / "logs" / f"engine-{kept.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    line = Line("engine")
    # The sources unpack to hundreds of megabytes: in the cache, since a /tmp may be small and in memory.
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache_folder()) as folder:
        wheel = _compile(Path(folder), cmake_args, log, line)
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "key.json").write_text(json.dumps(_key(cmake_args), indent=1), encoding="utf-8")
        shutil.move(wheel, partial := kept / f"{wheel.name}.part")
        partial.replace(kept / wheel.name)
    line.end(f"llama.cpp is compiled, and kept in {short(kept)}")
    return kept / wheel.name


def _compile(folder: Path, cmake_args: str, log: Path, line: Line) -> Path:
    tools = folder / "tools"
    python = str(tools / "bin" / "python")
    line.show("preparing the build of llama.cpp (some minutes, once)", log=log)
    run([sys.executable, "-m", "venv", str(tools)], log, lambda _: None)
    install = [python, "-m", "pip", "install", "--no-input", "--require-hashes", "-r", str(BUILD_TOOLS)]
    run(install, log, lambda _: line.show("fetching the build tools", log=log))
    environment = {
        **os.environ,
        "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "TMPDIR": str(folder),
        "CMAKE_ARGS": f"{ALWAYS} -DCMAKE_PROJECT_llama_cpp_INCLUDE={shlex.quote(str(folder / LEFT_OUT.name))} {cmake_args}",
        "CMAKE_BUILD_PARALLEL_LEVEL": os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or str(jobs()),
    }
    shutil.copy(LEFT_OUT, folder)  # the checkout's own path may have spaces
    wheel = [
        python,
        "-m",
        "pip",
        "wheel",
        "-v",
        "--no-input",
        "--no-deps",
        "--no-build-isolation",
        "--no-cache-dir",
        "--progress-bar",
        "off",
    ]
    run([*wheel, "--require-hashes", "-r", str(PIN), "-w", str(folder / "out")], log, _Narrator(line, log), environment=environment)
    return next((folder / "out").glob("llama_cpp_python-*.whl"))


class _Narrator:
    """Turns what pip and ninja print into one line of progress."""

    def __init__(self, line: Line, log: Path) -> None:
        self._line = line
        self._log = log
        self._doing = "fetching the sources of llama.cpp (77 MB)"

    def __call__(self, printed: str) -> None:
        if step := STEP.match(printed):
            self._doing = f"compiling llama.cpp {step[1]}/{step[2]}"
        elif "Configuring CMake" in printed:
            self._doing = "configuring llama.cpp"
        self._line.show(self._doing, log=self._log)
