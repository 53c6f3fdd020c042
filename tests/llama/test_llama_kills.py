"""The worker is killed at random moments of real rounds: the app stays up, every round ends, nothing is left running or told late.

A second generator, which nobody kills, answers the same requests: what was told of an answer has to be what that one says. The model's
next token follows from the last one alone, so that what either has in its cache changes nothing.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from refine_tui.bootstrap_models import profile_of
from refine_tui.core.errors import ModelError
from refine_tui.llama.client import LlamaGenerator
from refine_tui.loop import events
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.ports.thinking import Completion, Delta, ModelInfo, Request, Usage
from tests.loop.loop_script import Bench, never

PROJECT = {
    "roman.py": 'def roman(number):\n    return ""\n',
    "test_roman.py": 'from roman import roman\n\ndef test_four():\n    assert roman(4) == "IV"\n',
}
TEMPLATE = (
    "{% for m in messages %}<|code|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|code|>assistant\n{% endif %}"
)
LONGEST = 48
"""Tokens of an answer here: long enough to be killed in, short enough for a thousand of them."""


class Hunted:
    """A generator whose worker is killed: before an answer, at some part of it, at any moment, or twice."""

    def __init__(self, real: LlamaGenerator, unharmed: LlamaGenerator, seed: int) -> None:
        self._real, self._unharmed, self._random = real, unharmed, random.Random(seed)
        self.kills, self.errors, self.pids = 0, 0, set[int]()
        self._said: dict[Request, dict[int, str]] = {}

    def load(self) -> ModelInfo:
        return self._real.load()

    def complete(self, request: Request, cancelled: Cancelled) -> Iterator[Delta | Completion]:
        request = Request(request.prompt, request.count, LONGEST, request.sampling, request.stop, copied=request.copied)
        due = self._plan()
        told: dict[int, str] = defaultdict(str)
        done: dict[int, Completion] = {}
        try:
            for number, item in enumerate(self._real.complete(request, cancelled)):
                assert item.index not in done, "nothing follows a finished answer"
                if isinstance(item, Delta):
                    told[item.index] += item.text
                else:
                    done[item.index] = item
                yield item
                if number in due:
                    self._kill()
        except ModelError:
            self.errors += 1
            raise
        finally:
            self._compare(request, told, done)

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Cancelled) -> list[float]:
        return self._real.score(prompt, continuations, cancelled)

    def drop(self, index: int) -> None:
        self._real.drop(index)

    def usage(self) -> Usage:
        return self._real.usage()

    def cancel(self) -> None:
        self._real.cancel()

    def close(self) -> None:
        self._real.close()

    def _plan(self) -> set[int]:
        """Return the parts after which the worker is killed; it may be killed at once, or by a thread at a moment of its own, too."""
        match self._random.randrange(6):
            case 0:
                self._kill()
                return set()
            case 1:
                threading.Timer(self._random.uniform(0.0, 0.02), self._kill).start()
                return set()
            case 2:
                return {self._random.randrange(4), self._random.randrange(4, 30)}
            case _:
                return {self._random.randrange(30)}

    def _kill(self) -> None:
        pid = self._real.worker_pid
        if pid is not None:
            self.pids.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1

    def _compare(self, request: Request, told: dict[int, str], done: dict[int, Completion]) -> None:
        if request not in self._said:
            parts = self._unharmed.complete(request, never)
            self._said[request] = {item.index: item.text for item in parts if isinstance(item, Completion)}
        for index, text in told.items():
            expected = self._said[request][index]
            assert expected.startswith(text), "what was told belongs to this request, and nothing of it twice"
            if index in done and done[index].reason != "cancelled":
                assert done[index].text == text == expected


def is_ours(pid: int) -> bool:
    """Say whether a process is a child of this one, running or not collected; its number alone may be another process's by now."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 12), pytest.param(2, 1000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])], ids=["12", "1000"]
)
def test_rounds_end_whenever_the_worker_is_killed(
    seed: int, kills: int, tmp_path: Path, tiny_gguf: Any, start: Callable[..., LlamaGenerator]
) -> None:
    dice, file = random.Random(seed), tmp_path / "chat.gguf"
    likely = defaultdict[tuple[int, int], float](lambda: dice.uniform(0.0, 8.0))
    more = {"tokenizer.chat_template": TEMPLATE}
    file.write_bytes(tiny_gguf.chain_model(lambda *pair: likely[pair], context=8192, more=more))
    real = start(file, profile="scope-rewrite")
    hunted = Hunted(real, start(file, profile="scope-rewrite"), seed)
    tasks = 0
    while hunted.kills < kills:
        bench = Bench(PROJECT, lambda _: [], rounds=3, candidates=2, real=hunted)
        bench.profile = profile_of
        told = bench.work()
        tasks += 1
        (end,) = [event for event in told if isinstance(event, events.TaskFinished)]
        assert (end.outcome, end.candidates) == ("unsolved", 0), "noise changes nothing"
        assert [item.status for item in bench.session.state().queue] == ["unsolved"]
        left_out = [event for event in told if isinstance(event, events.Notice)]
        assert all("The model was left out" in event.text for event in left_out)
    assert hunted.kills >= kills
    assert tasks > 1
    last = real.worker_pid
    real.close()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
    assert not [pid for pid in (*hunted.pids, *([last] if last else [])) if is_ours(pid)], "no worker is left"
