"""The worker process: reads requests, writes answers, ends when its parent does.

Started by `process.WorkerProcess` with the number of an inherited file that both map: byte 0 is the client's flag to stop what
is being computed, bytes 8 to 15 count up while this process is alive.
"""

from __future__ import annotations

import mmap
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from ctypes import addressof, c_char
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from refine_tui.core.errors import ModelError
from refine_tui.llama.framing import Message, read_message, write_message
from refine_tui.llama.shared import BEAT, BEAT_AT, BLOCK_BYTES, CANCEL_AT, DROP_AT, AbortedError
from refine_tui.loop.ports.thinking import Adapter, Completion, Request, Sampling

if TYPE_CHECKING:
    from refine_tui.llama.engine import Engine

NICENESS = 5
BEAT_S = 0.25
DELTAS_PER_S = 60


@dataclass
class Growth:
    """What one candidate grew by since it was last reported."""

    text: str = ""
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0


class Outbox:
    """Writes answers; growth is collected, so that a candidate is reported at most `DELTAS_PER_S` times a second."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._growth: dict[int, Growth] = {}
        self._flushed_at = 0.0

    def send(self, message: Message) -> None:
        """Send a message, after what was collected."""
        self.flush()
        write_message(self._pipe, message)

    def grow(self, index: int, text: str, tokens: list[int], logprob: float) -> None:
        """Collect what a candidate grew by; `logprob` is its sum so far."""
        growth = self._growth.setdefault(index, Growth())
        growth.text += text
        growth.tokens += tokens
        growth.logprob = logprob
        if time.monotonic() - self._flushed_at >= 1 / DELTAS_PER_S:
            self.flush()

    def flush(self) -> None:
        """Send what was collected."""
        self._flushed_at = time.monotonic()
        if self._growth:
            growth, self._growth = self._growth, {}
            write_message(self._pipe, {"kind": "growth", "growth": {index: vars(one) for index, one in growth.items()}})

    def complete(self, completion: Completion, own: tuple[int, int]) -> None:
        """Send a finished candidate, and how many tokens and letters its text begins with that are the model's own."""
        self.send({"kind": "completion", "completion": asdict(completion), "own": own})


class Worker:
    """Answers one request after another."""

    def __init__(self, outbox: Outbox, block: mmap.mmap, log: Any) -> None:
        self._outbox, self._block, self._log = outbox, block, log
        self._address = addressof(c_char.from_buffer(block))
        self._engine: Engine | None = None

    def answer(self, message: Message) -> None:
        """Carry out one request; its last answer is `end` or `error`."""
        actions: dict[str, Callable[[Message], Message]] = {"load": self._load, "complete": self._complete, "score": self._score}
        try:
            ended = actions[message["do"]](message)
        except ModelError as error:
            self._outbox.send({"kind": "error", "message": str(error)})
        except AbortedError:
            self._outbox.send({"kind": "end"} | self._usage())
        else:
            self._outbox.send({"kind": "end"} | ended | self._usage())

    def _step(self) -> None:
        if self._block[CANCEL_AT]:
            raise AbortedError

    def _dropped(self, index: int) -> bool:
        return DROP_AT + index < BLOCK_BYTES and self._block[DROP_AT + index] != 0

    def _usage(self) -> Message:
        if self._engine is None:
            return {}
        return {"counters": asdict(self._engine.counters), "holding": asdict(self._engine.holding())}

    def _load(self, message: Message) -> Message:
        from refine_tui.llama.loading import Wish, load

        self._engine, loaded = load(Wish(**message["wish"]), self._log, self._step, self._address)
        return {"model": asdict(loaded)}

    def _loaded(self) -> Engine:
        if self._engine is None:
            raise ModelError("no model is loaded")
        return self._engine

    def _complete(self, message: Message) -> Message:
        from refine_tui.llama.generation import Generation, Told

        asked = message["request"]
        fields = {"sampling": Sampling(**asked["sampling"]), "stop": tuple(asked["stop"]), "adapters": adapters(asked)}
        request = Request(**(asked | fields))
        told = Told(self._outbox.grow, self._outbox.complete, self._dropped)
        Generation(self._loaded(), request, message["prompt"], message["forced"], told).run()
        return {}

    def _score(self, message: Message) -> Message:
        from refine_tui.llama.scoring import score

        engine = self._loaded()
        prompt = engine.prompt_tokens(message["prompt"])
        continuations = [engine.tokenize(text, whole=False) for text in message["continuations"]]
        return {"scores": score(engine, prompt, continuations, adapters(message))}


def adapters(message: Message) -> tuple[Adapter, ...]:
    """Return the adapters that a message names."""
    return tuple(Adapter(**one) for one in message["adapters"])


def read_requests(pipe: IO[bytes], requests: queue.SimpleQueue[Message]) -> None:
    """Pass requests on; when the parent's end closes, end this process at once, whatever it computes."""
    try:
        while (message := read_message(pipe)) is not None:
            requests.put(message)
    finally:
        os._exit(0)


def beat(block: mmap.mmap, parent: int) -> None:
    """Count up as long as this process works and its parent lives.

    The parent is asked for by its number: a death signal would come when the *thread* that started this process ends.
    """
    count = 0
    while os.getppid() == parent:
        count += 1
        block[BEAT_AT : BEAT_AT + BEAT.size] = BEAT.pack(count)
        time.sleep(BEAT_S)
    os._exit(0)


def private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the pipes for requests and answers, and turn what libraries print to standard output into log text."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return requests, answers


def main() -> None:
    """Run the worker: `worker BLOCK_FD PARENT_PID`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    block = mmap.mmap(int(sys.argv[1]), BLOCK_BYTES)
    parent = int(sys.argv[2])
    incoming, answers = private_pipes()
    requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=beat, args=(block, parent), daemon=True).start()
    threading.Thread(target=read_requests, args=(incoming, requests), daemon=True).start()
    outbox = Outbox(answers)
    try:
        from refine_tui.llama.binding import Log

        worker = Worker(outbox, block, Log(sys.stderr))
    except ModelError as error:
        requests.get()
        outbox.send({"kind": "error", "message": str(error)})
        return
    while True:
        worker.answer(requests.get())


if __name__ == "__main__":
    main()
