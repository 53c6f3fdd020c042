"""The worker as a process: what it is given, how it ends, and what files it refuses."""

from __future__ import annotations

import importlib.metadata
import os
import random
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.llama.client import LlamaGenerator
from refine_tui.llama.framing import Message
from refine_tui.llama.process import WorkerProcess
from refine_tui.loop.ports.thinking import Completion, Delta, Request, Sampling

ROOT = Path(__file__).resolve().parents[2]


def never() -> bool:
    return False


def has_ended(pid: int) -> bool:
    """Say whether a process is gone: not even a zombie is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_the_client_imports_neither_llama_cpp_nor_numpy() -> None:
    code = "import sys, refine_tui.llama.client; print([name for name in ('llama_cpp', 'numpy', 'jinja2') if name in sys.modules])"
    with run_python(code) as process:
        output, _ = process.communicate()
    assert output.strip() == "[]"


def test_closing_leaves_no_process_behind(tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(tiny)
    generator.load()
    worker = generator.worker_pid
    assert worker is not None
    generator.close()
    assert has_ended(worker)


def test_the_worker_is_polite_and_its_threads_wait_passively(warm: LlamaGenerator) -> None:
    warm.load()
    assert warm.worker_pid is not None
    assert os.getpriority(os.PRIO_PROCESS, warm.worker_pid) >= min(19, os.nice(0) + 5)
    if sys.platform == "linux":
        assert b"OMP_WAIT_POLICY=passive" in Path(f"/proc/{warm.worker_pid}/environ").read_bytes().split(b"\0")


def test_an_interrupt_from_the_keyboard_is_for_the_parent(warm: LlamaGenerator) -> None:
    warm.load()
    worker = warm.worker_pid
    assert worker is not None
    os.kill(worker, signal.SIGINT)
    assert len(warm.score("abc", ["d"], never)) == 1
    assert warm.worker_pid == worker


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs a way to wait for a process that is no child")
def test_the_worker_ends_with_its_parent_and_not_with_the_thread_that_started_it(tiny: Path, tmp_path: Path) -> None:
    code = """
