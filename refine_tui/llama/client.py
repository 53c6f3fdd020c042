"""The `Generator` port on a worker process that is started when first needed, and once more when it dies."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from refine_tui.core.errors import ModelError
from refine_tui.llama.counting import Counters, EngineStats, Holding
from refine_tui.llama.framing import Message
from refine_tui.llama.process import END_S, WorkerDiedError, WorkerProcess
from refine_tui.llama.remembered import Remembered
from refine_tui.loop.ports.thinking import Adapter, Completion, Delta, Device, ModelInfo, Request, Usage

Cancelled = Callable[[], bool]
Answer = TypeVar("Answer")
PATIENCE_S = 0.15
"""How long a cancelled worker may take to say so before its caller goes on without it."""
MAGIC = b"GGUF"


class _UnwantedError(Exception):
    """Raised when the model was not loaded to the end because nobody waits for it any more."""


def _never() -> bool:
    return False


@dataclass
class Written:
    """What the caller has of one continuation."""

    text: str = ""
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    repeated: int = 0
    """Characters that a restarted worker has sent again."""
    done: bool = False

    def new_part(self, text: str) -> str:
        """Take text from the worker and return what the caller does not have yet."""
        known = min(len(text), len(self.text) - self.repeated)
        self.repeated += len(text)
        self.text += text[known:]
        return text[known:]


class LlamaGenerator:
    """A GGUF model in a worker process. A context manager; `cancel` and `close` may be called from any thread."""

    def __init__(
        self,
        model: Path,
        *,
        log_file: Path,
        name: str = "",
        profile: str = "line-edit",
        context_tokens: int | None = None,
        gpu_layers: int | None = None,
        threads: int | None = None,
        drafting: bool = True,
        adapters: Sequence[Adapter] = (),
        saved_bytes: int = 512 * 1024 * 1024,
    ) -> None:
        """Describe the model; nothing is started yet.

        Args:
            model: the GGUF file.
            log_file: where the worker and llama.cpp write what goes wrong.
            name: shown to people; empty: the name in the file.
            profile: how the model wants to be asked.
            context_tokens: `None` means what it was trained for, within reason.
            gpu_layers: `None` means as many as fit, 0 none, negative all.
            threads: `None` means all cores but one.
            drafting: whether tokens may be guessed from what is being copied; it changes the speed and nothing else.
            saved_bytes: most memory of the worker for computed prompts that had to leave the model's context.
            adapters: in force for requests that name none, and for ranking.
        """
        self._path, self._log_file, self._adapters = model, log_file, tuple(adapters)
        self._wish = {
            "path": str(model),
            "name": name,
            "profile": profile,
            "context_tokens": context_tokens,
            "gpu_layers": gpu_layers,
            "threads": threads,
            "drafting": drafting,
            "saved_bytes": saved_bytes,
        }
        self._process: WorkerProcess | None = None
        self._loaded: ModelInfo | None = None
        self._before, self._counters, self._holding, self._workers = Counters(), Counters(), Holding(), 0
        self._remembered = Remembered()
        self._request = 0
        self._owner: object = None
        self._unfinished = False
        self._stop = False
        self._dropped: set[int] = set()
        self._closed = threading.Event()

    def load(self) -> ModelInfo:
        """Load the model, or return at once when it is loaded; `cancel` ends that with an error. Raises as the port says."""
        self._stop = False
        try:
            return self._repaired(self._load)
        except _UnwantedError as error:
            raise ModelError("The model was not loaded: it was cancelled.") from error

    def complete(self, request: Request, cancelled: Cancelled) -> Iterator[Delta | Completion]:
        """Stream continuations. Raises as the port says."""
        written = [Written() for _ in range(request.count)]
        self._begin(written)
        try:
            yield from self._write(request, written, cancelled)
        finally:
            # A later request may have taken over; that one is not ours to stop.
            if self._owner is written:
                self._give_up()
        yield from (self._abandoned(index, one) for index, one in enumerate(written) if not one.done)

    def drop(self, index: int) -> None:
        """Give up one continuation, as the port says."""
        self._dropped.add(index)
        if process := self._process:
            process.request_drop(index)

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Cancelled) -> list[float]:
        """Return the log-probabilities in order; minus infinity for those that a cancel left uncomputed. Raises as the port says."""
        self._begin(continuations)
        try:
            return self._repaired(lambda: self._score(prompt, continuations, cancelled))
        except _UnwantedError:
            return [-math.inf] * len(continuations)
        finally:
            self._give_up()

    def usage(self) -> Usage:
        """Return the token counts so far; what a worker did for a request it died in is not in them."""
        counted = self.stats().counters
        return Usage(counted.prompt, counted.reused, counted.generated, counted.drafted, counted.accepted)

    def stats(self) -> EngineStats:
        """Return everything that is counted, and what is kept."""
        return EngineStats(self._before + self._counters, self._holding, self._workers)

    def cancel(self) -> None:
        """Stop what is being computed; the call that waits for it ends as if its own `cancelled` had said so."""
        self._stop = True
        # At once, and not when the waiting thread looks again. A request begun meanwhile takes the flag back and looks first thing.
        if process := self._process:
            process.request_stop()

    def close(self) -> None:
        """End the worker; a call that is waiting ends as cancelled."""
        self._closed.set()
        self._end_process()

    def __enter__(self) -> LlamaGenerator:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def worker_pid(self) -> int | None:
        """The running worker's process id."""
        return self._process.pid if self._process else None

    def _begin(self, owner: object) -> None:
        self._stop, self._owner = False, owner
        self._dropped.clear()

    def _write(self, request: Request, written: list[Written], cancelled: Cancelled) -> Iterator[Delta | Completion]:
        """Stream, and start over once when the worker dies; the new one is told which tokens are settled."""
        for chance in (2, 1):
            try:
                self._load(cancelled)
                asked = request if request.adapters is not None else replace(request, adapters=self._adapters)
                forced, pieces = [one.tokens for one in written], self._remembered.pieces(request.prompt)
                self._send({"do": "complete", "request": asdict(asked) | {"prompt": ""}, "prompt": pieces, "forced": forced})
                self._drop_again()
                yield from self._stream(request.prompt, written, cancelled)
            except _UnwantedError:
                return
            except WorkerDiedError as error:
                if self._closed.is_set():
                    return
                self._end_process()
                if chance == 1:
                    raise self._died() from error
                for one in written:
                    one.repeated = 0
            else:
                return

    def _drop_again(self) -> None:
        """Tell a new worker what the one before was told."""
        for index in tuple(self._dropped):  # another thread may add to them meanwhile
            self.drop(index)

    def _stream(self, prompt: str, written: list[Written], cancelled: Cancelled) -> Iterator[Delta | Completion]:
        replayed = [len(one.tokens) for one in written]
        for message in self._answers(cancelled):
            if message["kind"] == "growth":
                for key, growth in message["growth"].items():
                    index = int(key)
                    yield from self._growth(index, written[index], growth, replayed)
            elif message["kind"] == "completion":
                completion = Completion(**message["completion"])
                one = written[completion.index]
                if not one.done:
                    one.done = True
                    tokens, letters = message["own"]
                    self._remembered.add(prompt, completion.text[:letters], one.tokens[:tokens])
                    yield completion

    @staticmethod
    def _growth(index: int, one: Written, growth: Message, replayed: list[int]) -> Iterator[Delta]:
        known = min(replayed[index], len(growth["tokens"]))
        replayed[index] -= known
        one.tokens += growth["tokens"][known:]
        one.logprob = growth["logprob"]
        if text := one.new_part(growth["text"]):
            yield Delta(index, text)

    def _score(self, prompt: str, continuations: Sequence[str], cancelled: Cancelled) -> list[float]:
        self._load(cancelled)
        adapters = {"adapters": [asdict(adapter) for adapter in self._adapters]}
        self._send({"do": "score", "prompt": self._remembered.pieces(prompt), "continuations": list(continuations), **adapters})
        for message in self._answers(cancelled):
            if "scores" in message:
                return [float(score) for score in message["scores"]]
        return [-math.inf] * len(continuations)

    def _load(self, cancelled: Cancelled = _never) -> ModelInfo:
        self._settle()
        if self._loaded is not None and self._process is not None:
            return self._loaded
        refuse_unreadable(self._path)
        if self._closed.is_set():
            raise WorkerDiedError
        self._process = WorkerProcess(self._log_file)
        self._workers += 1
        if self._closed.is_set():  # meanwhile, by another thread
            self._end_process()
        self._send({"do": "load", "wish": self._wish})
        for message in self._answers(cancelled):
            if "model" in message:
                found = message["model"]
                devices = tuple(Device(**device) for device in found["devices"])
                self._loaded = ModelInfo(**(found | {"warnings": tuple(found["warnings"]), "devices": devices}))
                return self._loaded
        if self._stop or cancelled():
            self._end_process()  # nothing else ends a load
            raise _UnwantedError
        raise WorkerDiedError

    def _repaired(self, act: Callable[[], Answer]) -> Answer:
        """Do something that needs the worker, and once more when it dies."""
        for chance in (2, 1):
            try:
                return act()
            except WorkerDiedError as error:
                self._end_process()
                if chance == 1 or self._closed.is_set():
                    raise self._died() from error
        raise self._died()

    def _died(self) -> ModelError:
        if self._closed.is_set():
            return ModelError("The model was closed while it was in use.")
        return ModelError(f"The model's worker process died twice while working with {self._path}; its log is {self._log_file}")

    def _send(self, message: Message) -> None:
        if self._process is None:
            raise WorkerDiedError
        self._process.send(message)
        self._unfinished = True
        self._request += 1

    def _answers(self, cancelled: Cancelled) -> Iterator[Message]:
        """Yield answers up to the last; ends early when a cancelled worker is slow to say so, or another request was begun.

        Raises:
            WorkerDiedError: the worker is gone.
            ModelError: the worker refused.
        """
        process, request, asked_at = self._process, self._request, math.inf
        while process is not None and request == self._request:
            if asked_at == math.inf and (self._stop or cancelled()):
                process.request_stop()
                asked_at = time.monotonic()
            message = process.receive()
            if message is not None:
                last = self._note_end(message)
                yield message
                if last:
                    return
            elif time.monotonic() - asked_at > PATIENCE_S:
                return

    def _note_end(self, message: Message) -> bool:
        """Take the counts from a last answer, and say whether it is one.

        Raises:
            ModelError: the answer says that the worker could not do what was asked.
        """
        if message["kind"] not in ("end", "error"):
            return False
        self._unfinished = False
        if "counters" in message:
            self._counters, self._holding = Counters(**message["counters"]), Holding(**message["holding"])
        if message["kind"] == "error":
            if self._loaded is None:
                self._end_process()
            raise ModelError(f"{message['message']}")
        return True

    def _give_up(self) -> None:
        """Stop a request whose caller does not want the rest."""
        if self._unfinished and self._process is not None:
            self._process.request_stop()

    def _settle(self) -> None:
        """Wait for the end of a request that was given up; a worker that does not end it is replaced."""
        self._give_up()
        deadline = time.monotonic() + END_S
        while self._unfinished and self._process is not None:
            try:
                message = self._process.receive()
                if message is not None:
                    self._note_end(message)
                elif time.monotonic() > deadline:
                    self._end_process()
            except (WorkerDiedError, ModelError):
                self._end_process()

    def _abandoned(self, index: int, one: Written) -> Completion:
        one.done = True
        return Completion(index, one.text, "cancelled", len(one.tokens), one.logprob)

    def _end_process(self) -> None:
        process, self._process = self._process, None
        self._loaded, self._unfinished = None, False
        if process is not None:
            process.close()
            self._before, self._counters, self._holding = self._before + self._counters, Counters(), Holding()


def refuse_unreadable(path: Path) -> None:
    """Raise `ModelError` for what is certainly no model, before a process is started for it."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except FileNotFoundError as error:
        raise ModelError(f"There is no model file {path}; `refine-tui models list` shows the ones there are.") from error
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from error
    if magic != MAGIC:
        raise ModelError(f"{path} is not a GGUF file: it does not begin with the letters GGUF.")
