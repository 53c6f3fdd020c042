"""A model that answers by a script: what it says depends on what it is asked, and it remembers every prompt."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from refine_tui.core.settings import Settings
from refine_tui.core.task import Budget
from refine_tui.loop import events
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.ports.thinking import Completion, Delta, Generator, ModelInfo, Profile, Request, Usage
from refine_tui.loop.session.session import Session
from refine_tui.loop.wanted import Wanted
from refine_tui.prompting.profiles import LineEdit, profile_for
from refine_tui.syntax import TreeSitter
from tests.loop.loop_fakes import ForkEvaluator, ForkObserver, MemoryJournal, MemoryWorkspace

Answers = Callable[[str], Sequence[str]]
"""Prompt → what the model says to it, in turn and over again."""


class ScriptedModel:
    """Asked for `count` continuations it gives the script's answers in turn."""

    def __init__(self, answers: Answers, profile: str = "scope-rewrite", context_tokens: int = 8192) -> None:
        self._answers, self._profile, self._context_tokens = answers, profile, context_tokens
        self.requests: list[Request] = []
        self.dropped: list[str] = []
        """What answers that were dropped had told so far."""
        self._dropped = -1

    @property
    def prompts(self) -> list[str]:
        """Every prompt so far."""
        return [request.prompt for request in self.requests]

    def load(self) -> ModelInfo:
        return ModelInfo("scripted", "s.gguf", "test", "F32", 1, self._context_tokens, "CPU, 1 thread", profile=self._profile)

    def complete(self, request: Request, cancelled: Cancelled) -> Iterator[Delta | Completion]:
        self.requests.append(request)
        for index, text in enumerate(itertools.islice(itertools.cycle(self._answers(request.prompt)), request.count)):
            yield from self._one(index, text)

    def _one(self, index: int, text: str) -> Iterator[Delta | Completion]:
        self._dropped = -1
        told = ""
        for line in text.splitlines(keepends=True):
            if self._dropped == index:
                self.dropped.append(told)
                yield Completion(index, told, "cancelled", len(told), -1.0)
                return
            told += line
            yield Delta(index, line)
        yield Completion(index, text, "length" if text.endswith("…") else "stop", len(text), -1.0)

    def drop(self, index: int) -> None:
        self._dropped = index

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Cancelled) -> list[float]:
        return [-1.0] * len(continuations)

    def usage(self) -> Usage:
        return Usage(generated=len(self.requests))

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        pass


class Bench:
    """A session on a project in memory with a scripted or real model and, unless it is asked for, without search."""

    def __init__(
        self,
        files: dict[str, str],
        answers: Answers,
        *,
        rounds: int = 4,
        candidates: int = 2,
        real: Generator | None = None,
        **model: object,
    ) -> None:
        ticks = itertools.count()
        self.workspace = MemoryWorkspace(files)
        self.model = ScriptedModel(answers, **model)  # type: ignore[arg-type]
        self.profile: Callable[[ModelInfo], Profile] = profile_for
        self.journal = MemoryJournal()
        evaluator = ForkEvaluator(self.workspace)
        parts = Parts(
            self.workspace,
            evaluator,
            TreeSitter(),
            self.journal,
            lambda: next(ticks) * 0.01,
            real or self.model,
            LineEdit(),
            lambda info: self.profile(info),
            observer=lambda: ForkObserver(evaluator),
        )
        self.session = Session(parts, Settings(budget=Budget(rounds=rounds, seconds=None, candidates=candidates)))

    def work(self, *, goal: str = "", search: bool = False) -> list[events.Event]:
        """Work on everything that fails, or on a goal in words."""
        told = list(self.session.survey(never, wanted=Wanted(goal=goal)))
        while (task := self.session.next_task()) is not None:
            told += self.session.work(task, never, search=search)
        return told


def never() -> bool:
    return False


def block(code: str) -> str:
    return f"```python\n{code}```"