import sys, threading
from pathlib import Path
from refine_tui.llama.client import LlamaGenerator
generator = LlamaGenerator(Path(sys.argv[1]), log_file=Path(sys.argv[2]))
thread = threading.Thread(target=generator.load)
thread.start()
thread.join()
print(len(generator.score("ab", ["c"], lambda: False)), generator.worker_pid, flush=True)
sys.stdin.read()
"""
    with run_python(code, str(tiny), str(tmp_path / "worker.log")) as parent:
        assert parent.stdout is not None
        scores, worker = parent.stdout.readline().split()
        assert scores == "1"
        # The worker holds the write end of nothing here, so a pidfd tells without polling that it is gone.
        handle = os.pidfd_open(int(worker))
        parent.kill()
    try:
        import select

        ready, _, _ = select.select([handle], [], [], 100)
        assert ready
    finally:
        os.close(handle)


def test_closing_from_another_thread_ends_a_running_request(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(long_tiny)
    events = generator.complete(Request("def", max_tokens=7000), never)
    assert isinstance(next(events), Delta)
    thread = threading.Thread(target=generator.close)
    thread.start()
    thread.join()
    (*_, last) = events
    assert isinstance(last, Completion)
    assert last.reason == "cancelled"
    with pytest.raises(ModelError, match="closed"):
        generator.load()


def test_a_cancel_does_not_wait_until_the_model_is_loaded(
    tiny: Path, start: Callable[..., LlamaGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = start(tiny)
    workers: list[int | None] = []
    ask = WorkerProcess.send

    def send(process: WorkerProcess, message: Message) -> None:
        os.kill(process.pid, signal.SIGSTOP)  # it will not have loaded when it is looked at
        ask(process, message)

    def at_once() -> bool:
        workers.append(generator.worker_pid)
        return True

    with monkeypatch.context() as patched:
        patched.setattr(WorkerProcess, "send", send)
        (done,) = generator.complete(Request("def", max_tokens=5), at_once)
        assert isinstance(done, Completion)
        assert (done.reason, generator.worker_pid) == ("cancelled", None)
        assert workers[0] is not None
        assert has_ended(workers[0])
        assert generator.score("ab", ["c"], at_once) == [float("-inf")]
    (*_, last) = generator.complete(Request("def", max_tokens=5), never)
    assert isinstance(last, Completion)
    assert last.tokens == 5


def test_loading_is_ended_from_another_thread_and_can_be_begun_anew(
    tiny: Path, start: Callable[..., LlamaGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = start(tiny)
    asked, ask = threading.Event(), WorkerProcess.send

    def send(process: WorkerProcess, message: Message) -> None:
        os.kill(process.pid, signal.SIGSTOP)
        ask(process, message)
        asked.set()

    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setattr(WorkerProcess, "send", send)
        loading = pool.submit(generator.load)
        assert asked.wait(100)
        generator.cancel()
        with pytest.raises(ModelError, match="it was cancelled"):
            loading.result(100)
    assert generator.load().architecture == "llama"


def test_a_stopped_worker_does_not_hold_up_a_cancel_and_is_replaced(tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(tiny)
    generator.load()
    worker = generator.worker_pid
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    (done,) = generator.complete(Request("def", max_tokens=5), lambda: True)
    assert isinstance(done, Completion)
    assert done.reason == "cancelled"
    (*_, last) = generator.complete(Request("def", max_tokens=5), never)
    assert isinstance(last, Completion)
    assert last.tokens == 5
    assert generator.worker_pid != worker
    assert has_ended(worker)


def test_a_cancel_is_seen_by_the_worker_before_the_waiting_thread_looks_again(
    long_tiny: Path, start: Callable[..., LlamaGenerator]
) -> None:
    """The flag is set by the call itself: with the reader stopped, the worker ends the request all the same."""
    generator = start(long_tiny)
    events = generator.complete(Request("def", max_tokens=7000), never)
    assert isinstance(next(events), Delta)
    generator.cancel()
    loaded = generator.load()  # waits until the worker has said that it is done, and reads the rest
    assert loaded.name
    assert generator.stats().counters.generated < 7000


@pytest.mark.slow
def test_however_often_the_worker_is_killed_every_request_ends_as_it_would_or_says_that_it_cannot(
    tiny: Path, start: Callable[..., LlamaGenerator]
) -> None:
    kills = int(os.environ.get("REFINE_TUI_KILLS", "40"))
    rng, workers = random.Random(kills), set()
    request = Request("def the(self):", 3, 120, Sampling(1.2, 0, 1.0, 0.0, seed=4))
    expected = written(start(tiny), request)
    generator = start(tiny)
    outcomes: list[bool] = []
    while len(outcomes) < kills:
        generator.load()
        assert generator.worker_pid is not None
        workers.add(generator.worker_pid)
        timer = threading.Timer(rng.random() * 0.06, kill_once, [generator.worker_pid])
        timer.start()
        try:
            outcomes.append(written(generator, request) == expected)
        except ModelError as error:
            outcomes.append("died twice" in str(error))
        timer.join()
    assert all(outcomes)
    generator.close()
    assert all(map(has_ended, workers))
    assert threading.active_count() < 10


def written(generator: LlamaGenerator, request: Request) -> list[Completion]:
    done = [event for event in generator.complete(request, never) if isinstance(event, Completion)]
    return sorted(done, key=lambda completion: completion.index)


def kill_once(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_what_llama_cpp_says_goes_to_the_log(tiny: Path, tmp_path: Path, start: Callable[..., LlamaGenerator], capfd: Any) -> None:
    start(tiny).load()
    assert "llama" in (tmp_path / "worker.log").read_text("utf-8")
    assert capfd.readouterr() == ("", "")


def test_a_folder_for_the_log_that_cannot_be_made_is_an_error(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with LlamaGenerator(tiny, log_file=tmp_path / "file" / "worker.log") as generator, pytest.raises(ModelError, match="cannot be started"):
        generator.load()


def test_layers_asked_for_without_a_gpu_are_a_warning_with_the_way_out(tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    from refine_tui.llama.devices import devices

    if any(device.is_gpu for device in devices()):
        pytest.skip("this machine has a GPU")
    loaded = start(tiny, gpu_layers=-1).load()
    (warning,) = loaded.warnings
    assert "CMAKE_ARGS" in warning
    assert (loaded.layers_offloaded, loaded.device) == (0, "CPU, 1 thread")


def test_more_context_than_the_model_was_trained_for_is_a_warning(tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    loaded = start(tiny, context_tokens=4096).load()
    assert loaded.context_tokens == 512
    assert "4,096" in loaded.warnings[0]
    assert start(tiny, context_tokens=128).load().context_tokens == 128


def damaged(tiny: Path, how: str) -> bytes:
    data = tiny.read_bytes()
    huge = struct.pack("<Q", 1 << 60)
    return {
        "empty": b"",
        "text": b"this is no model",
        "cut in the tensors": data[:-50_000],
        "cut in the header": data[:2_000],
        "huge tensor count": data[:8] + huge + data[16:],
        "huge field count": data[:16] + huge + data[24:],
        "huge key": data[:24] + huge + data[32:],
        "future version": data[:4] + struct.pack("<I", 99) + data[8:],
        "other architecture": data.replace(b"llama", b"lemma"),
        "no heads": data.replace(b"llama.attention.head_count", b"llama.attention.head_cuont"),
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "empty",
        "text",
        "cut in the tensors",
        "cut in the header",
        "huge tensor count",
        "huge field count",
        "huge key",
        "future version",
        "other architecture",
        "no heads",
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(how: str, tiny: Path, tmp_path: Path, start: Callable[..., LlamaGenerator]) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damaged(tiny, how))
    generator = start(path)
    with pytest.raises(ModelError, match=r"damaged\.gguf"):
        generator.load()
    assert generator.worker_pid is None


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path, start: Callable[..., LlamaGenerator]) -> None:
    with pytest.raises(ModelError, match="no model file"):
        start(tmp_path / "none.gguf").load()
    with pytest.raises(ModelError, match="cannot be read"):
        start(tmp_path).load()


def test_another_version_of_the_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from refine_tui.llama.binding import checked_library

    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.3.35")
    with pytest.raises(ModelError, match=r"0\.3\.35.*0\.3\.36"):
        checked_library()


def test_a_library_without_a_function_used_here_is_refused_by_its_name() -> None:
    from refine_tui.llama.binding import FUNCTIONS, STRUCTURES, lib, require

    class Lacking:
        def __getattr__(self, name: str) -> Any:
            if name == "llama_decode":
                raise AttributeError(name)
            return getattr(lib, name)

    assert "llama_decode" in FUNCTIONS
    assert "llama_batch" in STRUCTURES
    with pytest.raises(ModelError, match="lacks llama_decode"):
        require(Lacking())


def test_libraries_that_lay_out_their_structures_otherwise_are_refused() -> None:
    from refine_tui.llama.binding import lib, require

    class Other:
        def __getattr__(self, name: str) -> Any:
            return getattr(lib, name)

        def llama_context_default_params(self) -> Any:
            params = lib.llama_context_default_params()
            params.n_batch = 1
            return params

    with pytest.raises(ModelError, match="do not belong to llama-cpp-python"):
        require(Other())


def test_ggml_without_its_device_functions_is_refused() -> None:
    from types import SimpleNamespace

    from refine_tui.llama.binding import lib, typed_ggml

    with pytest.raises(ModelError, match="lacks ggml_backend"):
        typed_ggml(SimpleNamespace(_lib=SimpleNamespace(_name=lib.__file__)))


def test_libraries_from_another_folder_are_the_ones_that_are_asked_for_devices(
    tiny: Path, tmp_path: Path, start: Callable[..., LlamaGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from refine_tui.llama.binding import lib, library_folder

    copy = shutil.copytree(library_folder(lib), tmp_path / "elsewhere", symlinks=True)
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(copy))
    generator = start(tiny)
    assert [device.kind for device in generator.load().devices][-1] == "CPU"
    if sys.platform == "linux":
        mapped = Path(f"/proc/{generator.worker_pid}/maps").read_text()
        assert f"{copy}/libllama" in mapped


def test_a_set_flag_ends_a_decode_within_llama_cpp_itself(tiny: Path, tmp_path: Path) -> None:
    import numpy as np

    from refine_tui.llama.binding import Log
    from refine_tui.llama.loading import Wish, load
    from refine_tui.llama.shared import AbortedError

    flag: Any = np.zeros(2, np.uint8)
    with (tmp_path / "log").open("w") as file:
        log = Log(file)
        engine, _ = load(Wish(str(tiny), threads=1), log, lambda: None, flag.ctypes.data)
        flag[0] = 1
        with pytest.raises(AbortedError), engine.prompt([5, 6, 7]):
            pass
        flag[0] = 0
        with engine.prompt([5, 6, 7]) as trunk:
            assert trunk.tokens == [5, 6, 7]
        assert (engine.counters.prompt, engine.counters.reused) == (6, 0)
        log.detach()
