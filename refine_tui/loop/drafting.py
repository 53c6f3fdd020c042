"""The model proposer: asks for changes of the suspicious scopes and turns the answers into proposals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from refine_tui.core.patch import Edit, Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop.events import TextStreamed
from refine_tui.loop.ports.thinking import Ask, Completion, Delta, Fault, Generator, Profile, Prompt, Request, Sampling, Step, Syntax
from refine_tui.loop.ranking import FLOOR, WEIGHT
from refine_tui.loop.search import Base, scope_in, scope_lines

DRAFT_PRIOR = -4.0
"""Log prior of a model's draft beside the operators' priors."""
TEMPERATURE = 0.9
UNPARSABLE = "its code does not parse"
QUESTION_SEEDS = 100
"""How far the seeds of the questions about one scope lie apart: more than a question has answers."""


@dataclass
class DraftCount:
    """How the model's answers fared; kept for the task's record."""

    answers: int = 0
    readable: int = 0
    unchanged: int = 0
    """Readable answers that changed nothing."""
    faults: Counter[str] = field(default_factory=Counter)
    """What was wrong with those that could not be read."""
    asked_again: int = 0
    unread_critiques: int = 0


@dataclass(frozen=True)
class Question:
    """One prompt about a scope, as it is asked."""

    ask: Ask
    base: Base
    step: Step
    prompt: Prompt
    count: int
    seed: int


@dataclass(frozen=True)
class Writer:
    """The model at work on one task."""

    generator: Generator
    profile: Profile
    syntax: Syntax
    model: str
    task_id: str
    tally: DraftCount
    cancelled: Callable[[], bool]
    spent: Callable[[], bool]
    """Whether the model has written all it may; asked before each request, never in the middle of one."""
    temperature: float = TEMPERATURE

    def draft(self, ask: Ask, base: Base, step: Step, *, count: int, seed: int) -> Iterator[TextStreamed | Proposal]:
        """Ask for `count` changes of one scope; yields the text as it comes and a proposal for each answer that can be used.

        The first answer to a question that cannot be read is asked for once more, with its fault named. Every such answer counts.

        Raises:
            ModelError: the model cannot be asked or does not answer.
        """
        for number, (one, share) in enumerate(self.profile.questions(ask, count)):
            prompt = self.profile.prompt(one, step)
            if prompt is None or self._is_over():
                return
            question = Question(one, base, step, prompt, share, seed + QUESTION_SEEDS * number)
            unread: list[tuple[str, Fault]] = []
            yield from self._answers(question, unread)
            again = self.profile.again(one, step, *unread[0]) if unread and not self._is_over() else None
            if again is not None:
                self.tally.asked_again += 1
                yield from self._answers(replace(question, prompt=again, count=1), [])

    def unasked(self, text: str, ask: Ask, base: Base, prompt: Prompt, seed: int) -> Proposal | None:
        """Return what an answer changes that was to be words, not code; `None` when it holds no change that can be used."""
        question = Question(ask, base, "critique", prompt, 1, seed)
        read = self._read(Completion(0, text, "stop", 0, 0.0), question)
        return read if isinstance(read, Proposal) else None

    def _is_over(self) -> bool:
        return self.cancelled() or self.spent()

    def _answers(self, question: Question, unread: list[tuple[str, Fault]]) -> Iterator[TextStreamed | Proposal]:
        """Ask one prompt; answers that cannot be read go into `unread` with what is wrong with them."""
        sampling = Sampling(temperature=self.temperature, seed=question.seed)
        longest = self.profile.max_tokens(question.ask, question.step)
        copied = "\n".join(question.ask.lines) if self.profile.converses else ""
        request = Request(question.prompt.text, question.count, longest, sampling, self.profile.stop, copied=copied)
        written, given_up = defaultdict[int, str](str), set[int]()
        for item in self.generator.complete(request, self.cancelled):
            if isinstance(item, Delta):
                yield TextStreamed(self.task_id, item.index, item.text)
                written[item.index] += item.text
                fault = self._hopeless(written[item.index], question) if "\n" in item.text and item.index not in given_up else None
                if fault is not None:
                    given_up.add(item.index)
                    self.generator.drop(item.index)
                    self._count(written[item.index], fault, unread)
            elif item.reason != "cancelled" and item.index not in given_up:
                read = self._read(item, question)
                if isinstance(read, Fault):
                    self._count(item.text, read, unread)
                    continue
                self.tally.answers += 1
                self.tally.readable += 1
                if read is not None:
                    yield read

    def _count(self, answer: str, fault: Fault, unread: list[tuple[str, Fault]]) -> None:
        self.tally.answers += 1
        self.tally.faults[fault.words] += 1
        unread.append((answer, fault))

    def _hopeless(self, answer: str, question: Question) -> Fault | None:
        """Return what is wrong with an answer that is still being written and cannot get right any more."""
        ask = question.ask
        lines = self.profile.begun(answer, ask)
        if isinstance(lines, Fault):
            return lines
        indent = ask.lines[0][: len(ask.lines[0]) - len(ask.lines[0].lstrip())]
        code = [line.removeprefix(indent) for line in lines]
        return None if self.syntax.can_go_on(ask.scope.path, code) else Fault(UNPARSABLE)

    def _read(self, item: Completion, question: Question) -> Proposal | Fault | None:
        """Return what an answer proposes, what is wrong with it, or `None` when it changes nothing."""
        if item.reason == "length":
            return Fault("it was cut off because it is too long")
        ask, base = question.ask, question.base
        lines = self.profile.read(item.text, ask)
        if isinstance(lines, Fault):
            return lines
        if tuple(lines) == ask.lines:
            self.tally.unchanged += 1
            return None
        path = ask.scope.path
        patch = base.with_edits(path, (replace_scope(base.text(path), ask.scope, lines),))
        if fault := self._gated(patch, base, ask.scope):
            return fault
        return self._proposal(patch, lines, item, question)

    def _gated(self, patch: Patch, base: Base, scope: Scope) -> Fault | None:
        after = Base(base.tree, patch)
        if not self.syntax.is_valid(SourceFile(scope.path, after.text(scope.path))):
            return Fault(UNPARSABLE)
        return None if scope_in(after, scope, self.syntax) else Fault(f"its code does not define `{scope.name}`")

    def _proposal(self, patch: Patch, lines: Sequence[str], item: Completion, question: Question) -> Proposal | None:
        if patch.is_empty:
            return None
        ask = question.ask
        changed = next((i for i, (a, b) in enumerate(zip(ask.lines, lines, strict=False)) if a != b), min(len(lines), len(ask.lines)) - 1)
        score = DRAFT_PRIOR + WEIGHT * max(FLOOR, item.logprob)
        line = ask.scope.first_line + changed
        return Proposal(patch, "model", self.profile.name, _note(ask.lines, lines), ask.scope, line, score, self._detail(item, question))

    def _detail(self, item: Completion, question: Question) -> tuple[tuple[str, str], ...]:
        """Return the provenance: all that is needed to ask the same again, and what the model was not told."""
        detail = {
            "model": self.model,
            "seed": str(question.seed),
            "index": str(item.index),
            "tokens": str(item.tokens or ""),
            "temperature": str(self.temperature),
            "prompt": question.prompt.form,
            "prompts": self.profile.prompts,
            "parts": question.prompt.budget,
            "left out": question.prompt.left_out,
        }
        return tuple((key, value) for key, value in detail.items() if value)


def replace_scope(text: bytes, scope: Scope, lines: Sequence[str]) -> Edit:
    """Return the edit that puts `lines` in place of a scope. Lines that stay keep their line ends, new ones get the usual one."""
    start = text.rfind(b"\n", 0, scope.span.start) + 1
    old = text[start : scope.span.end]
    usual = b"\r\n" if old.count(b"\r\n") * 2 > old.count(b"\n") else b"\n"
    before, new = scope_lines(text, scope), [line.encode("utf-8", "surrogateescape") + usual for line in lines]
    raw = old.split(b"\n")
    for first, at, count in SequenceMatcher(None, before, lines, autojunk=False).get_matching_blocks():
        # The scope's last line ends outside of it.
        new[at : at + count] = [line + (b"\n" if first + n < len(raw) - 1 else usual) for n, line in enumerate(raw[first : first + count])]
    return Edit(start, old, b"".join(new).removesuffix(b"\n").removesuffix(b"\r"))


def _note(old: Sequence[str], new: Sequence[str]) -> str:
    added = [line.strip() for line in new if line not in old]
    removed = [line.strip() for line in old if line not in new]
    if added:
        return f"write `{added[0][:60]}`"
    return f"remove `{removed[0][:60]}`" if removed else "reorder lines"
